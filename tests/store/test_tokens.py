"""Stored tokens: one refresher at a time, and a new token replaces only what it was made from."""

from dataclasses import replace

from leadback.lead.records import Portal
from leadback.store import FAR, ConsentRow, Store, TokenRow

NOW = 1_800_000_000_000
ROW = TokenRow(
    portal="acme",
    kind="oauth",
    sealed="first",
    refresh_at=NOW + 800,
    expires_at=NOW + 1000,
    scopes=("a", "b"),
    authorised_by="ann",
    authorised_at=NOW,
    refreshed_at=NOW,
)


def kept(store: Store) -> TokenRow:
    with store.read() as tx:
        row = tx.tokens.get("acme")
    assert row is not None
    return row


def fill(store: Store) -> TokenRow:
    with store.write() as tx:
        tx.portals.put(Portal("acme", "hubspot", "https://x.example", ""))
        tx.tokens.put(ROW)
    return kept(store)


def test_they_come_back_and_go_with_their_portal(store: Store) -> None:
    row = fill(store)
    assert replace(row, revision=0) == ROW
    assert row.revision > 0
    with store.write() as tx:
        assert [r.portal for r in tx.tokens.all()] == ["acme"]
        tx.portals.remove("acme")
        assert tx.tokens.get("acme") is None


def test_one_refresher_until_its_lease_is_over(store: Store) -> None:
    row = fill(store)
    with store.write() as tx:
        lease = tx.tokens.lease
        assert lease("acme", row.revision, now=NOW, until=NOW + 90)
        assert not lease("acme", row.revision, now=NOW + 89, until=NOW + 200)
        assert lease("acme", row.revision, now=NOW + 90, until=NOW + 200)
        assert not lease("acme", row.revision + 1, now=NOW + 900, until=NOW + 999)


def test_a_late_refresher_replaces_nothing(store: Store) -> None:
    row = fill(store)
    times = {"refresh_at": NOW + 1800, "expires_at": NOW + 2000, "now": NOW + 900}
    with store.write() as tx:
        tx.tokens.lease("acme", row.revision, now=NOW, until=NOW + 90)
        assert tx.tokens.renewed("acme", row.revision, "second", **times)
        assert not tx.tokens.renewed("acme", row.revision, "late", **times)
        tx.tokens.failed("acme", row.revision, retry_at=FAR, why="late")
        tx.tokens.expire("acme", row.revision)
        assert not tx.tokens.drop("acme", row.revision)
    after = kept(store)
    assert (after.sealed, after.expires_at, after.trouble) == ("second", NOW + 2000, "")
    assert after.lease_until == 0


def test_after_a_failure_nobody_tries_too_early(store: Store) -> None:
    row = fill(store)
    with store.write() as tx:
        tx.tokens.lease("acme", row.revision, now=NOW, until=NOW + 90)
        tx.tokens.failed("acme", row.revision, retry_at=NOW + 500, why="HubSpot answered 503")
        assert not tx.tokens.lease("acme", row.revision, now=NOW + 499, until=NOW + 900)
        assert tx.tokens.lease("acme", row.revision, now=NOW + 500, until=NOW + 900)
    assert (kept(store).trouble, kept(store).failures) == ("HubSpot answered 503", 1)


def test_a_key_change_loses_to_a_new_token(store: Store) -> None:
    row = fill(store)
    with store.write() as tx:
        assert tx.tokens.reseal("acme", "first", "first, other key")
        assert not tx.tokens.reseal("acme", "first", "again")
    assert kept(store).revision == row.revision


def test_a_consent_is_answered_once_and_in_time(store: Store) -> None:
    row = ConsentRow("acme", "hash", "sealed", NOW + 600)
    with store.write() as tx:
        tx.tokens.ask(row, now=NOW)
        assert list(tx.tokens.asked("acme", now=NOW + 599)) == [row]
        assert list(tx.tokens.asked("acme", now=NOW + 600)) == []
        assert tx.tokens.answered("acme", "hash")
        assert not tx.tokens.answered("acme", "hash")


def test_a_disconnected_portal_is_not_let_on_by_a_pause(store: Store) -> None:
    fill(store)
    with store.write() as tx:
        tx.portals.disconnect("acme", now=NOW, why="the app was uninstalled")
        tx.portals.pause("acme", until=NOW, reason="429")
        state = tx.portals.state("acme")
        assert (state.paused_until, state.disconnected_why) == (FAR, "the app was uninstalled")
        tx.portals.resume("acme")
        assert tx.portals.state("acme").paused_until is None
