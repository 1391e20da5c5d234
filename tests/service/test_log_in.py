"""Log-ins that come all at once: what they may cost, and how many of them are judged."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher

from leadback.base.clock import ManualClock
from leadback.service.accounts import BROWSERS, LOCKED, REMEMBERED, TRIES, Accounts
from leadback.service.audit import Audit
from leadback.service.hashing import AT_ONCE, KEPT_FREE, PLACES, BusyError
from leadback.store import Store
from leadback.store.account_records import LogIn

GOOD = "correct horse battery staple"
MANY = 36


class Watched(PasswordHasher):
    """argon2, cheap, that keeps count: of what is judged, in which order, and how many at once."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.lock, self.gate = threading.Lock(), threading.Event()
        self.gate.set()
        self.now = self.most = 0
        self.judged: list[tuple[str, bool]] = []

    def verify(self, hash: Any, password: Any) -> Any:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.gate.wait()
        right = False
        try:
            right = super().verify(hash, password)
            return right
        finally:
            with self.lock:
                self.now -= 1
                self.judged.append((hash, right))


@pytest.fixture
def hasher() -> Watched:
    return Watched()


@pytest.fixture
def accounts(store: Store, clock: ManualClock, hasher: Watched) -> Accounts:
    made = Accounts(store, clock, Audit(store, clock), hasher)
    made.add("vera", GOOD, "viewer")
    return made


def at_once(calls: list[Callable[[], Any]]) -> list[threading.Thread]:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    return threads


def test_hashes_in_the_making_are_bounded_and_who_comes_then_is_sent_away(
    accounts: Accounts, hasher: Watched
) -> None:
    hasher.gate.clear()
    sent_away, over = [], threading.Semaphore(0)

    def knock(number: int) -> None:
        try:
            accounts.log_in(f"nobody {number}", "wrong wrong wrong")
        except BusyError:
            sent_away.append(number)
            over.release()

    threads = at_once([lambda n=n: knock(n) for n in range(MANY)])  # type: ignore[misc]
    for _ in range(MANY - PLACES):
        assert over.acquire(timeout=60)
    assert len(sent_away) == MANY - PLACES
    while hasher.now < AT_ONCE:
        threading.Event().wait(0.001)
    hasher.gate.set()
    for thread in threads:
        thread.join()
    assert (hasher.most, len(hasher.judged)) == (AT_ONCE, PLACES)
    assert accounts.log_in("vera", GOOD)  # all places are free again


@pytest.mark.parametrize(
    "costly",
    [
        lambda accounts: accounts.add("bob", GOOD, "viewer"),
        lambda accounts: accounts.make_first("bob", GOOD),
        lambda accounts: accounts.set_password("vera", "quite unrelated words"),
        lambda accounts: accounts.set_password("vera", "quite unrelated words", old=GOOD),
        lambda accounts: accounts.log_in("vera", GOOD),
    ],
)
def test_whatever_hashes_needs_a_place(
    accounts: Accounts, hasher: Watched, costly: Callable[[Accounts], Any]
) -> None:
    hasher.gate.clear()
    threads = at_once([lambda: accounts.log_in("nobody", "wrong wrong wrong")] * PLACES)
    while accounts._hashing._taken < PLACES:
        threading.Event().wait(0.001)
    with pytest.raises(BusyError):
        costly(accounts)
    hasher.gate.set()
    for thread in threads:
        thread.join()


def test_some_places_are_kept_for_known_browsers(accounts: Accounts, hasher: Watched) -> None:
    assert accounts.log_in("vera", GOOD)
    browser = accounts.remember("vera", "")
    hasher.gate.clear()
    threads = at_once([lambda: accounts.log_in("nobody", "wrong wrong wrong")] * PLACES)
    while accounts._hashing._taken < PLACES:
        threading.Event().wait(0.001)
    came: list[str | None] = []
    known = at_once(
        [lambda: came.append(accounts.log_in("vera", GOOD, browser=browser))] * KEPT_FREE
    )
    hasher.gate.set()
    for thread in threads + known:
        thread.join()
    assert len([token for token in came if token]) == KEPT_FREE


def _persistent(accounts: Accounts, password: str, came: list[str]) -> None:
    while True:
        try:
            token = accounts.log_in("vera", password)
        except BusyError:
            continue
        if token:
            came.append(token)
        return


def test_of_many_wrong_tries_at_once_no_more_are_judged_than_one_after_the_other(
    accounts: Accounts, hasher: Watched, store: Store
) -> None:
    with store.read() as tx:
        user = tx.accounts.user("vera")
    assert user is not None
    threads = at_once([lambda: _persistent(accounts, "wrong wrong wrong", [])] * MANY)
    for thread in threads:
        thread.join()
    assert len(hasher.judged) == MANY  # the rest was compared with nobody's, to take as long
    assert len([hash for hash, _ in hasher.judged if hash == user.password_hash]) == TRIES


@pytest.mark.parametrize("place", [0, TRIES - 1, TRIES, MANY - 1])
def test_the_right_one_among_many_does_not_get_in_after_too_many_wrong_ones(
    accounts: Accounts, hasher: Watched, store: Store, place: int
) -> None:
    with store.read() as tx:
        user = tx.accounts.user("vera")
    assert user is not None
    passwords = ["wrong wrong wrong"] * MANY
    passwords[place] = GOOD
    came: list[str] = []
    for thread in at_once([lambda p=p: _persistent(accounts, p, came) for p in passwords]):  # type: ignore[misc]
        thread.join()
    own = [right for hash, right in hasher.judged if hash == user.password_hash]
    before = own.index(True) if True in own else len(own)
    assert before <= TRIES
    assert len(own) <= 2 * TRIES  # a log-in that is good begins the count anew
    assert not came or before < TRIES


def test_nobody_can_lock_a_known_browser_out(accounts: Accounts, clock: ManualClock) -> None:
    assert accounts.log_in("vera", GOOD)
    browser = accounts.remember("vera", "")
    for _ in range(3 * TRIES):
        assert accounts.log_in("vera", "wrong wrong wrong", browser="A" * 43) is None
    assert accounts.log_in("vera", GOOD) is None
    assert accounts.log_in("vera", GOOD, browser=browser)
    assert accounts.log_in("vera", GOOD) is None  # it opened nothing for others


def test_a_known_browser_has_its_tries_and_no_more(accounts: Accounts, clock: ManualClock) -> None:
    browser = accounts.remember("vera", "")
    for _ in range(TRIES):
        assert accounts.log_in("vera", "wrong wrong wrong", browser=browser) is None
    assert not accounts.knows("vera", browser)
    for _ in range(TRIES):
        assert accounts.log_in("vera", "wrong wrong wrong", browser=browser) is None
    assert accounts.log_in("vera", GOOD, browser=browser) is None
    clock.advance(LOCKED)
    assert accounts.log_in("vera", GOOD, browser=browser)


def test_a_browser_is_known_for_one_login_for_a_while_and_until_the_password_changes(
    accounts: Accounts, clock: ManualClock
) -> None:
    accounts.add("bob", GOOD, "viewer")
    browser = accounts.remember("vera", "")
    assert accounts.knows("vera", browser)
    assert not accounts.knows("bob", browser)
    newer = accounts.remember("vera", browser)
    assert not accounts.knows("vera", browser)
    clock.advance(REMEMBERED - 1)
    assert accounts.knows("vera", newer)
    clock.advance(1)
    assert not accounts.knows("vera", newer)
    last = accounts.remember("vera", "")
    accounts.set_password("vera", "quite unrelated words")
    assert not accounts.knows("vera", last)


def test_the_oldest_of_too_many_browsers_is_forgotten(
    accounts: Accounts, clock: ManualClock
) -> None:
    tokens = []
    for _ in range(BROWSERS + 1):
        tokens.append(accounts.remember("vera", ""))
        clock.advance(1)
    assert [accounts.knows("vera", t) for t in tokens] == [False] + [True] * BROWSERS


def test_a_password_that_was_changed_meanwhile_lets_nobody_in(
    accounts: Accounts, hasher: Watched
) -> None:
    came: list[str | None] = []
    hasher.gate.clear()
    (thread,) = at_once([lambda: came.append(accounts.log_in("vera", GOOD))])
    while not hasher.now:
        threading.Event().wait(0.001)
    accounts.set_password("vera", "quite unrelated words")
    hasher.gate.set()
    thread.join()
    assert came == [None]


def test_hashes_are_made_by_owasps_parameters_and_old_ones_made_anew(
    store: Store, clock: ManualClock, accounts: Accounts
) -> None:
    def kept() -> str:
        with store.read() as tx:
            user = tx.accounts.user("vera")
        assert user is not None
        return user.password_hash

    assert not kept().startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    now = Accounts(store, clock, Audit(store, clock))
    assert now.log_in("vera", "wrong wrong wrong") is None
    assert not kept().startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert now.log_in("vera", GOOD)
    assert kept().startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert now.log_in("vera", GOOD)


def test_refused_tries_push_out_no_log_in_that_was_good(
    store: Store, accounts: Accounts, clock: ManualClock
) -> None:
    audit = Audit(store, clock)
    assert accounts.log_in("vera", GOOD, address="192.0.2.7")
    trail = audit.list()
    with store.write() as tx:
        for number in range(20):
            tx.log_ins.note(LogIn(clock.now(), f"n{number}", "", "refused"), kept=5)
    told = [(e["who"], e["address"], e["outcome"]) for e in audit.log_ins()]
    assert told[-1] == ("vera", "192.0.2.7", "done")
    assert [who for who, _, _ in told[:-1]] == ["n19", "n18", "n17", "n16", "n15"]
    assert audit.list() == trail
