"""Where running leads go when rules change: a state that still holds leads cannot just vanish."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from leadback.base.words import many
from leadback.rules.findings import Finding, finding, in_order
from leadback.rules.model import CrmMapping, Position, Rules
from leadback.rules.shapes import known_names, nearest
from leadback.rules.values import differs_by_lead


@dataclass(frozen=True, slots=True)
class Migration:
    """What applying rules does to running leads. moves: old state → new state.

    findings: R071 for each state that holds leads and leads nowhere.
    """

    moves: Mapping[str, str]
    findings: tuple[Finding, ...] = ()


def plan_migration(
    held: Mapping[str, int | None],
    new: Rules,
    *,
    also: Mapping[str, str] | None = None,
    portal: str = "",
) -> Migration:
    """held: how many leads of the portal each state holds now, by whatever rules they came there;
    None: none yet, and they may come there before the new rules take over.

    also: moves that the file does not know of, as for going back to older rules.
    """
    known = {**{old: to for old, to in (also or {}).items() if to in new.states}, **new.migrate}
    moves: dict[str, str] = {}
    lost: list[Finding] = []
    for state, leads in held.items():
        if leads == 0 or state in new.states:
            continue
        if state in known:
            moves[state] = known[state]
            continue
        at = Position(new.start.at.file, 1, 1)
        of = f" of portal {portal}" if portal else ""
        are = f"leads{of} may come to be"
        if leads is not None:
            are = f"{many(leads, 'lead')}{of} {'is' if leads == 1 else 'are'}"
        near = nearest(state, new.states)
        goal = near or f"STATE (one of {known_names(new.states)})"
        message = f"{are} in {state}, which these rules do not have"
        fix = (
            f"keep the state, add migrate: {{{state}: {goal}}} to the file, or apply with "
            f"--move {state}={near or 'STATE'}"
        )
        lost.append(finding("R071", at, message, fix=fix))
    return Migration(moves, in_order(lost))


@dataclass(frozen=True, slots=True)
class Change:
    """What new rules mean for leads that are in one state now.

    to: the state afterwards. fields: the CRM is to show something else. timers: others run.
    """

    to: str
    fields: bool
    timers: bool


def changes(
    old: Rules,
    new: Rules,
    *,
    held: Iterable[str],
    moves: Mapping[str, str],
    crm: str,
    portal: str,
) -> dict[str, Change]:
    """State → Change, for those of the states that hold leads for which anything changes.

    moves: where leads of states go that `new` does not have (see plan_migration).
    """
    before, after = old.mapping(crm, portal), new.mapping(crm, portal)
    found: dict[str, Change] = {}
    for state in held:
        to = state if state in new.states else moves[state]
        shown, running = _shown(before, state), _running(old, state)
        change = Change(
            to,
            fields=_writes(shown, _shown(after, to))
            or (to != state and differs_by_lead(after, to)),
            timers=running != _running(new, to),
        )
        if change.fields or change.timers or to != state:
            found[state] = change
    return found


def _writes(shown: Mapping[str, str | None], then: Mapping[str, str | None]) -> bool:
    """Whether a value is written that is not shown already; `~` writes nothing."""
    return any(value is not None and value != shown.get(name) for name, value in then.items())


def _shown(mapping: CrmMapping | None, state: str) -> Mapping[str, str | None]:
    if mapping is None or state not in mapping.states:
        return {}
    return dict(zip(mapping.columns, mapping.states[state], strict=False))


def _running(rules: Rules, state: str) -> object:
    """When the timers of a state fire; what they do then may change under a running one."""
    return {
        t.name: (t.after, t.at_field, t.default, t.every, t.times)
        for t in rules.timers.values()
        if state in t.states
    }
