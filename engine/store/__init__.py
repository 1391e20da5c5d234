"""Where everything is kept: SQLite by default, PostgreSQL by a change of URL, one code for both.

    store = open_store("sqlite:///handback.db")        # created and migrated when it is new
    with store.write() as tx: ...                      # one transaction; commits at the end
    with store.read() as tx: ...                       # writes nothing

A `tx` carries the nouns below; instants are milliseconds and always given by the caller.

    tx.portals    put(portal) get(name) list() remove(name) pause(name, until=, reason=)
                  resume(name) disconnect(name, now=, why=) state(name) -> PortalState
                  put_assistant(a) assistant(portal, email) assistants(portal) remove_assistant(..)
    tx.inbox      add([NewEvent], now=) -> [bool]      True accepted, False duplicate
                  due_portals(now) -> [str]   portals with something to decide, oldest first
                  claim(portal, now=, limit=) -> [Lane]   locked until the transaction ends
                  commit(portal, [Decided], now=, rules_version=)   what is not given stays pending
                  lock_lane(portal, lead_id) -> bool   another lane too, for a merge; False: taken
                  lookup_portals(now)
                  claim_lookups(portal, now=, lease=, limit=, needs=) -> [Lookup]
                  place(portal, {address: CRM id}, [Lookup], start=)
                  under(portal, [address], limit=) -> [seq]
                  fill_facts(portal, {seq: data}) postpone(portal, [seq], until=)
                  refuse(portal, [(seq, reason)], now=)   to the quarantine    held(limit=)
    tx.quarantine add([Quarantined]) list(..) count() delete(portal, ids)
    tx.hints      add(portal, [NewHint], now=) portals(now)
                  claim(portal, now=, lease=, limit=) -> [HintRow]
                  settle(portal, [HintRow]) -> [crm_id still due]
                  postpone(portal, [HintRow], until=)
    tx.leads      get(portal, lead_id) by_crm_id(portal, crm_id) by_email(portal, email) -> [Lead]
                  of_addresses(portal, [email]) -> {email: lead_id}   of those that one lead has
                  lane_of(portal, [crm_id]) -> {crm_id: lead_id}   follows merges
                  working(portal) -> {crm_id}   of leads that are not finished
                  list(LeadFilter, limit=, after=) -> [Lead]  count_by_state(portal=None)
    tx.history    of_lead(portal, lead_id, limit=, before=) -> [HistoryEntry]   newest first
                  events(portal, limit=, after=) -> [RecordedEvent]   decided events, for replays
                  used(portal, since=) -> Used   active_leads(portal, since=) count(portal)
    tx.outbox     due_portals(now) claim(portal, now=, lease=, limit=) -> Claim(fence, effects, ..)
                  settle(portal, fence, [Settlement], now=) -> [ids refused: the fence has moved]
                  renew(portal, fence, until=)         the worker of a claim is alive
                  retry(portal=None, ids=None, now=) give_up(portal, id, reason=, now=)
                  of_lead(portal, lead_id) list(portal=, status=, limit=) blocked(portal, now=)
                  count_done(portal)
    tx.ledger     append([LedgerEntry]) of_lead(portal, lead_id)      who owned the contact, and why
                  page(portal, after=, limit=) -> [LedgerEntry], next after or None
    tx.rules      put(hash, text, now=) get(hash)      texts of rules files
                  in_use() log(limit=) append(RulesEntry) hold_claims()     which one decides
                  met(portal, ..) came_from(portal) head(portal, now=) tell(portal, [..], ..)
    tx.shadow     watch(version, now=, who=) stop() watching() add(portal, [..]) list(limit=)
    tx.tokens     put(TokenRow) get(portal) all() drop(portal, revision) reseal(portal, old, new)
                  lease(portal, revision, now=, until=) -> bool    one refresher at a time
                  renewed(portal, revision, sealed, ..) -> bool    failed(portal, revision, ..)
                  ask(ConsentRow, now=) asked(portal, now=) answered(portal, hash) -> bool
    tx.queue      status(now) -> QueueStatus   next_due(now) -> instant or None
    tx.listening  of(portal) -> Heard   claim_poll(portal, now=, every=) -> Heard or None
                  polled(portal, at=, cursor=, owners=, compared=) hooked(portal, at=)
    tx.pace       now() take(portal, lane, [Limit], now=, calls=, ahead=, patience=, reach=)
                  hold(portal, lane, until=) used(portal, lane, window=, now=)
                  spent(portal, now=) -> {lane: Spent}   calls to the CRM, of all workers
    tx.shown      confirm(portal, {crm_id: values}, now=) forget(portal, [crm_id])
                  already(portal, {crm_id: values}, now=) -> {crm_id}   known to show them
    tx.listing    page(LeadsWanted, limit=, offset=) -> Page   after(LeadsWanted, last, limit=)
    tx.trends     take(now) -> [Sample] keep([Sample])      levels and calls over time
                  levels(since=, step=) -> {at: {state: leads}}   calls(since=, step=)
    tx.accounts   people, sessions, keys, audit: see accounts.py

Rules for the caller of `inbox.claim`: fold each lane's events in their order, one Decided for each
(decision None = the contact is no lead yet: the event is held). Leave out of `commit`
  - a timer event that comes after a decision with `clears_timers` of its lane: it is over;
  - everything after the decision that made a lead of a lane that has held events (`held`, or a
    decision None before it in this claim): the held ones come first.
For a merge, lock_lane() the winner before asking whether it is a lead.
"""

from engine.store.database import Store, Tx, open_store
from engine.store.listening import Heard
from engine.store.records import (
    ADDRESS,
    ADDRESS_OF_LEAD,
    CONTACT,
    BlockedLead,
    Claim,
    ClaimedEffect,
    Decided,
    Disagreement,
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
    PortalState,
    Quarantined,
    QueueStatus,
    RecordedEvent,
    RulesEntry,
    RulesVersion,
    Settlement,
    ToldLead,
)
from engine.store.tables import FAR
from engine.store.tokens import ConsentRow, TokenRow
from engine.store.trends import Calls

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
    "open_store",
]
