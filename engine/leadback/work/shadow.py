"""What another version would have made of decided events. It starts from the lead as it really is.

From the lead's real state at every event, not from a life of its own: one disagreement is shown
once, and not again with everything that follows from it (`rules what-if` follows whole lives).
"""

from collections.abc import Iterable, Iterator

from leadback.base.clock import Millis, format_time
from leadback.lead.change import RULES_CHANGED
from leadback.lead.contact import CONTACT_CHANGED
from leadback.lead.decide import decide
from leadback.lead.machine import LeadMachine, UnknownTriggerError
from leadback.lead.records import Decision, EffectKind
from leadback.store import Decided, Disagreement
from leadback.work.containing import last_line

ASKED = (EffectKind.NOTE, EffectKind.TASK, EffectKind.HANDBACK)
"""Effects that rules order by name; what the CRM shows follows from the state."""


def disagreements(
    watching: LeadMachine, portal: str, decided: Iterable[Decided], now: Millis
) -> Iterator[Disagreement]:
    """Decided events that `watching` decides otherwise."""
    for one in decided:
        event = one.event.event
        if one.decision is None or event.type in (RULES_CHANGED, CONTACT_CHANGED):
            continue
        was, would = outcome(one.decision), _of(watching, one, now)
        if was != would:
            yield Disagreement(
                portal,
                one.event.seq,
                now,
                one.decision.lead.lead_id,
                event.type,
                watching.version,
                was,
                would,
            )


def _of(watching: LeadMachine, one: Decided, now: Millis) -> str:
    if one.before is not None and one.before.state not in watching.rules.states:
        return f"it has no state {one.before.state}"
    try:
        decision = decide(watching, one.before, one.event.event, now)
        return "no lead yet" if decision is None else outcome(decision)
    except UnknownTriggerError as error:
        return str(error)
    except MemoryError:
        raise
    except Exception as error:  # whatever a watcher does, the decision stands
        return f"it could not decide: {last_line(error)}"


def outcome(decision: Decision) -> str:
    """Where the lead is and what was ordered, in words that can be compared."""
    lead = decision.lead
    parts = [lead.state if lead.sub_state is None else f"{lead.state} / {lead.sub_state}"]
    parts += ["finished"] if lead.finished else []
    parts += ["stopped"] if lead.stopped else []
    parts += sorted(e.kind.value for e in decision.effects if e.kind in ASKED)
    parts += sorted(f"{t.name} at {format_time(t.due)}" for t in decision.timers)
    return ", ".join(parts)
