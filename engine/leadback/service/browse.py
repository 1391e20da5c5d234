"""Leads by the page: filters, order, export, and acting on many after a look at what would come.

Numbers are bounded: a page has at most PAGE leads, a bulk action at most MOST.
"""

import csv
import io
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from leadback.base.clock import DAY, Clock, Millis, format_time, parse_date_or_time
from leadback.base.errors import InputError
from leadback.base.names import one_line
from leadback.lead.decide import decide
from leadback.lead.machine import LeadMachine
from leadback.lead.records import Event, Lead
from leadback.service.actions import action_named
from leadback.service.audit import Audit
from leadback.service.leads import SOURCE, find_lead
from leadback.store import NewEvent, Store, Tx
from leadback.store.listing import LOOKED, LeadsWanted, Order
from leadback.work.access import Accesses
from leadback.work.containing import last_line
from leadback.work.decisions import Decisions
from leadback.work.rules_in_use import RulesInUse
from leadback.work.senders import by_person

PAGE = 500
MOST = 10_000
COUNTED = 10_000
"""Above this, the number of leads is shown as "more than"."""

ORDERS: tuple[Order, ...] = ("changed", "assigned", "state", "email", "name", "assistant")
CSV_COLUMNS = (
    "id", "portal", "crm_id", "email", "name", "state", "sub_state", "assistant", "owner",
    "previous_owner", "context", "followups_active", "updated_at",
)  # fmt: skip
"""Those of the rules' counters follow, as counters.NAME."""
_FORMULA = ("=", "+", "-", "@")
MAX_WORDS = 200
MAX_COUNTERS = 20
_COUNTER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_NUMBER = re.compile(r"[0-9]{1,9}")

Document = Callable[[Tx, Lead], dict[str, Any]]
"""A lead as doors show it: service.leads."""


class Browse:
    """Queries and bulk commands about leads."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        rules: RulesInUse,
        decisions: Decisions,
        accesses: Accesses,
        document: Document,
        *,
        audit: Audit,
    ) -> None:
        self._store, self._clock, self._rules = store, clock, rules
        self._decisions, self._accesses = decisions, accesses
        self._document, self._audit = document, audit

    # ------------------------------------------------------------------ looking

    def page(
        self, wanted: LeadsWanted, *, limit: int = 50, offset: int = 0, all_of_them: bool = False
    ) -> dict[str, Any]:
        """rows (lead documents), total (counted up to COUNTED; None: more than these, not counted),
        looked (None, or at how many leads of a portal it looked, and may have missed others).

        all_of_them: look at every lead, however long it takes.
        """
        limit, offset = min(max(limit, 1), PAGE), max(offset, 0)
        looked = None if all_of_them else LOOKED
        with self._store.read() as tx:
            found = tx.listing.page(wanted, limit=limit, offset=offset, most=COUNTED, looked=looked)
            rows = [self._document(tx, lead) for lead in found.leads]
        return {"rows": rows, "total": found.total, "looked": looked if found.further else None}

    def choices(self) -> dict[str, list[str]]:
        """What the filters can be set to: portals, assistants, states, counters."""
        with self._store.read() as tx:
            portals = [portal.name for portal in tx.portals.list()]
            assistants = sorted({a.email for p in portals for a in tx.portals.assistants(p)})
        rules = self._rules.now().rules
        return {
            "portals": portals,
            "assistants": assistants,
            "states": list(rules.states),
            "counters": list(rules.counters),
        }

    def export(self, wanted: LeadsWanted, *, by: str) -> Iterator[str]:
        """All that is filtered as CSV, by id, in pieces; what a spreadsheet would run is quoted.
        by: whose name is on the audit trail for it."""
        self._audit.note(by, "pages", "export leads", outcome="done")
        return self._pieces(wanted, list(self._rules.now().rules.counters))

    def _pieces(self, wanted: LeadsWanted, counters: Sequence[str]) -> Iterator[str]:
        yield csv_of([[*CSV_COLUMNS, *(f"counters.{name}" for name in counters)]])
        last: Lead | None = None
        while True:
            with self._store.read() as tx:
                leads = tx.listing.after(wanted, last, limit=PAGE)
                rows = [self._document(tx, lead) for lead in leads]
            if rows:
                yield csv_of([_cells(row, counters) for row in rows])
            if len(leads) < PAGE:
                return
            last = leads[-1]

    def mark_of(self, name: str) -> str:
        """Changes whenever what a page says about this lead does; "" for a lead that is none."""
        portal, _, lead_id = name.partition("/")
        with self._store.read() as tx:
            return tx.views.mark_of(portal, lead_id)

    def crm_url(self, name: str) -> str | None:
        """Where a person sees this lead's contact in the CRM."""
        with self._store.read() as tx:
            lead = find_lead(tx, name)
        access, hooks = self._accesses.of(lead.portal)
        return hooks.crm_contact_url(portal=access.portal, crm_id=lead.crm_id)

    # ------------------------------------------------------------------ acting on many

    def ids(self, wanted: LeadsWanted) -> list[str]:
        """The leads that a bulk action on everything filtered would meet, at most MOST."""
        with self._store.read() as tx:
            return [lead.id for lead in tx.listing.page(wanted, limit=MOST, looked=None).leads]

    def preview(self, names: Sequence[str], action: str) -> dict[str, Any]:
        """What an action would do: done, refused, and reasons with how many leads each."""
        now, rules = self._clock.now(), self._rules.now()
        asked = action_named(rules, action)
        event = Event(asked.event, now, SOURCE, "preview", asked.data, internal=True)
        results: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        with self._store.read() as tx:
            for name in _bounded(names):
                result, why = _would_be(rules, find_lead(tx, name), event, now)
                results[result] += 1
                if why and result in ("refused", "ignored"):
                    reasons[why] += 1
        refused = results["refused"] + results["ignored"]
        return {
            "leads": sum(results.values()),
            "done": sum(results.values()) - refused,
            "refused": refused,
            "reasons": [{"reason": why, "leads": n} for why, n in reasons.most_common(10)],
        }

    def act(self, names: Sequence[str], action: str) -> dict[str, int]:
        """Do it: accepted in one transaction, and decided with what these leads were told before.
        The rest of a backlog is the workers'."""
        now = self._clock.now()
        asked = action_named(self._rules.now(), action)
        run, via = secrets.token_hex(8), by_person(*self._audit.actor()).via
        with self._store.write() as tx:
            leads = [find_lead(tx, name) for name in _bounded(names)]
            tx.inbox.add(
                [
                    NewEvent(
                        lead.portal,
                        lead.crm_id,
                        Event(asked.event, now, SOURCE, f"{run}-{n}", asked.data, internal=True),
                        via=via,
                    )
                    for n, lead in enumerate(leads)
                ],
                now=now,
            )
        for portal in sorted({lead.portal for lead in leads}):
            lanes = [lead.lead_id for lead in leads if lead.portal == portal]
            while self._decisions.decide_leads(portal, lanes, now):
                pass
        self._audit.command(
            f"mark {action}", subject=", ".join(names[:20]), outcome=f"{len(leads)} leads"
        )
        return {"leads": len(leads)}


def _would_be(rules: LeadMachine, lead: Lead, event: Event, now: Millis) -> tuple[str, str]:
    """(result, why). A lead that cannot be decided is said, and keeps nobody else from it."""
    try:
        decision = decide(rules, lead, event, now)
    except Exception as error:  # its event is parked then, as that of any lead
        return "refused", f"it cannot be decided: {last_line(error)}"
    return (decision.result, decision.because) if decision else ("ignored", "")


def wanted_from(given: Mapping[str, str]) -> LeadsWanted:
    """Filters as they stand in a page's address. Raises InputError naming what is wrong."""
    order: Order = next((o for o in ORDERS if o == given.get("order")), "changed")
    finished = given.get("finished")
    return LeadsWanted(
        portal=_words(given, "portal"),
        state=_words(given, "state"),
        sub_state=_words(given, "sub_state"),
        assistant=_words(given, "assistant"),
        owner=_words(given, "owner"),
        finished=finished == "yes" if finished in ("yes", "no") else None,
        search=(_words(given, "search") or "").strip(),
        order=order,
        descending=given.get("direction") != "up",
        since=_instant(given, "since", 0),
        until=_instant(given, "until", DAY),
        counters=_counters(given),
    )


def _words(given: Mapping[str, str], name: str) -> str | None:
    """Bounded before anything looks at it, and without what no database takes (NUL)."""
    words = given.get(name) or None
    if words is not None and (len(words) > MAX_WORDS or not one_line(words)):
        raise InputError(
            f"the filter {name} cannot be read",
            fix=f"use at most {MAX_WORDS} characters, all of which can be seen",
        )
    return words


def _instant(given: Mapping[str, str], name: str, day: Millis) -> Millis | None:
    """day: what is added to a date without a time."""
    words = _words(given, name)
    if words is None:
        return None
    try:
        return parse_date_or_time(words) + (day if len(words) == 10 else 0)
    except (ValueError, OverflowError, InputError) as error:
        raise InputError(
            f"the filter {name} cannot be {words!a}", fix="use YYYY-MM-DD, e.g. 2027-01-31"
        ) from error


def _counters(given: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
    """min_NAME=NUMBER; a name that is none of a counter is not looked at."""
    named = [(k[4:], v) for k, v in given.items() if k.startswith("min_") and v]
    least = [(name, number) for name, number in named if _COUNTER.fullmatch(name)]
    if len(least) > MAX_COUNTERS:
        raise InputError(f"{len(least)} filters by number", fix=f"use at most {MAX_COUNTERS}")
    for name, number in least:
        if not _NUMBER.fullmatch(number):
            raise InputError(
                f"the filter min_{name} cannot be {number[:40]!a}",
                fix="give a whole number of at most 9 digits",
            )
    return tuple((name, int(number)) for name, number in least)


def _bounded(names: Sequence[str]) -> Sequence[str]:
    if len(names) > MOST:
        raise InputError(f"{len(names):,} leads at once", fix=f"act on at most {MOST:,}")
    return names


def csv_of(rows: Sequence[Sequence[object]]) -> str:
    """All cells in quotes: some spreadsheets split at other signs than commas."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue()


def harmless(value: object) -> object:
    """Text of one line that no spreadsheet runs:
    https://owasp.org/www-community/attacks/CSV_Injection"""
    if not isinstance(value, str):
        return value
    seen = "".join(c for c in value if one_line(c))
    return "'" + seen if seen.lstrip().startswith(_FORMULA) else seen


def _cells(row: Mapping[str, Any], counters: Sequence[str]) -> list[object]:
    counted = (row["counters"].get(name) for name in counters)
    return [*(harmless(row.get(column)) for column in CSV_COLUMNS), *counted]


def today(clock: Clock) -> str:
    """For file names."""
    return format_time(clock.now())[:10]
