"""Who held which contact, when, and why: for people to read and to take elsewhere."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from leadback.base.clock import format_time
from leadback.base.errors import ConfigurationError
from leadback.service.leads import find_lead
from leadback.store import LedgerEntry, Store

COLUMNS = (
    "portal", "contact", "lead", "at", "what", "owner_before", "owner_after", "by", "why",
    "reference",
)  # fmt: skip
PAGE = 1_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class OwnershipLedger:
    """One per process."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of_lead(self, name: str) -> Iterator[dict[str, Any]]:
        """Rows of one lead, oldest first. Raises InputError."""
        with self._store.read() as tx:
            lead = find_lead(tx, name)
            entries = tx.ledger.of_lead(lead.portal, lead.lead_id)
        return map(_row, entries)

    def of_portal(self, portal: str) -> Iterator[dict[str, Any]]:
        """Rows of all leads of a portal, oldest first, page by page. Raises ConfigurationError."""
        with self._store.read() as tx:
            names = [known.name for known in tx.portals.list()]
        if portal not in names:
            raise ConfigurationError(
                f"there is no portal {portal!r}", fix=f"known are: {', '.join(names) or 'none'}"
            )
        return self._pages(portal)

    def _pages(self, portal: str) -> Iterator[dict[str, Any]]:
        after: int | None = 0
        while after is not None:
            with self._store.read() as tx:
                entries, after = tx.ledger.page(portal, after=after, limit=PAGE)
            yield from map(_row, entries)


def write_csv(rows: Iterable[dict[str, Any]], file: TextIO) -> None:
    """RFC 4180 with a header; a cell that a spreadsheet would calculate is quoted by `'`."""
    writer = csv.DictWriter(file, COLUMNS)
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(row[name]) for name in COLUMNS})


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _row(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "portal": entry.portal,
        "contact": entry.crm_id,
        "lead": entry.lead_id,
        "at": format_time(entry.at),
        "what": entry.what,
        "owner_before": entry.owner_before,
        "owner_after": entry.owner_after,
        "by": entry.by,
        "why": entry.why,
        "reference": entry.reference,
    }
