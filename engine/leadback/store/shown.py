"""Which field values a contact is known to show, because it was we who wrote them last.

Known is what the CRM confirmed, until anything may have changed it: another write of ours that is
on its way, a hint, a repair, or time. Only a digest is kept; it is compared, never read.
"""

import hashlib
from collections.abc import Mapping, Sequence

import orjson
from sqlalchemy import bindparam, delete, select

from leadback.base.clock import HOUR, Millis
from leadback.lead.records import Data
from leadback.store.statements import InsertRows, InSet
from leadback.store.tables import shown as table
from leadback.store.transaction import Transaction

FRESH: Millis = HOUR
"""People change fields without telling us; after so long their values are written over again."""

_OF_PORTAL = table.c.portal == bindparam("portal")
_THESE = InSet(table.c.crm_id, "crm_ids")
_PUT = InsertRows(table, ("portal", "crm_id", "digest", "at"), "update")
_KNOWN = select(table.c.crm_id, table.c.digest).where(
    _OF_PORTAL, _THESE, table.c.at > bindparam("since"), table.c.at <= bindparam("now")
)
_LOCK = select(table.c.crm_id).where(_OF_PORTAL, _THESE).order_by(table.c.crm_id).with_for_update()
_FORGET = delete(table).where(_OF_PORTAL, _THESE)


class Shown:
    """`tx.shown`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def confirm(self, portal: str, values: Mapping[str, Data], *, now: Millis) -> None:
        """The CRM confirmed these values, by CRM id."""
        rows = [(portal, crm_id, _digest(said), now) for crm_id, said in sorted(values.items())]
        self._tx.rows(_PUT, rows)

    def forget(self, portal: str, crm_ids: Sequence[str]) -> None:
        """What these contacts show is not known any more."""
        known = self._tx.run(_LOCK, portal=portal, crm_ids=list(crm_ids)).scalars().all()
        if known:
            self._tx.run(_FORGET, portal=portal, crm_ids=list(known))

    def already(self, portal: str, values: Mapping[str, Data], *, now: Millis) -> set[str]:
        """The CRM ids of those contacts that are known to show exactly these values."""
        if not values:
            return set()
        rows = self._tx.run(_KNOWN, portal=portal, crm_ids=list(values), since=now - FRESH, now=now)
        return {crm_id for crm_id, digest in rows if digest == _digest(values[crm_id])}


def _digest(values: Data) -> str:
    text = orjson.dumps(values, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=12).hexdigest()
