"""Events that the engine makes itself: fired timers, and what leads are told of new rules.

Nobody can name one of them from outside (see Event.internal). One that is there all the same, by
whatever fault, stops nothing: it is left out, and the log says so.
"""

from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import bindparam, select

from leadback.store.statements import InsertRows, InSet
from leadback.store.tables import inbox
from leadback.store.transaction import Transaction

_INSERT = InsertRows(
    inbox,
    ("portal", "seq", "crm_id", "source", "event_id", "type", "at", "data", "received_at"),
    "ignore",
    fixed={"erased": False, "internal": True, "via": ""},
)
PRESENT = select(inbox.c.seq).where(
    inbox.c.portal == bindparam("portal"), InSet(inbox.c.seq, "seqs")
)

log = structlog.get_logger()


def put(tx: Transaction, portal: str, rows: Sequence[tuple[Any, ...]]) -> frozenset[int]:
    """Keep events of one portal, in the columns of _INSERT; the seqs of those known already."""
    if tx.rows(_INSERT, rows) == len(rows):
        return frozenset()
    seqs = {row[1]: row for row in rows}
    known = seqs.keys() - set(tx.run(PRESENT, portal=portal, seqs=list(seqs)).scalars())
    for seq in sorted(known)[:10]:
        source, event_id = seqs[seq][3:5]
        log.error(
            "an event of the engine's own is known already, and is left out",
            action="commit",
            portal=portal,
            source=source,
            event_id=event_id,
        )
    return frozenset(known)
