"""From bytes to the inbox on a real database: what is wrong with one event stops no other."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leadback.base.errors import InputError
from leadback.lead.records import Assistant, Portal
from leadback.wiring import App, open_app
from leadback.work.intake import Added
from tests.databases import database_in

GOOD: dict[str, Any] = {
    "specversion": "1.0", "source": "m", "type": "email_opened", "subject": "acme/501",
}  # fmt: skip


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    rules = Path(__file__).resolve().parents[2] / "rules" / "lead_states.yaml"
    with open_app(database=database_in(tmp_path), rules=rules) as opened:
        with opened.store.write() as tx:
            tx.portals.put(Portal("acme", "hubspot", "http://127.0.0.1:1", "NONE"))
            tx.portals.put_assistant(Assistant("acme", "tara@example.com", "Tara"))
        yield opened


def added(app: App, raw: bytes) -> Added:
    return app.events.add(io.BufferedReader(io.BytesIO(raw)))  # type: ignore[arg-type]


def event(number: int, **changes: Any) -> str:
    return json.dumps({**GOOD, "id": f"e{number}", **changes})


BAD: dict[str, str] = {
    "too deep to be written": event(0)[:-1] + ', "data": {"a": ' + "[" * 300 + "]" * 300 + "}}",
    "too deep to be read": event(0)[:-1] + ', "data": {"a": ' + "[" * 2000 + "]" * 2000 + "}}",
    "too large": event(0, data={"body": "x" * 1_000_000}),
    "no JSON": "{NaN}",
    "a field that does not fit": event(0, type="assigned", data={"assistant": [1]}),
    "a zero byte": event(0, subject="acme/a\0@x.example"),
    "a contact that is none": event(0, subject="acme/undefined"),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("form", ["[{}]", "\ufeff[{}]", "lines", "\ufefflines"])
def test_one_bad_event_is_kept_with_its_reason_and_the_others_are_taken(
    app: App, bad: str, form: str
) -> None:
    three = [event(1), BAD[bad], event(2, data={"body": "cut \ud83d"})]
    if "lines" in form:
        text = form.replace("lines", "") + "\n".join(three)
    else:
        text = form.replace("{}", ",\n".join(three))
    found = added(app, text.encode())
    assert (found.accepted, found.rejected) == (2, 1), found.reasons
    assert found.reasons[0][0] == 2
    kept = app.queue.list(quarantined=True)
    assert len(kept) == 1
    if bad in ("a field that does not fit", "a contact that is none"):
        assert json.loads(kept[0]["raw"]) == json.loads(BAD[bad])


def test_a_refused_event_is_kept_whole_and_can_be_tried_again(app: App) -> None:
    """A body of a usual email is more than the first 4,000 bytes."""
    line = event(1, subject="beta/501", data={"body": "x" * 20_000})
    assert added(app, line.encode()).rejected == 1
    with app.store.write() as tx:
        tx.portals.put(Portal("beta", "hubspot", "http://127.0.0.1:1", "NONE"))
    assert app.queue.retry(None)["retried"] == 1
    assert app.queue.list(quarantined=True) == []


@pytest.mark.parametrize(
    ("raw", "says"),
    [(b"\x1f\x8b\x08", "gunzip"), ("[]".encode("utf-16"), "UTF-8"), (b"{\0", "binary")],
)
def test_a_file_that_is_no_text_is_refused_whole(app: App, raw: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        added(app, raw)


def test_a_value_that_no_rule_knows_is_taken_and_said(app: App) -> None:
    three = [
        event(n, type="replied", data={"intent": intent})
        for n, intent in enumerate(["Bored", "Bored", "unsubscribe", "other", "Away"])
    ]
    found = added(app, "\n".join(three).encode())
    assert (found.accepted, found.warnings) == (
        5,
        [
            "replied: no rule knows the intent 'Bored', so it was taken as other (2×)",
            "replied: no rule knows the intent 'Away', so it was taken as other (1×)",
        ],
    )
    assert added(app, three[0].encode()).warnings == []  # it came before
    status = app.queue.status()["unruled"]
    assert {(one["kind"], one["value"], one["events"]) for one in status} == {
        ("replied", "Bored", 2),
        ("replied", "Away", 1),
    }
    away, bored = sorted(status, key=lambda one: str(one["value"]))
    assert "add rules for replied.Bored, or tell the sender" in bored["reason"]
    assert app.queue.drop([bored["id"], "value:acme:999"], "a typo") == {
        "dropped": 1,
        "unknown": 1,
        "reason": "a typo",
    }
    assert app.queue.status()["unruled"] == [away]
    assert app.audit.list()[0]["what"] == "drop event"


def test_a_value_that_the_rules_know_by_now_needs_nobody(app: App) -> None:
    one = event(1, type="replied", data={"intent": "Bored\u202e"})
    assert added(app, one.encode()).warnings != []
    (shown,) = app.queue.unruled()
    assert shown["value"] == "Bored\\u202e"
    assert added(app, event(2, type="replied", data={"intent": "Bored"}).encode()).accepted == 1
    assert len(app.queue.unruled()) == 2
    rows = "  replied.Bored:\n    - {from: everywhere, stay: logged}\n  replied.other:"
    text = app.settings.rules_file.read_text().replace("  replied.other:", rows)
    app.versions.apply(text, expected=app.versions.plan(text)["expected"])
    assert [row["value"] for row in app.queue.unruled()] == ["Bored\\u202e"]


def test_an_assistant_may_be_written_in_any_case_and_an_owner_as_a_number(app: App) -> None:
    data = {"assistant": "Tara@Example.com", "previous_owner": 71500012}
    assert added(app, event(1, type="assigned", data=data).encode()).accepted == 1
