"""Whether the connected portals can show what rules say, asked of them; and what follows from it.

Rules that a portal cannot show are refused wherever rules are put in use, unless a person says so:
every worker would fail by them, and park what it cannot write.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from leadback.base.errors import LeadbackError
from leadback.base.words import many
from leadback.lead.records import Portal
from leadback.rules.findings import Finding, finding
from leadback.rules.model import Rules
from leadback.rules.shapes import nearest
from leadback.service.rules import mapping_for
from leadback.store import Store
from leadback.work.access import Accesses
from leadback.work.rules_in_use import RulesInUse

Document = dict[str, Any]


class CannotShowError(LeadbackError):
    """Connected portals cannot show what the rules say, or could not be asked."""

    exit_code = 1


def problems(accesses: Accesses, rules: Rules, portal: str) -> list[Document]:
    """What the live portal says about the mapping: state, column, message, fix, severity."""
    access, hooks = accesses.of(portal)
    mapping = mapping_for(rules, access.portal)
    return [
        {
            "state": one.state,
            "column": one.column,
            "message": one.message,
            "fix": one.fix,
            "severity": "error" if one.error else "warning",
        }
        for one in hooks.crm_check_mapping(access=access, mapping=mapping)
    ]


class PortalProof:
    """The portals of a database, asked about rules that are to take over."""

    def __init__(self, store: Store, accesses: Accesses, rules: RulesInUse) -> None:
        self._store, self._accesses, self._rules = store, accesses, rules

    def asked(self, new: Rules) -> list[Document]:
        """For each portal: portal, problems, hinders (why `new` may not take over without a word;
        "" when it may), and `unreachable`, why it could not be asked.

        A portal that is not connected hinders nobody: its work waits until a person connects it
        again. One that does not answer hinders only if it is to show something else. One that only
        the rules know is told of.
        """
        old = self._rules.now().rules
        with self._store.read() as tx:
            portals = [(portal, tx.portals.state(portal.name)) for portal in tx.portals.list()]
        found: list[Document] = []
        for portal, state in portals:
            if state.disconnected_at is not None:
                said = _not_connected(state.disconnected_why)
            elif new.mapping(portal.crm, portal.name) is None:
                said = _without_table(portal)
            else:
                said = _asked(self._accesses, old, new, portal)
            found.append({"portal": portal.name, **said})
        return found + list(_unheard_of(new, [portal for portal, _ in portals]))

    def refuse(self, new: Rules) -> None:
        """Raises CannotShowError when a portal stands in the way."""
        found = hindered(self.asked(new))
        if not found:
            return
        others = len(found) - 1
        also = f" ({many(others, 'other portal')} cannot show these rules either)" if others else ""
        raise CannotShowError(
            f"{found[0]['why']}{also}",
            where=f"portal {found[0]['portal']}",
            fix="set it up for these rules: --setup; or have them in use all the same: --force",
        )

    def refuse_news(self, new: Rules) -> None:
        """As refuse(), and nobody is asked when all are shown the same as by the rules in use."""
        old = self._rules.now().rules
        with self._store.read() as tx:
            portals = tx.portals.list()
        if not all(_shows_the_same(old, new, portal) for portal in portals):
            self.refuse(new)


def hindered(asked: Iterable[Document]) -> list[Document]:
    """Of PortalProof.asked(), those that stand in the way: {portal, why}."""
    return [{"portal": one["portal"], "why": one["hinders"]} for one in asked if one["hinders"]]


def _unheard_of(new: Rules, portals: Sequence[Portal]) -> Iterator[Document]:
    """Portals with values of their own in the rules, and none of that name is there."""
    for table in new.crm.values():
        names = [portal.name for portal in portals if portal.crm == table.crm]
        for name in table.portals:
            if name in names:
                continue
            near = nearest(name, names)
            fix = f"did you mean {near}?" if near else f"leadback portal connect {name}"
            message = f"the rules show {name} values of its own, and there is no such portal"
            yield {"portal": name, "problems": [_problem(message, fix, "warning")], "hinders": ""}


def _problem(message: str, fix: str, severity: str) -> Document:
    """About the whole table."""
    return {"state": "", "column": "", "message": message, "fix": fix, "severity": severity}


def _not_connected(why: str) -> Document:
    return {"problems": [], "hinders": "", "unreachable": f"it is not connected: {why}"}


def _without_table(portal: Portal) -> Document:
    message = f"the rules have no table crm.{portal.crm}, and nothing would be shown"
    problem = _problem(message, f"add crm.{portal.crm} to the rules file", "error")
    return {"problems": [problem], "hinders": message}


def _asked(accesses: Accesses, old: Rules, new: Rules, portal: Portal) -> Document:
    try:
        found = problems(accesses, new, portal.name)
    except LeadbackError as error:
        why = "" if _shows_the_same(old, new, portal) else f"it could not be asked: {error.what}"
        return {"problems": [], "hinders": why, "unreachable": str(error)}
    errors = [one["message"] for one in found if one["severity"] == "error"]
    more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
    return {"problems": found, "hinders": f"{errors[0]}{more}" if errors else ""}


def _shows_the_same(old: Rules, new: Rules, portal: Portal) -> bool:
    """Whether the portal is shown the same by both, where both have the state."""
    before, after = (rules.mapping(portal.crm, portal.name) for rules in (old, new))
    if before is None or after is None:
        return before is after
    return before.columns == after.columns and dict(before.states) == dict(after.states)


def portal_findings(store: Store, accesses: Accesses, rules: Rules, portal: str) -> list[Finding]:
    """problems() as findings, at the places of the values in the file."""
    with store.read() as tx:
        known = tx.portals.get(portal)
    mapping = None if known is None else rules.mapping(known.crm, portal)
    found = []
    for one in problems(accesses, rules, portal):
        at = rules.start.at
        if mapping is not None:
            at = mapping.value_at.get((one["state"], one["column"]), mapping.at)
        code = "R053" if one["severity"] == "error" else "R056"
        found.append(finding(code, at, f"portal {portal}: {one['message']}", fix=one["fix"]))
    return found
