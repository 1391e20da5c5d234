"""Secrets come back only with the right key, for the right portal and purpose."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadback.base.errors import ConfigurationError
from leadback.base.vault import KEYS, Vault, keys_from, new_key

DOCUMENT = {"access": "pat-na1-secret", "refresh": "r"}


def vault(*keys: str) -> Vault:
    return Vault(lambda: keys)


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=200)), st.text(max_size=30))
def test_what_is_sealed_opens_and_shows_nothing(content: dict[str, str], portal: str) -> None:
    kept = vault(new_key())
    sealed = kept.seal(portal, "tokens", content)
    assert kept.open(portal, "tokens", sealed) == content
    assert re.fullmatch(r"[A-Za-z0-9_=-]+", sealed)
    assert not any(len(value) > 8 and value in sealed for value in content.values())


def test_a_row_of_another_portal_or_purpose_is_refused() -> None:
    kept = vault(new_key())
    sealed = kept.seal("acme", "tokens", DOCUMENT)
    for portal, purpose in (("globex", "tokens"), ("acme", "consent")):
        with pytest.raises(ConfigurationError, match="belongs to another"):
            kept.open(portal, purpose, sealed)


def test_another_key_or_a_changed_row_says_what_to_do() -> None:
    sealed = vault(new_key()).seal("acme", "tokens", DOCUMENT)
    for broken in (sealed, sealed[:-8] + "AAAAAAA=", "", "nonsense"):
        with pytest.raises(ConfigurationError, match=f"{KEYS}.*cannot be decrypted.*connect again"):
            vault(new_key()).open("acme", "tokens", broken)


def test_keys_are_rotated_one_after_the_other() -> None:
    old, new = new_key(), new_key()
    sealed = vault(old).seal("acme", "tokens", DOCUMENT)
    fresh = vault(new, old).renew("acme", "tokens", sealed)
    assert vault(new).open("acme", "tokens", fresh) == DOCUMENT
    with pytest.raises(ConfigurationError):
        vault(old).open("acme", "tokens", fresh)


@pytest.mark.parametrize(("keys", "said"), [((), "no key"), (("short",), "key 1 is no key")])
def test_without_a_good_key_nothing_is_sealed(keys: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{said}.*leadback keys new"):
        vault(*keys).seal("acme", "tokens", DOCUMENT)


def test_keys_come_from_the_environment_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keys"
    file.write_text("one\ntwo\n")
    file.chmod(0o600)
    monkeypatch.delenv(KEYS, raising=False)
    assert keys_from(file)() == ("one", "two")
    assert keys_from(None)() == ()
    monkeypatch.setenv(KEYS, "three, four")
    assert keys_from(file)() == ("three", "four")
    monkeypatch.delenv(KEYS)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        keys_from(tmp_path / "none")()


@pytest.mark.parametrize("bits", [0o644, 0o604, 0o660, 0o602])
def test_keys_that_others_can_read_or_change_are_refused_with_what_to_do(
    tmp_path: Path, bits: int
) -> None:
    file = tmp_path / "keys"
    file.write_text("one\n")
    file.chmod(bits)
    with pytest.raises(ConfigurationError, match="other users") as caught:
        keys_from(file)()
    assert f"chmod 600 {file}" in caught.value.fix
    file.chmod(0o640)  # as services are given secrets
    assert keys_from(file)() == ("one",)
