"""Logins and keys on a clock that stands still, on a real database."""

import re
import time
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from leadback.base.clock import MINUTE, ManualClock
from leadback.base.errors import InputError
from leadback.service.accounts import IDLE, LIFETIME, LOCKED, ROLES, TRIES, Accounts, Visitor
from leadback.service.apikeys import ApiKeys
from leadback.service.audit import Audit
from leadback.service.passwords import is_easy
from leadback.store import Store
from leadback.web import plain

GOOD = "correct horse battery staple"


@pytest.fixture
def accounts(store: Store, clock: ManualClock) -> Accounts:
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    made = Accounts(store, clock, Audit(store, clock), quick)
    made.add("ada", GOOD, "admin")
    made.add("vera", GOOD, "viewer")
    return made


def _token(accounts: Accounts, name: str = "vera") -> str:
    token = accounts.log_in(name, GOOD)
    assert token is not None
    return token


def test_a_login_is_only_made_first_while_there_is_none(accounts: Accounts) -> None:
    with pytest.raises(InputError, match="already"):
        accounts.add("eve", GOOD, "admin", first=True)


def test_the_lock_ends_by_itself_and_a_success_forgets_the_failures(
    accounts: Accounts, clock: ManualClock
) -> None:
    for _ in range(TRIES - 1):
        assert accounts.log_in("vera", "wrong wrong wrong") is None
    assert accounts.log_in("vera", GOOD)
    for _ in range(TRIES):
        assert accounts.log_in("vera", "wrong wrong wrong") is None
    clock.advance(LOCKED - 1)
    assert accounts.log_in("vera", GOOD) is None
    clock.advance(1)
    assert accounts.log_in("vera", GOOD)


def test_a_session_ends_when_nobody_uses_it(accounts: Accounts, clock: ManualClock) -> None:
    token = _token(accounts)
    clock.advance(IDLE - 1)
    visitor = accounts.visitor(token)
    assert visitor is not None
    accounts.seen(visitor.session)
    clock.advance(IDLE - 1)
    assert accounts.visitor(token) is not None
    clock.advance(1)
    assert accounts.visitor(token) is None


def test_a_session_ends_however_much_it_is_used(accounts: Accounts, clock: ManualClock) -> None:
    token = _token(accounts)
    for _ in range(LIFETIME // (60 * MINUTE) - 1):
        clock.advance(60 * MINUTE)
        visitor = accounts.visitor(token)
        assert visitor is not None
        accounts.seen(visitor.session)
    clock.advance(60 * MINUTE)
    assert accounts.visitor(token) is None


def test_sessions_that_are_over_are_forgotten(
    accounts: Accounts, clock: ManualClock, store: Store
) -> None:
    first = accounts.visitor(_token(accounts))
    assert first is not None
    clock.advance(LIFETIME)
    _token(accounts)
    with store.read() as tx:
        assert tx.accounts.session(first.session) is None


def test_disabling_changing_a_role_and_a_new_password_end_sessions(accounts: Accounts) -> None:
    token = _token(accounts)
    accounts.change("vera", role="operator")
    assert accounts.visitor(token) is None
    token = _token(accounts)
    accounts.set_password("vera", "another long enough phrase", old=GOOD)
    assert accounts.visitor(token) is None
    assert accounts.log_in("vera", GOOD) is None
    accounts.change("vera", disabled=True)
    assert accounts.log_in("vera", "another long enough phrase") is None


def test_the_old_password_is_needed_for_a_new_one(accounts: Accounts) -> None:
    with pytest.raises(InputError, match="old password"):
        accounts.set_password("vera", "another long enough phrase", old="wrong wrong wrong")


def test_the_last_admin_stays_one(accounts: Accounts) -> None:
    with pytest.raises(InputError, match="last admin"):
        accounts.change("ada", role="viewer")
    with pytest.raises(InputError, match="last admin"):
        accounts.change("ada", disabled=True)
    accounts.add("bob", GOOD, "admin")
    accounts.change("ada", role="viewer")
    assert {u["name"]: u["role"] for u in accounts.list()}["ada"] == "viewer"


@pytest.mark.parametrize(
    "password",
    [
        "short", "x" * 257, "aaaaaaaaaaaaaaaa", "vera-vera-vera", "leadback12345",
        "passwordpassword", "123456123456", "qwertyqwerty", "123456789012", "Password123!",
        "P@ssw0rdP@ssw0rd", "iloveyouiloveyou", "qwertyuiopasdf", "november2026!", "Welcome12345",
        "1q2w3e4r5t6y", "abcdefghijkl", "adminadmin123", "Leadback2026!",
        # What is at the end of a long one does not help its beginning.
        "password" * 4 + "quite unrelated words",
    ],
)  # fmt: skip
def test_passwords_that_are_easy_to_guess_are_refused(accounts: Accounts, password: str) -> None:
    with pytest.raises(InputError):
        accounts.set_password("vera", password)


@pytest.mark.parametrize(
    "password", ["quite unrelated words", "Tr0ub4dor&3xx", "x" * 8 + " vera met a walrus" * 8]
)
def test_passwords_that_are_hard_to_guess_are_taken(accounts: Accounts, password: str) -> None:
    accounts.set_password("vera", password)
    assert accounts.log_in("vera", password)
    assert accounts.log_in("vera", password[:-1]) is None


def test_what_a_password_is_about_is_easy_to_guess(accounts: Accounts) -> None:
    accounts.add("zyxoria.quandle@example.com", GOOD, "viewer")
    for password in (
        "zyxoria12345",
        "QUANDLEquandle",
        "my name zyxoria",
        "zyxoria.quandle@example.com",
        "zyxoria-quandle",
        "zyxoria.quandle@example",
    ):
        accounts.set_password("vera", password)
        with pytest.raises(InputError, match="easy to guess"):
            accounts.set_password("zyxoria.quandle@example.com", password)


def test_judging_a_password_has_an_end() -> None:
    """Of signs that may stand for letters zxcvbn takes 20 s for 72, and ever more for more."""
    began = time.process_time()
    assert not is_easy("4@8({[</369&#!1/|0$5+7%2" * 10, "vera")
    assert time.process_time() - began < 10


@pytest.mark.parametrize("name", ["", " ada", "a\nb", "x" * 65])
def test_names_that_cannot_be_read_are_refused(accounts: Accounts, name: str) -> None:
    with pytest.raises(InputError):
        accounts.add(name, GOOD, "viewer")


def test_each_role_may_do_what_those_before_it_may() -> None:
    for number, role in enumerate(ROLES):
        visitor = Visitor("x", role, "")
        assert [visitor.may(r) for r in ROLES] == [n <= number for n in range(len(ROLES))]


def test_neither_passwords_nor_tokens_are_kept(accounts: Accounts, store: Store) -> None:
    token = _token(accounts)
    store.close()
    folder = Path(store.name.removeprefix("sqlite:///")).parent
    kept = b"".join(path.read_bytes() for path in folder.glob("leadback.db*"))
    assert b"vera" in kept
    assert GOOD.encode() not in kept
    assert token.encode() not in kept


def test_keys_open_by_their_secret_and_by_nothing_else(store: Store, clock: ManualClock) -> None:
    keys = ApiKeys(store, clock, Audit(store, clock))
    key = keys.add("mailer", ["leads:read", "events:write"])["key"]
    found = keys.check(key)
    assert found is not None
    assert found.scopes == ("events:write", "leads:read")
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    assert keys.check(wrong) is None
    assert keys.check(key.replace(found.key_id, "0" * 12)) is None
    assert keys.check(key + "\n") is None
    keys.revoke("mailer")
    assert keys.check(key) is None


def test_a_name_is_one_key_at_a_time_and_scopes_are_known(store: Store, clock: ManualClock) -> None:
    keys = ApiKeys(store, clock, Audit(store, clock))
    keys.add("mailer", ["events:write"])
    with pytest.raises(InputError, match="already"):
        keys.add("mailer", ["events:write"])
    keys.revoke("mailer")
    keys.add("mailer", ["events:write"])
    for scopes in ([], ["everything"]):
        with pytest.raises(InputError, match="scope"):
            keys.add("other", scopes)
    with pytest.raises(InputError, match="no key"):
        keys.revoke("never")


def test_password_managers_know_what_each_field_is_for() -> None:
    pages = {"login": plain.login_page(), "first": plain.first_page("token")}
    fields = {
        name: re.findall(r"<input (?!type=\"hidden)[^>]*>", html) for name, html in pages.items()
    }
    kinds = {
        name: [re.findall(r'autocomplete="([\w-]+)"', field) for field in found]
        for name, found in fields.items()
    }
    assert kinds == {
        "login": [["username"], ["current-password"]],
        "first": [["username"], ["new-password"]],
    }
    assert "onpaste" not in "".join(pages.values())
