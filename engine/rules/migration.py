"""Where running leads go when rules change: a state that still holds leads cannot just vanish."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.rules.findings import Finding, finding, in_order
from engine.rules.model import Position, Rules
from engine.rules.shapes import known_names, nearest


@dataclass(frozen=True, slots=True)
class Migration:
    """What applying rules does to running leads. moves: old state → new state.

    findings: R071 for each state that holds leads and leads nowhere.
    """

    moves: Mapping[str, str]
    findings: tuple[Finding, ...] = ()


def plan_migration(held: Mapping[str, int], new: Rules) -> Migration:
    """held: how many leads each state holds now, by whatever rules they came there."""
    moves: dict[str, str] = {}
    lost: list[Finding] = []
    for state, leads in held.items():
        if not leads or state in new.states:
            continue
        if state in new.migrate:
            moves[state] = new.migrate[state]
            continue
        at = Position(new.start.at.file, 1, 1)
        many = "1 lead is" if leads == 1 else f"{leads} leads are"
        near = nearest(state, new.states)
        goal = near or f"STATE (one of {known_names(new.states)})"
        message = f"{many} in {state}, which these rules do not have"
        fix = f"add migrate: {{{state}: {goal}}}, or keep the state"
        lost.append(finding("R071", at, message, fix=fix))
    return Migration(moves, in_order(lost))
