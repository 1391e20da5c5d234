"""What a rule can do besides moving the lead: the closed list of actions, each a few pure lines.

A rules file names them; nothing else can be named, so an edited file can execute nothing.
"""

from dataclasses import replace
from typing import Any

from leadback.base.clock import Millis
from leadback.lead.effects import fields_effect, reference, text_effect
from leadback.lead.machine import LeadMachine, Slot
from leadback.lead.records import Effect, Ended, Event, Lead
from leadback.rules.model import Action, Rule


class Work:
    """The pieces of one decision while it is put together."""

    __slots__ = ("before", "done_again", "effects", "event", "lead", "now", "rule", "slot")

    def __init__(
        self, before: Lead, lead: Lead, event: Event, now: Millis, rule: Rule, slot: Slot
    ) -> None:
        self.before, self.lead, self.event, self.now = before, lead, event, now
        self.rule, self.slot = rule, slot
        self.effects: list[Effect] = []
        self.done_again = False

    def reference(self) -> str:
        """Stable for this event and place: the same decision made twice has the same references."""
        return reference(self.lead, self.event, len(self.effects))


_CONTACT = ("email", "assistant", "previous_owner", "name", "assistant_name", "context")


def facts_of_contact(data: Any) -> dict[str, Any]:
    """What the look-up found out about the contact, as Lead fields."""
    return {key: data.get(key) for key in _CONTACT}


def assigned_at(event: Event, now: Millis) -> Millis:
    since = event.data.get("crm_assigned_at")
    return since if isinstance(since, int) else now


def act(rules: LeadMachine, work: Work, action: Action) -> None:
    if action.text is not None:
        text = rules.rules.texts[action.text]
        work.effects.append(text_effect(action.kind, text, work.lead, work.event, work.reference()))
        return
    if action.counter is not None:
        _count(work, action.counter)
        return
    _ACTIONS[action.kind](work)


def _start_anew(work: Work) -> None:
    data = work.event.data
    fresh = facts_of_contact(data) if "crm_id" in data else {}
    work.lead = replace(
        work.lead,
        counters={},
        stopped=False,
        done=False,
        ended=None,
        sub_state=None,
        assigned_at=assigned_at(work.event, work.now),
        **fresh,
    )


def _release(work: Work) -> None:
    work.lead = replace(work.lead, ended=Ended.TAKEN_BACK)


def _stop(work: Work) -> None:
    work.lead = replace(work.lead, stopped=True)


def _resume(work: Work) -> None:
    work.lead = replace(work.lead, stopped=False)


def _hand_back_again(work: Work) -> None:
    fresh = facts_of_contact(work.event.data) if "crm_id" in work.event.data else {}
    since = assigned_at(work.event, work.now)
    work.lead = replace(work.lead, done=True, ended=None, assigned_at=since, **fresh)
    work.done_again = True


def _count(work: Work, counter: str) -> None:
    counters = {**work.lead.counters, counter: work.lead.counters.get(counter, 0) + 1}
    work.lead = replace(work.lead, counters=counters)


def _close(work: Work) -> None:
    work.lead = replace(work.lead, ended=Ended.DELETED)


def _reopen(work: Work) -> None:
    if work.lead.ended is Ended.DELETED:
        work.lead = replace(work.lead, ended=Ended.TAKEN_BACK)


def _follow_merge(work: Work) -> None:
    if work.event.data.get("winner_is_erased"):  # it was part of somebody who was erased
        _erase(work)
        return
    if work.event.data.get("winner_is_lead"):
        work.lead = replace(work.lead, ended=Ended.MERGED)
        return
    work.lead = replace(work.lead, crm_id=str(work.event.data["into"]))
    work.effects.append(fields_effect(work.lead, work.reference()))


def _erase(work: Work) -> None:
    work.lead = replace(
        work.lead,
        ended=Ended.ERASED,
        email=None,
        name=None,
        context=None,
        sub_state=None,
        came_from=None,
    )


_ACTIONS = {
    "start_anew": _start_anew,
    "release": _release,
    "stop": _stop,
    "resume": _resume,
    "handback": _hand_back_again,
    "close": _close,
    "reopen": _reopen,
    "follow_merge": _follow_merge,
    "erase": _erase,
}
