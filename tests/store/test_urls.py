"""Database URLs that cannot be used are refused in one sentence, and repeat no password."""

import pytest
from sqlalchemy import make_url

from leadback.base.errors import ConfigurationError
from leadback.base.redaction import without_secrets
from leadback.store import open_store
from leadback.store.database import is_made
from leadback.store.urls import read_url, shown

S = "S3CRETPW"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://user:{S}@host:notaport/db",
        f"postgresql://user:{S}C@RET{S}@host/db",
        f"mysql://user@host/db?password={S}",
        f"mysql://user:{S}@host/db",
        f"user:{S}@host/db",
        S,
        "",
    ],
)
def test_no_part_of_a_password_is_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_store(url)
    assert S not in str(caught.value)
    assert "RET" not in str(caught.value)
    assert (caught.value.exit_code, caught.value.where) == (2, "database_url")
    assert caught.value.fix
    if not url.startswith("mysql"):
        assert is_made(url)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://user@127.0.0.1:1/db?password={S}",
        f"postgresql://user:{S}@127.0.0.1:1/db?sslpassword={S}",
    ],
)
def test_a_server_that_cannot_be_reached_shows_none_either(url: str) -> None:
    from leadback.base.errors import LeadbackError

    with pytest.raises(LeadbackError) as caught:
        open_store(url)
    assert S not in str(caught.value)
    assert "127.0.0.1:1/db" in str(caught.value)


def test_what_was_read_is_hidden_in_the_log_too() -> None:
    read_url("postgresql://user:Q7pass!word@host/db?password=other-pass")
    assert without_secrets("Q7pass!word and other-pass") == "… and …"


def test_what_is_shown_is_the_rest() -> None:
    url = make_url(f"postgresql://user:{S}@host/db?password={S}&sslmode=require")
    assert shown(url) == "postgresql://user:***@host/db?sslmode=require"
