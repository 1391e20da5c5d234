"""Two processes change logins in the same moment: what each rests on stays true."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from argon2 import PasswordHasher

from leadback.base.clock import ManualClock
from leadback.base.errors import InputError
from leadback.service.accounts import Accounts
from leadback.service.audit import Audit
from leadback.service.sign_in import Person, SignIns
from leadback.store import Store, open_store
from leadback.store.account_records import User
from leadback.store.accounts import Accounts as Kept

GOOD, OTHER = "correct horse battery staple", "quite unrelated words"
TOGETHER = 0.5
"""Seconds in which two that have both read would meet before they write."""


class Process:
    """One of several: its own connections."""

    def __init__(self, store: Store) -> None:
        self.store = store
        clock = ManualClock(1_800_000_000_000)
        audit = Audit(self.store, clock)
        hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        self.accounts = Accounts(self.store, clock, audit, hasher)
        self.sign_ins = SignIns(self.store, clock, audit, {"example.com": "viewer"})

    def users(self) -> dict[str, User]:
        with self.store.read() as tx:
            return {user.name: user for user in tx.accounts.users()}


@pytest.fixture
def two(url: str) -> Iterator[tuple[Process, Process]]:
    made = Process(open_store(url)), Process(open_store(url))
    yield made
    for process in made:
        process.store.close()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[BaseException]]:
    """Runs both, which meet after they have read and before they write, if they can."""

    def run(*calls: Callable[[], object]) -> list[BaseException]:
        meeting, refused = threading.Barrier(2), []
        write = Kept.put_user

        def put_user(kept: Kept, user: User) -> None:
            with suppress(threading.BrokenBarrierError):  # the other waits for us to be done
                meeting.wait(TOGETHER)
            write(kept, user)

        def call(what: Callable[[], object]) -> None:
            try:
                what()
            except InputError as error:
                refused.append(error)

        with monkeypatch.context() as patched:
            patched.setattr(Kept, "put_user", put_user)
            threads = [threading.Thread(target=call, args=(one,)) for one in calls]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        return refused

    return run


def test_there_is_one_first_admin(
    two: tuple[Process, Process], at_once: Callable[..., list[BaseException]]
) -> None:
    one, other = two
    refused = at_once(
        lambda: one.accounts.make_first("ada", GOOD), lambda: other.accounts.make_first("bob", GOOD)
    )
    assert len(refused) == 1
    assert len(one.users()) == 1


def test_a_name_is_taken_once(
    two: tuple[Process, Process], at_once: Callable[..., list[BaseException]]
) -> None:
    one, other = two
    refused = at_once(
        lambda: one.accounts.add("vera", GOOD, "viewer"),
        lambda: other.accounts.add("vera", OTHER, "admin"),
    )
    user = one.users()["vera"]
    right = GOOD if user.role == "viewer" else OTHER
    assert len(refused) == 1
    assert one.accounts.log_in("vera", right)


def test_the_last_admin_stays_one(
    two: tuple[Process, Process], at_once: Callable[..., list[BaseException]]
) -> None:
    one, other = two
    for name in ("ada", "bob"):
        one.accounts.add(name, GOOD, "admin")
    refused = at_once(
        lambda: one.accounts.change("ada", role="viewer"),
        lambda: other.accounts.change("bob", disabled=True),
    )
    assert len(refused) == 1
    assert [u.role for u in one.users().values() if not u.disabled].count("admin") == 1


def test_a_login_that_is_disabled_stays_so_whatever_else_is_changed(
    two: tuple[Process, Process], at_once: Callable[..., list[BaseException]]
) -> None:
    one, other = two
    one.accounts.add("ada", GOOD, "admin")
    one.accounts.add("vera", GOOD, "viewer")
    refused = at_once(
        lambda: one.accounts.change("vera", disabled=True),
        lambda: other.accounts.set_password("vera", OTHER),
    )
    assert refused == []
    assert one.users()["vera"].disabled
    one.accounts.change("vera", disabled=False)
    assert one.accounts.log_in("vera", OTHER)


def test_who_comes_in_twice_at_once_for_the_first_time_is_one(
    two: tuple[Process, Process], at_once: Callable[..., list[BaseException]]
) -> None:
    one, other = two
    ada = Person("https://id.example.com", "1", "ada@example.com")
    assert at_once(lambda: one.sign_ins.admit(ada, ""), lambda: other.sign_ins.admit(ada, "")) == []
    assert list(one.users()) == ["ada@example.com"]
