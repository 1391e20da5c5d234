"""What one event means for one lead: a pure function, replayable on paper.

No clock, no database, no network, no random number. Same arguments, same Decision, for ever.
"""

from collections.abc import Mapping
from dataclasses import replace

from leadback.base.clock import MINUTE, Millis
from leadback.lead.actions import Work, act, assigned_at, facts_of_contact
from leadback.lead.change import GONE, RULES_CHANGED, change_rules
from leadback.lead.contact import CONTACT_CHANGED, change_contact
from leadback.lead.effects import fields_effect, handback_effect, order, reference
from leadback.lead.machine import LeadMachine, Slot, facts_of
from leadback.lead.records import Decision, Effect, EffectKind, Ended, Event, Lead
from leadback.lead.timers import arm, arm_again, instead, why_until
from leadback.rules.model import KEEP, PREVIOUS, Rule

SKEW: Millis = MINUTE
"""By how much the clocks of two workers may differ, with the time that one waits for the other."""

_OF_THE_ENGINE = {RULES_CHANGED: change_rules, CONTACT_CHANGED: change_contact}
"""Events that no rules file declares, and what decides them."""


def decide(rules: LeadMachine, lead: Lead | None, event: Event, now: Millis) -> Decision | None:
    """Decide one event. None: the contact is no lead yet and this event does not make it one.

    The time of a lead's decisions does not go back: when another worker decided about it a moment
    after `now`, that moment counts. A clock that was set back by more than SKEW is believed.
    Raises UnknownTriggerError when the rules do not know the event of a contact that is there;
    intake refuses those before.
    """
    if lead is not None and now < lead.updated_at <= now + SKEW:
        now = lead.updated_at
    of_the_engine = _OF_THE_ENGINE.get(event.type)
    if of_the_engine is not None:
        return None if lead is None else of_the_engine(rules, lead, event, now)
    if lead is None:
        rules.trigger_for(event.type, event.data)  # raises
        return _start(rules, event, now) if event.type == rules.rules.start_event else None
    # Before the rules look at it: what an event said of an erased contact is erased, too.
    if lead.ended in GONE and not _revives(rules, lead, event):
        assert lead.ended is not None  # noqa: S101 — tells the type checker what GONE implies
        return Decision(
            lead=_counted(lead, lead.counters, now),
            result="ignored",
            because=f"the contact is {lead.ended.value}",
        )
    trigger = rules.trigger_for(event.type, event.data)
    if event.type == rules.rules.start_event and _is_known(lead, event):
        return Decision(
            lead=_counted(lead, lead.counters, now),
            result="ignored",
            because="this assignment is known already",
        )
    later = instead(rules, event, now)
    if later is not None:
        return Decision(
            lead=_counted(lead, lead.counters, now),
            result="ignored",
            because="the timer was overdue",
            timers=later,
        )
    if event.type == rules.rules.start_event:
        lead = replace(lead, assigned_at=_since(lead, event))
    counters = _count(rules, lead, event.type, trigger)
    facts = facts_of(lead, counters) if rules.asks(trigger, lead.state) else {}
    slot = Slot(lead.state, lead.came_from and lead.came_from[0], facts)
    rule = rules.fire(trigger, slot)
    counted = _counted(lead, counters, now)
    if rule is None:
        return Decision(
            lead=counted,
            result="ignored",
            reads=slot.reads,
            because=_why_nothing(rules, trigger, lead.state),
            effects=_log(rules, counted, event),
            timers=arm_again(rules, event, now),
        )
    if rule.to is None and not rule.actions and lead.ended is None:
        return _stayed(rules, counted, event, now, rule, slot)
    return _apply(rules, Work(lead, counted, event, now, rule, slot), rule.to and slot.state)


def _start(rules: LeadMachine, event: Event, now: Millis) -> Decision:
    rule = rules.rules.start
    data = event.data
    lead = Lead(
        portal=str(data["portal"]),
        lead_id=str(data["crm_id"]),
        crm_id=str(data["crm_id"]),
        state=str(rule.to),
        assigned_at=assigned_at(event, now),
        entered_at=now,
        updated_at=now,
        revision=1,
        **facts_of_contact(data),
    )
    work = Work(lead, lead, event, now, rule, Slot(lead.state, None, {}))
    work.effects.append(fields_effect(lead, work.reference()))
    for action in rule.actions:
        act(rules, work, action)
    return Decision(
        lead=work.lead,
        result="moved",
        rule=rule.name,
        rule_at=rule.where,
        because="the contact was assigned",
        effects=order(work.effects),
        timers=arm(rules, work.lead.state, event, now),
    )


def _stayed(
    rules: LeadMachine, lead: Lead, event: Event, now: Millis, rule: Rule, slot: Slot
) -> Decision:
    """What _apply() comes to when the rule moves and does nothing, as most do: a third of it."""
    return Decision(
        lead,
        "stayed" if rule.refuse is None else "refused",
        rule.name,
        rule.where,
        slot.reads,
        rule.stay or rule.refuse or "",
        _log(rules, lead, event),
        arm_again(rules, event, now),
    )


def _apply(rules: LeadMachine, work: Work, goal: str | None) -> Decision:
    rule, before = work.rule, work.before
    work.effects.extend(_log(rules, work.lead, work.event))
    if goal is not None:
        work.lead = _moved(rules, work, goal)
    for action in rule.actions:
        act(rules, work, action)
    restarts = goal is not None or work.lead.ended in GONE
    if goal is not None and (goal != before.state or _does(rule, "start_anew")):
        work.effects.append(fields_effect(work.lead, work.reference()))
    if (work.lead.done and not before.done and before.ended not in GONE) or work.done_again:
        work.effects.append(handback_effect(work.lead, work.reference()))
    gone = work.lead.ended in GONE
    timers = arm(rules, work.lead.state, work.event, work.now) if goal is not None else ()
    if goal is None and not gone:
        timers = arm_again(rules, work.event, work.now)
    return Decision(
        lead=work.lead,
        result="moved" if goal is not None else "refused" if rule.refuse is not None else "stayed",
        rule=rule.name,
        rule_at=rule.where,
        reads=work.slot.reads,
        because=rule.stay
        or rule.refuse
        or (why_until(rules, goal, work.event, work.now) if goal is not None else ""),
        effects=() if gone else order(work.effects),
        timers=() if gone else timers,
        clears_timers=restarts,
        drops_effects=gone,
        merged_into=_merged_into(work),
        erased=work.lead.ended is Ended.ERASED,
        revives_effects=before.ended is Ended.DELETED and not gone,
    )


def _moved(rules: LeadMachine, work: Work, goal: str) -> Lead:
    lead, rule = work.lead, work.rule
    sub_state: str | None = None
    if rule.sub_state == KEEP:
        sub_state = lead.sub_state
    elif rule.to == PREVIOUS and lead.came_from is not None:
        sub_state = lead.came_from[1]
    elif rule.sub_state is not None:
        sub_state = rule.sub_state
    else:
        sub_state = _sub_state_of_event(rules, work.event)
    came_from = (lead.state, lead.sub_state) if goal != lead.state else lead.came_from
    return Lead(
        lead.portal,
        lead.lead_id,
        lead.crm_id,
        goal,
        sub_state,
        came_from,
        lead.email,
        lead.name,
        lead.assistant,
        lead.assistant_name,
        lead.context,
        lead.previous_owner,
        lead.counters,
        rule.done or rules.rules.states[goal].work.is_done,
        lead.stopped,
        lead.ended,
        lead.assigned_at,
        work.now,
        lead.updated_at,
        lead.revision,
    )


def _sub_state_of_event(rules: LeadMachine, event: Event) -> str | None:
    kind = rules.event(event.type)
    if kind is None or kind.by is None or not kind.keeps_sub_state:
        return None
    value = event.data.get(kind.by)
    return value[:64] if isinstance(value, str) and value else None


def _count(rules: LeadMachine, lead: Lead, event_type: str, trigger: str) -> dict[str, int]:
    counters = dict(lead.counters)
    kind = rules.event(event_type)
    if kind is not None and trigger.partition(".")[2] not in kind.automatic:
        for name in kind.resets:
            counters.pop(name, None)
        if kind.counts is not None:
            counters[kind.counts] = counters.get(kind.counts, 0) + 1
    return counters


def _log(rules: LeadMachine, lead: Lead, event: Event) -> tuple[Effect, ...]:
    kind = rules.event(event.type)
    if kind is None or kind.logs is None:
        return ()
    data = event.data
    payload = {
        "direction": kind.logs,
        "at": event.at,
        "subject": data.get("subject"),
        "body": data.get("body"),
        "from": data.get("from"),
        "to": data.get("to"),
        "number": data.get("number"),
        "lead_email": lead.email,
        "assistant": lead.assistant,
    }
    return (Effect(EffectKind.EMAIL, payload, reference(lead, event, 0)),)


def _merged_into(work: Work) -> str | None:
    return str(work.event.data["into"]) if _does(work.rule, "follow_merge") else None


def _does(rule: Rule, kind: str) -> bool:
    for action in rule.actions:  # noqa: SIM110 — nearly always empty, and any() is not free
        if action.kind == kind:
            return True
    return False


def _is_known(lead: Lead, event: Event) -> bool:
    """One assignment can be heard of twice: from a sender, and by looking at the contact."""
    since = event.data.get("crm_assigned_at")
    return bool(event.data.get("observed")) and since is not None and since <= lead.assigned_at


def _since(lead: Lead, event: Event) -> Millis:
    """Since when the assistant has the contact: it may have been given to it once more."""
    since = event.data.get("crm_assigned_at")
    return max(lead.assigned_at, since) if isinstance(since, int) else lead.assigned_at


def _revives(rules: LeadMachine, lead: Lead, event: Event) -> bool:
    """A deleted contact can come back: restored, or assigned again. It can also be erased."""
    if lead.ended is Ended.ERASED:
        return False
    if rules.tells_of(event, "erased"):
        return True
    start, restored = rules.rules.start_event, rules.tells.get("restored")
    return lead.ended is Ended.DELETED and event.type in (start, restored)


def _counted(lead: Lead, counters: Mapping[str, int], now: Millis) -> Lead:
    """The lead after one more decision. Every event comes through here, and written out it
    takes half the time of dataclasses.replace()."""
    return Lead(
        lead.portal,
        lead.lead_id,
        lead.crm_id,
        lead.state,
        lead.sub_state,
        lead.came_from,
        lead.email,
        lead.name,
        lead.assistant,
        lead.assistant_name,
        lead.context,
        lead.previous_owner,
        counters,
        lead.done,
        lead.stopped,
        lead.ended,
        lead.assigned_at,
        lead.entered_at,
        now,
        lead.revision + 1,
    )


def _why_nothing(rules: LeadMachine, trigger: str, state: str) -> str:
    tried = rules.candidates(trigger, state)
    if not tried:
        return f"no rule for {trigger} in {state}"
    return "no guard held: " + "; ".join(" and ".join(map(str, r.guard)) for r in tried)
