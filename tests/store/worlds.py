"""Short ways to say what tests of the store need: a portal, events, decisions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from leadback.lead.records import Decision, Effect, EffectKind, Event, Lead, Portal, TimerSet
from leadback.store import Decided, InboxEvent, Lane, NewEvent, Store

PORTAL = "acme"
MINUTE = 60_000
AT = 60 * MINUTE


def connect(store: Store, *names: str) -> None:
    with store.write() as tx:
        for name in names or (PORTAL,):
            tx.portals.put(Portal(name, "hubspot", "http://crm.example", "TOKEN"))


def event(number: object, kind: str = "email_opened", **data: Any) -> Event:
    return Event(kind, 1_000, "mailer", str(number), data)


def new(
    crm_id: str, number: object, kind: str = "email_opened", *, needs: str = "", **data: Any
) -> NewEvent:
    return NewEvent(PORTAL, crm_id, event(number, kind, **data), needs)


def add(store: Store, *events: NewEvent, now: int = 10) -> list[bool]:
    with store.write() as tx:
        return tx.inbox.add(events, now=now)


def lead(lead_id: str, **given: Any) -> Lead:
    values = {"portal": PORTAL, "lead_id": lead_id, "crm_id": lead_id, "state": "Cold"}
    return Lead(**{**values, **given})


def note(reference: str, text: str = "hello") -> Effect:
    return Effect(EffectKind.NOTE, {"text": text}, reference)


def fields(reference: str, **values: str) -> Effect:
    return Effect(EffectKind.FIELDS, values, reference)


def decision(
    after: Lead,
    *effects: Effect,
    timers: Sequence[TimerSet] = (),
    **given: Any,
) -> Decision:
    return Decision(after, "moved", "rule", "f:1:1", effects=effects, timers=tuple(timers), **given)


def simple(lane: Lane, row: InboxEvent, known: Lead | None) -> Decision | None:
    """`assigned` makes a lead, everything else is counted, nothing happens without a lead."""
    if known is None:
        return decision(lead(lane.lead_id)) if row.event.type == "assigned" else None
    counted = {**known.counters, row.event.id: len(known.counters)}
    return decision(replace(known, counters=counted, revision=known.revision + 1))


Decide = Callable[[Lane, InboxEvent, Lead | None], Decision | None]


def decide(
    store: Store,
    how: Decide | Mapping[str, Decision | None] = simple,
    *,
    portal: str = PORTAL,
    now: int = 20,
    limit: int = 1_000,
) -> list[tuple[str, str]]:
    """Claim, fold and commit once; the (lead id, event id) pairs in the order of deciding."""
    done: list[tuple[str, str]] = []
    with store.write() as tx:
        decided: list[Decided] = []
        for lane in tx.inbox.claim(portal, now=now, limit=limit):
            known, held = lane.lead, lane.held
            for row in lane.events:
                found = how(lane, row, known) if callable(how) else how[row.event.id]
                decided.append(Decided(row, known, found))
                done.append((lane.lead_id, row.event.id))
                if found is None:
                    held = True
                    continue
                was_none, known = known is None, found.lead
                if held and was_none:
                    break
        tx.inbox.commit(portal, decided, now=now, rules_version="v1")
    return done


def make_lead(store: Store, lead_id: str, *effects: Effect, now: int = 20, **given: Any) -> Lead:
    """A lead with these effects on their way."""
    add(store, new(lead_id, f"assigned-{lead_id}", "assigned"), now=now)
    made = lead(lead_id, **given)
    decide(store, lambda lane, row, known: decision(made, *effects), now=now)
    return made


def order(
    store: Store,
    of: Lead,
    *effects: Effect,
    now: int,
    drops_effects: bool = False,
    revives_effects: bool = False,
    **changes: Any,
) -> Lead:
    """One more decision about a lead, with these effects; changes: of the lead."""
    with store.read() as tx:
        known = tx.leads.get(of.portal, of.lead_id)
    assert known is not None
    number = f"more-{of.lead_id}-{known.revision}-{now}"
    add(store, new(of.crm_id, number), now=now)
    after = replace(known, revision=known.revision + 1, **changes)
    made = decision(after, *effects, drops_effects=drops_effects, revives_effects=revives_effects)
    decide(store, lambda lane, row, before: made, now=now)
    return after


def three_leads(store: Store) -> None:
    """Three leads in acme, made from AT on, the first one changed last; zeta has none."""
    connect(store, PORTAL, "zeta")
    first = make_lead(
        store, "501", note("a"), now=AT, name="Ann Ödegård", email="ann@x.example",
        assistant="t@x.example", previous_owner="7", counters={"opens": 1}, updated_at=AT,
    )  # fmt: skip
    make_lead(
        store, "502", now=AT + 1, name="Bob 100%", email="bob@x.example", state="Warm",
        sub_state="Deep", counters={"opens": 5}, updated_at=AT + MINUTE,
    )  # fmt: skip
    make_lead(
        store, "503", now=AT + 2, name=None, email=None, state="Warm", done=True,
        updated_at=AT + 2 * MINUTE,
    )  # fmt: skip
    order(store, first, now=AT + 3 * MINUTE, state="Hot", updated_at=AT + 3 * MINUTE)
