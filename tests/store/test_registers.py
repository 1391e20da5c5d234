"""Portals, assistants, rules versions, owners, quarantine, logins: kept and given back."""

from dataclasses import replace
from threading import Thread

from leadback.lead.records import Assistant, Portal
from leadback.store import LedgerEntry, Quarantined, RulesEntry, Store
from leadback.store.account_records import ApiKey, AuditEntry, LogIn, Session, SignIn, Try, User
from tests.store.worlds import PORTAL, connect

FULL = Portal(
    "acme", "hubspot", "https://crm", "T", "S", "123", "fallback@x", {"polls": True, "n": [1]}
)
TARA = Assistant("acme", "tara@example.com", "Tara", "ctx", "f@x", 6, 2, "77", "sat, 2026-12-25",
                 ("5", "6"), 9)  # fmt: skip


def test_portals(store: Store) -> None:
    with store.write() as tx:
        tx.portals.put(FULL)
        tx.portals.put(replace(FULL, name="aaa", webhook_secret_env=None, settings={}))
        tx.portals.pause("acme", until=9, reason="r")
        tx.portals.put(replace(FULL, account_id="124"))
    with store.read() as tx:
        assert [p.name for p in tx.portals.list()] == ["aaa", "acme"]
        assert tx.portals.get("acme") == replace(FULL, account_id="124")
        assert tx.portals.get("nobody") is None
        assert tx.portals.state("acme").paused_until == 9  # a change is no end of a pause
        assert tx.portals.state("nobody").paused_until is None
    with store.write() as tx:
        tx.portals.resume("acme")
        assert tx.portals.state("acme").reason == ""


def test_assistants(store: Store) -> None:
    with store.write() as tx:
        tx.portals.put(FULL)
        tx.portals.put_assistant(TARA)
        tx.portals.put_assistant(Assistant("acme", "bob@example.com", "Bob"))
        tx.portals.put_assistant(replace(TARA, owner_id=None, context="new"))
    with store.read() as tx:
        assert [a.name for a in tx.portals.assistants("acme")] == ["Bob", "Tara"]
        assert tx.portals.assistant("acme", TARA.email) == replace(
            TARA, owner_id=None, context="new"
        )
        assert tx.portals.assistant("acme", "nobody") is None
    with store.write() as tx:
        tx.portals.remove_assistant("acme", "bob@example.com")
        assert [a.name for a in tx.portals.assistants("acme")] == ["Tara"]
        tx.portals.remove("acme")
        assert list(tx.portals.assistants("acme")) == []
        assert tx.portals.list() == []


def test_rules_versions(store: Store) -> None:
    with store.write() as tx:
        tx.rules.put("h1", "text 1", now=1)
        tx.rules.put("h1", "another text", now=3)
    with store.read() as tx:
        first = tx.rules.get("h1")
        assert first is not None
        assert (first.text, first.first_used_at) == ("text 1", 1)
        assert tx.rules.get("h3") is None


def test_the_log_of_rules_takes_every_number_once(store: Store) -> None:
    first = RulesEntry(1, 5, "Ann", "page", "started", "h1", None, "h1", "a.yaml", {"Old": "New"})
    with store.write() as tx:
        assert tx.rules.in_use() is None
        assert tx.rules.append(first)
        assert not tx.rules.append(replace(first, who="Bob"))
        assert tx.rules.append(replace(first, number=2, version="h2", due_at=9))
    with store.read() as tx:
        assert tx.rules.in_use() == (2, "h1", 9, None)
        assert tx.rules.log(limit=5)[1] == first


def test_the_ledger_is_in_order(store: Store) -> None:
    entries = [
        LedgerEntry(PORTAL, "501", "501", 5, "assigned", "a", "b", by="Ann"),
        LedgerEntry(PORTAL, "501", "900", 3, "kept", None, "b", "leadback", "no owner", "lb-1"),
    ]
    with store.write() as tx:
        tx.ledger.append(entries)
        tx.ledger.append([replace(entries[0], lead_id="502")])
    with store.read() as tx:
        assert tx.ledger.of_lead(PORTAL, "501") == entries


def test_quarantine(store: Store) -> None:
    connect(store)
    items = [Quarantined(p, "file:1", f"raw {p}\0", "why", 1) for p in ("", PORTAL, PORTAL)]
    with store.write() as tx:
        tx.quarantine.add(items)
        listed = tx.quarantine.list()
        assert [i.portal for i in listed] == ["", PORTAL, PORTAL]
        assert listed[0].raw == "raw \N{REPLACEMENT CHARACTER}"
        assert len(tx.quarantine.list(limit=1)) == 1
        assert len(tx.quarantine.list(portal=PORTAL)) == 2
        assert tx.quarantine.list(portal=PORTAL, after=listed[1].id) == listed[2:]
        assert tx.quarantine.newest() == {"": listed[0].id, PORTAL: listed[2].id}
        assert tx.quarantine.of_ids([listed[2].id, 99, listed[0].id]) == [listed[0], listed[2]]
        assert tx.quarantine.of_ids([]) == []
        assert tx.quarantine.delete([listed[1].id, 99]) == 1
        assert tx.quarantine.delete([]) == 0
        assert tx.quarantine.list() == [listed[0], listed[2]]
        assert tx.queue.status(5).quarantined == 2


def test_a_browser_comes_back_from_the_provider_once_and_in_time(store: Store) -> None:
    with store.write() as tx:
        tx.accounts.begin_sign_in(SignIn("late", "/app/leads", 10), 1)
        tx.accounts.begin_sign_in(SignIn("good", "/app/rules", 20), 2)
    with store.write() as tx:
        assert tx.accounts.take_sign_in("late", 10) is None
        assert tx.accounts.take_sign_in("other", 10) is None
        assert tx.accounts.take_sign_in("good", 10) == "/app/rules"
        assert tx.accounts.take_sign_in("good", 10) is None


def test_tries_at_once_are_counted_before_they_are_judged(store: Store) -> None:
    with store.write() as tx:
        tx.accounts.put_user(User("ann", "hash", "admin", 1))
    begun: list[Try | None] = []

    def knock() -> None:
        with store.write() as tx:
            begun.append(tx.accounts.begin_try("ann", most=5, until=900, now=10))

    threads = [Thread(target=knock) for _ in range(36)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    judged = sorted((t for t in begun if t is not None), key=lambda t: t.locked_until)
    assert judged == [Try("hash")] * 4 + [Try("hash", 900)]
    first, last = judged[0], judged[-1]
    with store.write() as tx:
        assert not tx.accounts.end_try("ann", first, hashed="new", now=11)  # locked meanwhile
        assert tx.accounts.end_try("ann", last, hashed="new", now=11)  # by itself
        assert tx.accounts.user("ann") == User("ann", "new", "admin", 1)
        assert not tx.accounts.end_try("ann", last, hashed="newer", now=11)  # another password
        assert tx.accounts.begin_try("bob", most=5, until=900, now=10) is None


def test_known_browsers_and_log_ins(store: Store) -> None:
    with store.write() as tx:
        tx.accounts.put_user(User("ann", "hash", "admin", 1))
        for number in range(4):
            tx.accounts.remember_browser(
                f"b{number}", "ann", instead="", until=100 + number, now=1, most=2
            )
        known = [tx.accounts.knows_browser(f"b{n}", "ann", most=2, now=1) for n in range(4)]
        assert known == [False, False, True, True]
        assert not tx.accounts.knows_browser("b3", "ann", most=2, now=103)
        tries = [tx.accounts.begin_try_from("b3", "ann", most=2, now=1) for _ in range(3)]
        assert tries == [True, True, False]
        assert tx.accounts.end_try_from("ann", Try("hash"), hashed="new")
        assert not tx.accounts.end_try_from("ann", Try("hash"), hashed="newer")
        tx.accounts.forget_browsers("ann")
        assert not tx.accounts.knows_browser("b2", "ann", most=2, now=1)
        ids = [tx.log_ins.note(LogIn(n, f"n{n}", "here", "refused"), kept=2) for n in range(3)]
        tx.log_ins.was_good(ids[1], "done")
        tx.log_ins.note(LogIn(9, "late", "here", "refused"), kept=2)
        tx.log_ins.note(LogIn(10, "later", "here", "refused"), kept=2)
        told = [(e.who, e.good) for e in tx.log_ins.list(limit=9)]
        assert told == [("later", False), ("late", False), ("n1", True)]
        assert [e.who for e in tx.log_ins.list(limit=1, before=ids[2])] == ["n1"]
        assert [e.who for e in tx.log_ins.list(limit=9, since=10)] == ["later"]


def test_logins_sessions_keys_and_audit(store: Store) -> None:
    ann = User("ann", "hash", "admin", 1)
    with store.write() as tx:
        tx.accounts.put_user(ann)
        tx.accounts.put_user(User("bob", "hash", "viewer", 2, True, 3, 4))
        tx.accounts.put_user(replace(ann, failures=2))
        for number in range(3):
            tx.accounts.open_session(Session(f"s{number}", "ann", 1, 1, 100 + number))
        tx.accounts.see_session("s1", 50)
        tx.accounts.close_session("s2")
        tx.accounts.forget_sessions(100)
    with store.write() as tx:
        assert tx.accounts.users() == [
            replace(ann, failures=2),
            User("bob", "hash", "viewer", 2, True, 3, 4),
        ]
        assert tx.accounts.user("bob") is not None
        assert tx.accounts.user("eve") is None
        tx.accounts.put_user(replace(ann, identity="https://id.example 7"))
        assert tx.accounts.identified("https://id.example 7") == replace(
            ann, identity="https://id.example 7"
        )
        assert tx.accounts.identified("https://id.example 8") is None
        assert [tx.accounts.session(f"s{n}") is not None for n in range(3)] == [False, True, False]
        assert tx.accounts.session("s1") == Session("s1", "ann", 1, 50, 101)
        tx.accounts.close_sessions("ann")
        assert tx.accounts.session("s1") is None
        key = ApiKey("k1", "mailer", "hash", ("events:write", "leads:read"), 1, "ann")
        tx.accounts.put_key(key)
        assert tx.accounts.api_key("k1") == key
        tx.accounts.revoke_key("k1", 7)
        tx.accounts.revoke_key("k1", 8)
        assert tx.accounts.api_keys() == [replace(key, revoked_at=7)]
        for number in range(3):
            tx.accounts.note(AuditEntry(number, "ann", "pages", f"did {number}", "s", "done"))
        newest, *older = tx.accounts.audit(limit=2)
        assert [newest.what, *(e.what for e in older)] == ["did 2", "did 1"]
        assert [e.what for e in tx.accounts.audit(limit=9, before=older[-1].id)] == ["did 0"]
