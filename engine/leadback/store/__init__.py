"""Where everything is kept: SQLite by default, PostgreSQL by a change of URL, one code for both.

    store = open_store("sqlite:///leadback.db")        # created and migrated when it is new
    with store.write() as tx: ...                      # one transaction; commits at the end
    with store.read() as tx: ...                       # writes nothing

A `tx` carries the nouns (`tx.inbox`, `tx.leads`, `tx.outbox`, …: the properties of database.Tx),
each a class in the file of its name, whose docstrings say what it does. Instants are milliseconds
and always given by the caller.

Rules for the caller of `inbox.claim`: fold each lane's events in their order, one Decided for each
(decision None = the contact is no lead yet: the event is held). Leave out of `commit`
  - a timer event that comes after a decision with `clears_timers` of its lane: it is over;
  - everything after the decision that made a lead of a lane that has held events (`held`, or a
    decision None before it in this claim): the held ones come first.
For a merge, lock_lane() the winner before asking whether it is a lead.
"""

from leadback.store.database import Store, Tx, open_store
from leadback.store.listening import Heard
from leadback.store.records import (
    ADDRESS,
    ADDRESS_OF_LEAD,
    CONTACT,
    BlockedLead,
    Claim,
    ClaimedEffect,
    Decided,
    Disagreement,
    FailedEvent,
    HeldEvent,
    HintRow,
    HistoryEntry,
    InboxEvent,
    Lane,
    LeadFilter,
    LedgerEntry,
    Lookup,
    NewEvent,
    NewHint,
    OutboxRow,
    Place,
    PortalState,
    Quarantined,
    QueueStatus,
    RecordedEvent,
    RulesEntry,
    RulesVersion,
    Settlement,
    ToldLead,
    UnreadContact,
    Unruled,
)
from leadback.store.tables import FAR
from leadback.store.tokens import ConsentRow, TokenRow
from leadback.store.transaction import Unreadable
from leadback.store.trends import Calls

__all__ = [
    "ADDRESS",
    "ADDRESS_OF_LEAD",
    "CONTACT",
    "FAR",
    "BlockedLead",
    "Calls",
    "Claim",
    "ClaimedEffect",
    "ConsentRow",
    "Decided",
    "Disagreement",
    "FailedEvent",
    "Heard",
    "HeldEvent",
    "HintRow",
    "HistoryEntry",
    "InboxEvent",
    "Lane",
    "LeadFilter",
    "LedgerEntry",
    "Lookup",
    "NewEvent",
    "NewHint",
    "OutboxRow",
    "Place",
    "PortalState",
    "Quarantined",
    "QueueStatus",
    "RecordedEvent",
    "RulesEntry",
    "RulesVersion",
    "Settlement",
    "Store",
    "TokenRow",
    "ToldLead",
    "Tx",
    "UnreadContact",
    "Unreadable",
    "Unruled",
    "open_store",
]
