"""Logins and keys: each change is on the audit trail in the transaction that makes it."""

import inspect
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from leadback.base.clock import ManualClock
from leadback.base.errors import LeadbackError
from leadback.service.accounts import Accounts
from leadback.service.apikeys import ApiKeys
from leadback.service.audit import Audit
from leadback.store import Store, open_store
from tests.databases import database_in

GOOD = "correct horse battery staple"


@dataclass(frozen=True)
class Office:
    file: Path
    store: Store
    accounts: Accounts
    keys: ApiKeys
    audit: Audit

    def rows(self, *tables: str) -> list[Any]:
        """All that is kept in these tables."""
        with sqlite3.connect(self.file) as reading:
            return [reading.execute(f"SELECT * FROM {t} ORDER BY 1").fetchall() for t in tables]  # noqa: S608 — our own names


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    file = tmp_path / "leadback.db"
    store, clock = open_store(database_in(tmp_path)), ManualClock(1_800_000_000_000)
    audit = Audit(store, clock)
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    accounts, keys = Accounts(store, clock, audit, quick), ApiKeys(store, clock, audit)
    accounts.add("ada", GOOD, "admin", first=True)
    accounts.add("vera", GOOD, "viewer")
    keys.add("mailer", ["events:write"])
    yield Office(file, store, accounts, keys, audit)
    store.close()


def _log_out(office: Office) -> None:
    visitor = office.accounts.visitor(office.accounts.log_in("ada", GOOD) or "")
    assert visitor is not None
    office.accounts.log_out(visitor.session)


CHANGES: dict[str, tuple[Callable[[Office], Any], str, str, str]] = {
    "Accounts.add": (lambda o: o.accounts.add("bob", GOOD, "editor"), "add login", "bob", "editor"),
    "Accounts.invite": (lambda o: o.accounts.invite("cy", "viewer"), "invite", "cy", "viewer"),
    "Accounts.change": (
        lambda o: o.accounts.change("vera", role="operator"), "change role", "vera", "operator",
    ),
    "Accounts.set_password": (
        lambda o: o.accounts.set_password("ada", "quite unrelated words", old=GOOD),
        "change password", "ada", "done",
    ),
    "Accounts.link": (lambda o: o.accounts.link("vera", "i s"), "link login", "vera", "i s"),
    "Accounts.log_out": (_log_out, "log out", "ada", "done"),
    "ApiKeys.add": (
        lambda o: o.keys.add("bench", ["leads:read"]), "add API key", "bench", "leads:read",
    ),
    "ApiKeys.revoke": (lambda o: o.keys.revoke("mailer"), "revoke API key", "mailer", "done"),
}  # fmt: skip
"""Method → (a call of it, its word on the trail, on whom, outcome)."""

NO_CHANGES = {
    "Accounts.any", "Accounts.list", "Accounts.has_password", "ApiKeys.list", "ApiKeys.check",
    "Accounts.visitor", "Accounts.visitor_of",
    "Accounts.log_in", "Accounts.seen",  # coming in is on record with the tries that failed
    "Accounts.make_first",  # by Accounts.add
    "Accounts.knows", "Accounts.remember",  # a browser's own number of tries
}  # fmt: skip


def test_every_method_is_in_one_of_the_tables() -> None:
    found = {
        f"{service.__name__}.{name}"
        for service in (Accounts, ApiKeys)
        for name, _ in inspect.getmembers(service, inspect.isfunction)
        if not name.startswith("_")
    }
    assert found == set(CHANGES) | NO_CHANGES


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_says_who_made_it(office: Office, change: str) -> None:
    call, what, subject, outcome = CHANGES[change]
    before = office.audit.list()
    with office.audit.acting_as("ada", "pages"):
        call(office)
    (entry,) = office.audit.list()[: -len(before)]
    told = (entry["who"], entry["door"], entry["what"], entry["subject"], entry["outcome"])
    assert told == ("ada", "pages", what, subject, outcome)


@pytest.mark.parametrize("change", CHANGES)
def test_what_cannot_be_recorded_does_not_happen(office: Office, change: str) -> None:
    with sqlite3.connect(office.file) as breaking:
        breaking.execute(
            "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    before = office.rows("users", "api_keys")
    with pytest.raises(Exception, match="no"):
        CHANGES[change][0](office)
    assert office.rows("users", "api_keys") == before


def test_a_refused_change_is_on_the_trail_too(office: Office) -> None:
    refused: list[Callable[[], Any]] = [
        lambda: office.accounts.change("ada", role="viewer"),
        lambda: office.accounts.add("vera", GOOD, "admin"),
        lambda: office.accounts.set_password("ada", "quite unrelated words", old="wrong"),
        lambda: office.keys.revoke("never"),
    ]
    for call in refused:
        with pytest.raises(LeadbackError):
            call()
        assert office.audit.list(limit=1)[0]["outcome"].startswith("failed: ")


def test_enabling_and_disabling_are_told_apart(office: Office) -> None:
    office.accounts.change("vera", disabled=True)
    office.accounts.change("vera", disabled=False)
    told = [(e["what"], e["outcome"]) for e in office.audit.list(limit=2)]
    assert told == [("enable login", "done"), ("disable login", "done")]
