"""What a key may send follows from the rules, whatever the events are called."""

import re
from itertools import product
from pathlib import Path

import pytest

from leadback.base.shipped import SHIPPED_RULES
from leadback.rules.loader import parse
from leadback.rules.model import Event, Rules
from leadback.store.account_records import ApiKey
from leadback.work.senders import ACTIONS, CONTACTS, EVENTS, FILE, SENDING, again, by_key, scope_of

TEXT = SHIPPED_RULES.read_text(encoding="utf-8")
PAGE = Path("docs/reference/events.md").read_text(encoding="utf-8")


def rules(text: str = TEXT) -> Rules:
    found, _ = parse(text, file="f")
    assert found is not None
    return found


def key(*scopes: str, name: str = "mailer", **limits: tuple[str, ...]) -> ApiKey:
    return ApiKey("k", name, "hash", scopes, 1, "ann", **limits)


SHIPPED = rules()


def test_the_page_says_which_scope_each_event_needs() -> None:
    rows = re.findall(r"(?m)^\| `(\w+:write)` \|[^|]*\| ([^|]*) \|$", PAGE)
    said = {kind: scope for scope, kinds in rows for kind in re.findall(r"`(\w+)`", kinds)}
    assert said == {kind: scope_of(SHIPPED, kind) for kind in SHIPPED.events}
    assert set(said.values()) == set(SENDING)


@pytest.mark.parametrize("kind", list(SHIPPED.events))
def test_another_name_changes_nothing(kind: str) -> None:
    """The shipped file says of every event what it is, so that its name need not."""
    renamed = rules(re.sub(rf"\b{kind}\b", "happened", TEXT))
    assert scope_of(renamed, "happened") == scope_of(SHIPPED, kind)


def test_a_file_of_before_need_not_say_what_people_do() -> None:
    silent = rules(TEXT.replace(", manual: true", ""))
    assert [kind for kind in silent.events if scope_of(silent, kind) == ACTIONS] == [
        "marked", "followup_stopped", "followup_continued", "followup_restarted",
    ]  # fmt: skip
    assert silent.version == SHIPPED.version
    told = rules(TEXT.replace("by: action, manual: true", "by: action, manual: false"))
    assert scope_of(told, "marked") == EVENTS
    assert told.version != SHIPPED.version


@pytest.mark.parametrize(("kind", "scope"), list(product(SHIPPED.events, SENDING)))
def test_a_key_sends_what_its_scope_says_and_nothing_else(kind: str, scope: str) -> None:
    reason = by_key(key(scope)).refusal(SHIPPED, "acme", kind)
    needed = scope_of(SHIPPED, kind)
    assert reason == (
        "" if needed == scope else f"the key mailer lacks the scope {needed}, which {kind} needs"
    )


def test_a_key_can_be_for_some_portals_and_types() -> None:
    sender = by_key(key(EVENTS, portals=("acme", "beta"), types=("replied",)))
    assert sender.refusal(SHIPPED, "beta", "replied") == ""
    assert "portal gamma" in sender.refusal(SHIPPED, "gamma", "replied")
    assert "type email_opened" in sender.refusal(SHIPPED, "acme", "email_opened")
    assert FILE.refusal(SHIPPED, "gamma", "contact_erased") == ""


def test_what_is_sent_again_has_the_rights_of_whoever_sent_it_first() -> None:
    first, later = key(EVENTS), key(EVENTS, CONTACTS, ACTIONS)
    kept = by_key(first).via
    for keys in ([first], [first, later], [later, first]):
        assert "lacks the scope" in again(kept, keys).refusal(SHIPPED, "acme", "contact_erased")
        assert again(kept, keys).refusal(SHIPPED, "acme", "replied") == ""
    with pytest.raises(LookupError):
        again(kept, [key(EVENTS, name="another")])
    assert again("file", [first]).refusal(SHIPPED, "acme", "marked") == ""


def test_an_event_is_a_fact_before_it_is_an_action() -> None:
    """Both at once: the scope that erases people counts."""
    both = Event("gone", contact="erased", manual=True)
    found = rules()
    assert scope_of(Rules(**{**_fields(found), "events": {"gone": both}}), "gone") == CONTACTS


def _fields(found: Rules) -> dict[str, object]:
    return {name: getattr(found, name) for name in found.__dataclass_fields__}
