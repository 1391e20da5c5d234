"""What new rules would mean for what is there: running leads, and what live portals can show."""

from collections.abc import Mapping
from typing import Any

from engine.base.errors import HandbackError
from engine.rules.findings import Finding, finding
from engine.rules.migration import changes, plan_migration
from engine.rules.model import Rules
from engine.service.replay import BATCH, CALLS_PER_MINUTE
from engine.store import Store, Tx
from engine.work.access import Accesses

Document = dict[str, Any]


def meant(tx: Tx, old: Rules, new: Rules, moves: Mapping[str, str]) -> Document:
    """What the change means for running leads, counted; `lost`: findings about states."""
    lost: tuple[Finding, ...] = ()
    migrate: dict[tuple[str, str], int] = {}
    told = fields = timers = 0
    for portal in tx.portals.list():
        held = tx.leads.count_by_state(portal.name)
        plan = plan_migration(held, new, also=moves)
        lost += plan.findings
        staying = {s: n for s, n in held.items() if s in new.states or s in plan.moves}
        changed = changes(old, new, held=staying, moves=plan.moves, crm=portal.crm)
        for state, change in changed.items():
            told += held[state]
            fields += held[state] * change.fields
            timers += held[state] * change.timers
            if change.to != state:
                key = (state, change.to)
                migrate[key] = migrate.get(key, 0) + held[state]
    calls = -(-fields // BATCH)
    return {
        "lost": lost,
        "migrate": [{"state": s, "to": to, "leads": n} for (s, to), n in migrate.items()],
        "told": told,
        "rewrites": {
            "contacts": fields,
            "api_calls": calls,
            "minutes": round(calls / CALLS_PER_MINUTE, 2),
        },
        "timers": timers,
    }


def problems(accesses: Accesses, rules: Rules, portal: str) -> list[Document]:
    """What the live portal says about the mapping: state, column, message, fix, severity."""
    access, hooks = accesses.of(portal)
    return [
        {
            "state": one.state,
            "column": one.column,
            "message": one.message,
            "fix": one.fix,
            "severity": "error" if one.error else "warning",
        }
        for one in hooks.crm_check_mapping(access=access, rules=rules)
    ]


def portals_asked(store: Store, accesses: Accesses, rules: Rules) -> list[Document]:
    """problems() of every portal; `unreachable` says why one could not be asked."""
    with store.read() as tx:
        names = [portal.name for portal in tx.portals.list()]
    found: list[Document] = []
    for name in names:
        try:
            found.append({"portal": name, "problems": problems(accesses, rules, name)})
        except HandbackError as error:
            found.append({"portal": name, "problems": [], "unreachable": str(error)})
    return found


def portal_findings(store: Store, accesses: Accesses, rules: Rules, portal: str) -> list[Finding]:
    """problems() as findings, at the places of the values in the file."""
    with store.read() as tx:
        known = tx.portals.get(portal)
    mapping = None if known is None else rules.crm.get(known.crm)
    found = []
    for one in problems(accesses, rules, portal):
        at = rules.start.at
        if mapping is not None:
            at = mapping.value_at.get((one["state"], one["column"]), mapping.at)
        code = "R053" if one["severity"] == "error" else "R056"
        found.append(finding(code, at, f"portal {portal}: {one['message']}", fix=one["fix"]))
    return found
