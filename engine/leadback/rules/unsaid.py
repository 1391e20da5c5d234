"""What a rules file means that was written before it could say so: the only names known by heart.

Such files lie about, and are kept in databases; they go on meaning what they meant, under the
version that they had.
"""

from collections.abc import Iterable
from dataclasses import replace

from leadback.rules.model import COUNT, Action, ContactFact, Event

FACTS: dict[str, ContactFact] = {
    "unassigned": "taken_back",
    "contact_deleted": "deleted",
    "contact_restored": "restored",
    "contact_merged": "merged",
    "contact_erased": "erased",
    "handback_kept": "kept",
}
"""The events that stand for a fact about the contact by their name alone."""

MANUAL = frozenset({"marked", "followup_stopped", "followup_continued", "followup_restarted"})
"""The events that people do by hand by their names alone."""

CALLED: dict[str, tuple[str, str]] = {
    "marked": ("", "Mark"),
    "followup_stopped": ("stop", "Stop follow-ups"),
    "followup_continued": ("continue", "Continue follow-ups"),
    "followup_restarted": ("restart", "Restart from the first message"),
}
"""What people call these events when they do them by hand: for short, and on a button. Others are
called by their names."""

OWNER_ANSWERED = "owner_answered"
_ANSWERS = "owner_replies"

COUNTING: dict[str, Action] = {OWNER_ANSWERED: Action(COUNT, counter=_ANSWERS)}
"""Actions that stand for others."""


def with_facts(events: Iterable[Event]) -> dict[str, Event]:
    """The events by name, with the facts that they stand for by their names alone."""
    found = {event.name: event for event in events}
    said = {event.contact for event in found.values()}
    for name, fact in FACTS.items():
        if name in found and found[name].contact is None and fact not in said:
            found[name] = replace(found[name], contact=fact)
    return found


def fact_of_version(event: Event) -> ContactFact | None:
    """The fact as far as the version depends on it: one that goes without saying does not."""
    return None if FACTS.get(event.name) == event.contact else event.contact


def manual_of_version(event: Event) -> bool | None:
    """Whether it is done by hand, as far as that does not go without saying."""
    return None if event.manual == (event.name in MANUAL) else event.manual


def action_of_version(action: Action) -> list[str | None]:
    """As files of before wrote it, which have their versions by that."""
    if action == COUNTING[OWNER_ANSWERED]:
        return [OWNER_ANSWERED, None]
    return [action.kind, action.counter or action.text]
