"""Notes, emails and tasks as they are sent: bounded, escaped, deterministic, found again."""

import html
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadback.api import Delivery, Done, EffectKind, GiveUp, TryLater, Uncertain
from leadback_hubspot.engagements import MAX_BODY, has_reference, properties_of
from tests.plugins.hubspot.rig import HANNA, NOON, OMAR, TARA, Rig

REFERENCE = "lb-abcdefgh234567xy"
TEXTS = st.text() | st.text(st.characters(), max_size=50) | st.sampled_from(
    ["<script>alert(1)</script>", "a & b", "\x00\x1f", "\ud800", "&amp;" * 20_000, "<" * 70_000,
     "x" * 70_000, "ä€😀" * 30_000, "a\r\nb\nc"])  # fmt: skip


def delivery(kind: EffectKind, **payload: Any) -> Delivery:
    return Delivery(1, kind, "17", {"at": NOON, **payload}, REFERENCE, 1, False)


@given(text=TEXTS)
def test_no_text_becomes_mark_up_or_too_long(text: str) -> None:
    body = properties_of(delivery(EffectKind.NOTE, text=text))["hs_note_body"]
    assert len(body) <= MAX_BODY
    body.encode("utf-8")
    assert set(re.findall(r"<[^>]*>", body)) <= {"<p>", "</p>", "<br>"}
    assert re.sub(r"&(amp|lt|gt|quot|#x27);|<(p|/p|br)>", "", body).find("&") < 0
    assert has_reference(body, REFERENCE)


@pytest.mark.parametrize("offset", range(9))
def test_a_cut_never_leaves_half_an_escape(offset: int) -> None:
    text = "x" * offset + "&<" * 40_000
    body = properties_of(delivery(EffectKind.NOTE, text=text))["hs_note_body"]
    assert re.fullmatch(r"<p>x*(&amp;|&lt;)*…</p><p>ref: \S+</p>", body)
    assert len(body) > MAX_BODY - 20


@given(text=st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=300))
def test_a_text_that_fits_is_not_changed(text: str) -> None:
    body = properties_of(delivery(EffectKind.NOTE, text=text))["hs_note_body"]
    shown = re.sub(r"<p>ref: .*</p>$", "", body).removeprefix("<p>").removesuffix("</p>")
    assert html.unescape(shown) == html.unescape(html.escape(text.strip()))


@given(body=TEXTS, subject=TEXTS, sender=TEXTS, incoming=st.booleans())
def test_any_email_can_be_logged(body: str, subject: str, sender: str, incoming: bool) -> None:
    made = properties_of(
        delivery(
            EffectKind.EMAIL,
            body=body,
            subject=subject,
            direction="incoming_email" if incoming else "outgoing_email",
            lead_email="lead@example.org",
            assistant="tara@acme.example",
            **{"from": sender},
        )
    )
    assert made["hs_email_direction"] == ("INCOMING_EMAIL" if incoming else "EMAIL")
    assert all(len(value) <= MAX_BODY for value in made.values())
    assert has_reference(made["hs_email_text"], REFERENCE)
    assert has_reference(made["hs_email_html"], REFERENCE)
    people = json.loads(made["hs_email_headers"])
    assert people["to"] == [{"email": "tara@acme.example" if incoming else "lead@example.org"}]


ODD = st.none() | st.integers() | st.lists(st.text(max_size=3))
NAMES = st.sampled_from(["text", "subject", "body", "from", "to", "owner", "direction"])


@given(
    kind=st.sampled_from([EffectKind.NOTE, EffectKind.EMAIL, EffectKind.TASK]),
    payload=st.dictionaries(NAMES, ODD | st.dictionaries(st.text(), st.text())),
)
def test_odd_payloads_are_logged_as_well_as_possible(
    kind: EffectKind, payload: dict[str, Any]
) -> None:
    one = delivery(kind, **payload)
    assert properties_of(one) == properties_of(replace(one, attempts=7, maybe_sent=True))


def test_a_reference_is_not_found_in_a_longer_one() -> None:
    assert has_reference(f"<p>ref: {REFERENCE}</p>", REFERENCE)
    assert not has_reference(f"<p>ref: {REFERENCE}7</p>", REFERENCE)
    assert not has_reference(None, REFERENCE)


def test_a_note_stands_on_the_timeline_where_the_event_was(ready: Rig) -> None:
    crm_id = ready.contact()
    note = ready.note(crm_id, "Tara <3 & co")
    (outcome,) = ready.deliver(note)
    assert isinstance(outcome, Done)
    (stored,) = ready.dump()["notes"].values()
    assert stored["id"] == outcome.result["id"]
    assert stored["contacts"] == [crm_id]
    assert stored["properties"]["hs_timestamp"].startswith("2026-11-03T12:00:00")
    assert stored["properties"]["hs_note_body"] == (
        f"<p>Tara &lt;3 &amp; co</p><p>ref: {note.reference}</p>"
    )


@pytest.mark.parametrize(
    ("owner", "stored_owner"),
    [(HANNA, HANNA), ("omar@acme.example", OMAR), ("paul@acme.example", None), (None, None)],
)
def test_a_task_is_for_an_owner_who_can_see_it(
    ready: Rig, owner: str | None, stored_owner: str | None
) -> None:
    task = ready.delivery(EffectKind.TASK, ready.contact(), subject="Call", at=NOON, owner=owner)
    (outcome,) = ready.deliver(task)
    assert isinstance(outcome, Done)
    (stored,) = ready.dump()["tasks"].values()
    assert stored["properties"].get("hubspot_owner_id") == stored_owner


def test_the_owner_of_a_task_may_leave_in_between(ready: Rig) -> None:
    crm_id = ready.contact()
    first = ready.delivery(EffectKind.TASK, crm_id, subject="Call", at=NOON, owner=HANNA)
    ready.deliver(first)
    ready.act("deactivate_owner", owner=HANNA)
    second = ready.delivery(EffectKind.TASK, crm_id, subject="Call", at=NOON, owner=HANNA)
    ready.deliver(second)
    (outcome,) = ready.deliver(second)
    assert isinstance(outcome, Done)
    assert len(ready.dump()["tasks"]) == 2


@pytest.mark.parametrize("version", ["2026-09", "v3"])
def test_a_dead_contact_stops_only_its_own_note(ready: Rig, version: str) -> None:
    ready.settings["api_version"] = version
    ids = ready.contacts(10)
    ready.act("delete", contact=ids[4])
    outcomes = ready.deliver(*(ready.note(crm_id) for crm_id in ids))
    waits = [isinstance(o, TryLater) and o.reread for o in outcomes]
    assert waits == [place == 4 for place in range(10)]
    assert "deleted" in str(outcomes[4])
    assert len(ready.dump()["notes"]) == 9


def test_a_note_for_a_merged_contact_lands_on_the_winner(ready: Rig) -> None:
    loser, winner = ready.contact(), ready.contact()
    winner = str(ready.act("merge", primary=winner, merged=loser)["contact"])
    (outcome,) = ready.deliver(ready.note(loser))
    assert isinstance(outcome, Done)
    (stored,) = ready.dump()["notes"].values()
    assert stored["contacts"] == [winner]


def test_a_hundred_lost_notes_are_found_in_few_calls(ready: Rig) -> None:
    ids = ready.contacts(100)
    notes = [ready.note(crm_id) for crm_id in ids]
    ready.fault("commit-then-drop", route="notes/batch/create", count=1)
    assert all(isinstance(outcome, Uncertain) for outcome in ready.deliver(*notes))
    ready.reset_stats()
    outcomes = ready.deliver(*(replace(n, maybe_sent=True) for n in notes))
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert len(ready.dump()["notes"]) == 100
    assert ready.count("") == 2, "the associations of all, and their texts"


def test_a_lost_note_is_found_among_many_pages(ready: Rig) -> None:
    crm_id = ready.contact()
    for _ in range(6):
        ready.deliver(*(ready.note(crm_id) for _ in range(100)))
    lost = ready.note(crm_id)
    ready.fault("commit-then-drop", route="notes/batch/create", count=1)
    ready.deliver(lost)
    ready.deliver(*(ready.note(crm_id) for _ in range(100)))
    (outcome,) = ready.deliver(replace(lost, maybe_sent=True))
    assert isinstance(outcome, Done)
    assert len(ready.dump()["notes"]) == 701


@pytest.mark.parametrize("route", ["associations", "notes/batch/read"])
def test_what_cannot_be_looked_for_stays_uncertain(ready: Rig, route: str) -> None:
    crm_id = ready.contact()
    ready.deliver(ready.note(crm_id))
    lost = ready.note(crm_id, maybe_sent=True)
    ready.fault("503", route=route)
    (outcome,) = ready.deliver(lost)
    assert isinstance(outcome, Uncertain)
    ready.control("DELETE", "faults")
    (outcome,) = ready.deliver(lost)
    assert isinstance(outcome, Done)
    assert len(ready.dump()["notes"]) == 2


def test_a_lost_note_of_a_contact_that_was_merged_since(ready: Rig) -> None:
    loser, winner = ready.contact(TARA), ready.contact(TARA)
    lost = ready.note(loser)
    ready.fault("commit-then-drop", route="notes/batch/create", count=1)
    ready.deliver(lost)
    ready.act("merge", primary=winner, merged=loser)
    (outcome,) = ready.deliver(replace(lost, maybe_sent=True))
    assert isinstance(outcome, Done)
    assert len(ready.dump()["notes"]) == 1


def test_a_time_that_is_none_stops_only_its_own_note(ready: Rig) -> None:
    bad = ready.delivery(EffectKind.NOTE, ready.contact(), text="x", at=10**20)
    refused, done = ready.deliver(bad, ready.note(ready.contact()))
    assert isinstance(refused, GiveUp)
    assert isinstance(done, Done)
