"""Where a setting comes from: option, environment, file, default, in this order."""

from pathlib import Path

import pytest

from leadback.base.errors import ConfigurationError
from leadback.base.settings import Settings, load_settings
from leadback.base.vault import KEYS


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG", "LOG_LEVEL", "POLL_SECONDS", "DATABASE_URL"):
        monkeypatch.delenv(f"LEADBACK_{name}", raising=False)


def test_options_win_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("log_level: info\npoll_seconds: 30\ndatabase_url: sqlite:///file.db\n")
    monkeypatch.setenv("LEADBACK_POLL_SECONDS", "40")
    found = load_settings(file, database_url="sqlite:///option.db")
    assert (found.log_level, found.poll_seconds) == ("info", 40)
    assert found.database_url == "sqlite:///option.db"


def test_the_environment_can_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named, given = tmp_path / "named.yaml", tmp_path / "given.yaml"
    named.write_text("log_level: debug\n")
    given.write_text("log_level: error\n")
    monkeypatch.setenv("LEADBACK_CONFIG", str(named))
    assert load_settings().log_level == "debug"
    assert load_settings(given).log_level == "error"
    monkeypatch.setenv("LEADBACK_CONFIG", str(tmp_path / "none.yaml"))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_settings()


def test_a_setting_that_does_not_exist_is_named(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("databaseurl: sqlite:///x.db\n")
    with pytest.raises(ConfigurationError, match=r"unknown settings.*databaseurl"):
        load_settings(file)


OURS = sorted(
    {f"LEADBACK_{name.upper()}" for name in Settings.model_fields}
    | {KEYS, "LEADBACK_CONFIG", "LEADBACK_OIDC_CLIENT_SECRET", "LEADBACK_HUBSPOT_CLIENT_SECRET"}
    | {"LEADBACK_HUBSPOT_CLIENT_ID", "LEADBACK_PORTAL_CLIENT_SECRET"}
)


@pytest.mark.parametrize("variable", OURS)
def test_the_pages_never_name_a_variable_of_ours(variable: str) -> None:
    """Also where the operator's own words would take it in."""
    assert not Settings(pages_variables=f"LEADBACK_*, {variable}").pages_may_name(variable)


def test_the_pages_name_what_the_operator_said() -> None:
    ours = Settings()
    assert ours.pages_may_name("LEADBACK_PORTAL_ACME")
    for variable in ("LEADBACK_PORTA", "HOME", "PATH", "leadback_portal_acme", "", "*"):
        assert not ours.pages_may_name(variable)
    named = Settings(pages_variables="ACME_TOKEN, BETA_*")
    assert [named.pages_may_name(v) for v in ("ACME_TOKEN", "BETA_HOOKS", "ACME_TOKENS")] == [
        True, True, False,
    ]  # fmt: skip
    assert not Settings(pages_variables="").pages_may_name("LEADBACK_PORTAL_ACME")


@pytest.mark.parametrize("words", ["*", "A*", "A-B", "$HOME", "A B*C"])
def test_words_that_name_no_variable_are_refused(words: str) -> None:
    with pytest.raises(ConfigurationError, match="pages_variables"):
        load_settings(pages_variables=words)


def test_the_oidc_secret_is_ours_under_whatever_name() -> None:
    named = Settings(oidc_client_secret_env="ACME_TOKEN", pages_variables="ACME_*")
    assert not named.pages_may_name("ACME_TOKEN")


def test_proxies_are_addresses_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADBACK_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/24 ::1")
    assert load_settings().proxies == ["127.0.0.1", "10.0.0.0/24", "::1"]
    for odd in ("*", "proxy.example", "10.0.0.1/8"):
        monkeypatch.setenv("LEADBACK_TRUSTED_PROXIES", odd)
        with pytest.raises(ConfigurationError, match="trusted_proxies"):
            load_settings()
