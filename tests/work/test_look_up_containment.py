"""One contact that cannot be understood or written stops nobody else's look-up, wherever it fails.

The plants are derived as in test_containment: what a look-up writes is made to fail for one contact
by the database itself. The CRM is what was said of it: a plugin that answers from memory.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import event as listening

from leadback.base.errors import LeadbackError
from leadback.hooks.outcomes import Access
from leadback.lead.records import Assistant, ContactReading, Event, Ownership
from leadback.store import ADDRESS, CONTACT, NewEvent, NewHint
from leadback.work import hinted, lookup
from tests.work.test_containment import (
    _WRITES,
    GUILTY,
    LEADS,
    OTHERS,
    Plant,
    World,
    _column,
    _refuse,
    opened_world,
    uproot,
)

TARA, OWNER = "tara@example.com", "7"
EVERYBODY = [*(("acme", one) for one in LEADS), ("beta", "900")]


@dataclass
class Crm:
    """Knows every contact; says nothing that makes sense about those that are odd."""

    knows: bool = True
    odd: frozenset[str] = frozenset()
    calls: int = 0

    def crm_read_contacts(self, *, access: Access, crm_ids: list[str]) -> list[ContactReading]:
        self._ask(crm_ids)
        return [self._reading(one) for one in crm_ids]

    def crm_find_contacts(self, *, access: Access, emails: list[str]) -> Mapping[str, str | None]:
        self._ask([email.partition("@")[0] for email in emails])
        return {email: email.partition("@")[0] if self.knows else None for email in emails}

    def _ask(self, crm_ids: list[str]) -> None:
        self.calls += 1
        if self.odd & set(crm_ids):
            raise KeyError("properties")

    def _reading(self, crm_id: str) -> ContactReading:
        if not self.knows:
            return ContactReading(crm_id, "deleted", crm_id)
        owners = (Ownership(OWNER, 1_700_000_000_000, "ann"), Ownership("9", 1, "ann"))
        return ContactReading(crm_id, "found", crm_id, f"{crm_id}@example.org", owners=owners)


@contextmanager
def opened(url: str, crm: Crm) -> Iterator[World]:
    with opened_world(url) as here:
        with here.app.store.write() as tx:
            for portal in ("acme", "beta"):
                tx.portals.put_assistant(Assistant(portal, TARA, "Tara", owner_id=OWNER))
        real = here.app.accesses.of
        here.app.accesses.of = lambda name: (real(name)[0], crm)  # type: ignore[method-assign,assignment,return-value]
        yield here


def look_up(here: World) -> None:
    """Until nothing is due, and what comes of it is decided."""
    while here.app.lookups.look_up_due(here.clock.now()) + here.decide():
        pass


def assignment(number: int, crm_id: str) -> Event:
    return Event("assigned", 1_799_000_000_000, "mailer", str(number), {"assistant": TARA})


def hints(here: World) -> None:
    now = here.clock.now()
    with here.app.store.write() as tx:
        for portal, crm_id in EVERYBODY:
            tx.hints.add(portal, [NewHint(crm_id, now)], now=now)


def arrive(here: World, needs: str, name: Callable[[str], str]) -> None:
    now = here.clock.now()
    with here.app.store.write() as tx:
        tx.inbox.add(
            [
                NewEvent(portal, name(crm_id), assignment(n, crm_id), needs)
                for n, (portal, crm_id) in enumerate(EVERYBODY)
            ],
            now=now,
        )


def facts(here: World) -> None:
    arrive(here, CONTACT, str)


def addresses(here: World) -> None:
    arrive(here, ADDRESS, "{}@example.org".format)


WAYS = [(hints, True), (facts, True), (facts, False), (addresses, True), (addresses, False)]
"""What is looked up, and whether the CRM knows the contacts."""


def written(url: str, ask: Callable[[World], None], crm: Crm) -> set[Plant]:
    found: set[Plant] = set()

    def note(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        match = _WRITES.match(statement)
        if match and (_column(match[2]) or match[2] == "quarantine"):
            found.add((match[2], match[1]))

    with opened(url, crm) as here:
        ask(here)
        engines = {here.engine, here.app.store._dialect._writing}  # type: ignore[attr-defined]
        for engine in engines:
            listening.listen(engine, "before_cursor_execute", note)
        here.app.lookups.look_up_due(here.clock.now())
        for engine in engines:
            listening.remove(engine, "before_cursor_execute", note)
    leases: set[Plant] = {("hints", "UPDATE")} | (set() if crm.knows else {("waiting", "UPDATE")})
    return found - leases


def plant(here: World, one: Plant) -> None:
    table, what = one
    row = "OLD" if what == "DELETE" else "NEW"
    when = f"{row}.{_column(table)} IN ('{GUILTY}', '{GUILTY}@example.org')"
    if table == "quarantine":
        when = f"NEW.raw LIKE '%/{GUILTY}%'"
    if one == ("waiting", "UPDATE"):  # not the lease, and not the parking
        when += " AND NEW.status <> 'failed' AND (NEW.status <> 'lookup' OR NEW.needs <> OLD.needs)"
    _refuse(here, f"BEFORE {what} ON {table} FOR EACH ROW", when)


def stopped(here: World) -> list[dict[str, Any]]:
    return here.app.queue.list(undecided=True)


def refused(here: World) -> int:
    return len(here.app.queue.list(quarantined=True))


def check_alone(here: World, crm: Crm, told: str = "") -> None:
    """Everybody else went on, and the guilty one is shown."""
    (row,) = stopped(here)
    assert row["lead"] in (f"acme/{GUILTY}", f"acme/{GUILTY}@example.org"), told
    history = here.history()
    if crm.knows:
        assert all(history[one] == ["assigned"] for one in (*OTHERS, "900")), told
        assert history[GUILTY] == [], told
    else:
        assert refused(here) == len(OTHERS) + 1, told


def check_retried(here: World, crm: Crm, told: str = "") -> None:
    (row,) = stopped(here)
    assert here.app.queue.retry([row["id"]])["retried"] == 1, told
    look_up(here)
    assert stopped(here) == [], told
    if crm.knows:
        assert here.history()[GUILTY] == ["assigned"], told
    else:
        assert refused(here) == len(LEADS) + 1, told


@pytest.mark.parametrize(("ask", "knows"), WAYS)
def test_whatever_a_look_up_writes_fails_for_one_contact_alone(
    fresh: Callable[[], str], ask: Callable[[World], None], knows: bool
) -> None:
    plants = written(fresh(), ask, Crm(knows))
    assert plants
    for one in sorted(plants):
        crm = Crm(knows)
        with opened(fresh(), crm) as here:
            ask(here)
            plant(here, one)
            here.app.lookups.look_up_due(here.clock.now())
            if ask is addresses and knows:
                here.app.lookups.look_up_due(here.clock.now())  # the facts are next
            while here.decide():
                pass
            check_alone(here, crm, told=f"{ask.__name__} {one}")
            uproot(here, one)
            check_retried(here, crm, told=f"{ask.__name__} {one}")


# ---------------------------------------------------------------------------- in the code


def _interpret(here: World, crm: Crm, patch: pytest.MonkeyPatch) -> None:
    real = hinted.interpret

    def fails(rules: Any, reading: ContactReading, *rest: Any, **more: Any) -> Any:
        if reading.asked == GUILTY:
            raise RuntimeError("planted")
        return real(rules, reading, *rest, **more)

    patch.setattr(hinted, "interpret", fails)


def _fill(here: World, crm: Crm, patch: pytest.MonkeyPatch) -> None:
    real = lookup.facts

    def fails(reading: ContactReading, *rest: Any) -> Any:
        if reading.asked == GUILTY:
            raise RuntimeError("planted")
        return real(reading, *rest)

    patch.setattr(lookup, "facts", fails)


def _answer(here: World, crm: Crm, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(crm, "odd", frozenset({GUILTY}))


def _decode(here: World, crm: Crm, patch: pytest.MonkeyPatch) -> None:
    here.run("UPDATE inbox SET data = '[1' WHERE crm_id = :crm_id", crm_id=GUILTY)


@pytest.mark.parametrize(
    ("ask", "planted"),
    [
        (hints, _interpret),
        (hints, _answer),
        (facts, _fill),
        (facts, _answer),
        (facts, _decode),
        (addresses, _fill),
        (addresses, _answer),
    ],
    ids=lambda one: one.__name__.strip("_"),
)
def test_whatever_fails_in_the_code_of_a_look_up_fails_alone(
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    ask: Callable[[World], None],
    planted: Callable[[World, Crm, pytest.MonkeyPatch], None],
) -> None:
    crm = Crm()
    with opened(url, crm) as here:
        ask(here)
        with monkeypatch.context() as patch:
            planted(here, crm, patch)
            look_up(here)
            check_alone(here, crm)
        here.run(
            "UPDATE inbox SET data = :data WHERE crm_id = :crm_id AND data = '[1'",
            data=f'{{"assistant":"{TARA}"}}',
            crm_id=GUILTY,
        )
        check_retried(here, crm)


def test_a_contact_that_makes_no_sense_is_asked_about_again_after_growing_pauses(url: str) -> None:
    crm = Crm(odd=frozenset({GUILTY}))
    with opened(url, crm) as here:
        hints(here)
        look_up(here)
        pauses = []
        for _ in range(7):
            (row,) = stopped(here)
            assert row["id"] == f"contact:acme:{GUILTY}"
            with here.app.store.read() as tx:
                (unread,) = tx.hints.unread(limit=9)
            assert unread.reason == "KeyError: 'properties'"
            pauses.append(unread.until - here.clock.now())
            here.clock.set(unread.until)
            look_up(here)
        assert pauses == sorted(pauses)
        assert pauses[-1] > 2 * pauses[0]
        assert here.app.queue.status()["inbox"]["unread"] == 1
        crm.odd = frozenset()
        here.clock.advance(3_600_000)
        look_up(here)
        assert stopped(here) == []
        assert here.app.queue.status()["inbox"]["unread"] == 0


@pytest.mark.parametrize("ask", [hints, facts, addresses])
def test_a_plugin_that_fails_with_everything_parks_nothing(
    url: str, ask: Callable[[World], None]
) -> None:
    """More contacts than tell whether it is one of them: it is the portal, asked again later."""
    many = [("acme", str(n)) for n in range(700, 700 + 40)]
    crm = Crm(odd=frozenset(crm_id for _, crm_id in many))
    with opened(url, crm) as here, pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.work.test_look_up_containment.EVERYBODY", [*many, ("beta", "900")])
        ask(here)
        look_up(here)
        assert stopped(here) == []
        assert crm.calls < 60
        assert here.history()["900"] == ["assigned"]
        crm.odd = frozenset()
        here.clock.advance(3_600_000)
        look_up(here)
        assert len(here.app.leads.list()) == len(many) + 1


@pytest.mark.parametrize("ask", [hints, facts, addresses])
def test_a_database_that_is_away_parks_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch, ask: Callable[[World], None]
) -> None:
    with opened(url, Crm()) as here:
        ask(here)
        real, count = type(here.app.store).write, 0

        def locked(self: Any) -> Any:
            nonlocal count
            count += 1
            if count > 2:  # after both portals' claims
                raise LeadbackError("the database is locked")
            return real(self)

        with monkeypatch.context() as patch:
            patch.setattr(type(here.app.store), "write", locked)
            with pytest.raises(LeadbackError, match="locked"):
                here.app.lookups.look_up_due(here.clock.now())
        assert stopped(here) == []
        here.clock.advance(60_000)
        look_up(here)
        assert all(here.history()[one] == ["assigned"] for one in (*LEADS, "900"))


def test_a_portal_whose_settings_cannot_be_read_keeps_no_other_from_its_turn(url: str) -> None:
    with opened(url, Crm()) as here:
        facts(here)
        here.run("UPDATE portals SET settings = '{' WHERE name = 'acme'")
        here.app.lookups.look_up_due(here.clock.now())
        here.decide()
        assert here.history()["900"] == ["assigned"]
        assert stopped(here) == []
