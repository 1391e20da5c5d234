"""Garbage in cycles is kept while a batch is made, and goes afterwards."""

import gc
import subprocess
import sys
import threading
import weakref

from leadback.base.collector import collector_waits


class Node:
    """Refers to itself."""

    def __init__(self) -> None:
        self.me = self


def litter() -> weakref.ref[Node]:
    """A cycle that nothing refers to, and far more new objects than start a collection."""
    node = Node()
    seen = weakref.ref(node)
    del node
    kept = [[] for _ in range(100_000)]
    assert kept
    return seen


def test_a_cycle_stays_until_the_block_ends() -> None:
    with collector_waits():
        seen = litter()
        assert seen() is not None
    assert gc.isenabled()
    litter()
    assert seen() is None


def test_it_collects_again_when_a_block_fails() -> None:
    try:
        with collector_waits():
            assert not gc.isenabled()
            raise ValueError
    except ValueError:
        assert gc.isenabled()


def test_a_second_block_neither_waits_nor_puts_it_off() -> None:
    seen: list[bool] = []

    def second() -> None:
        with collector_waits():
            entered.set()
            first_over.wait(10)
            seen.append(gc.isenabled())

    entered, first_over = threading.Event(), threading.Event()
    thread = threading.Thread(target=second)
    with collector_waits():
        thread.start()
        assert entered.wait(10)
    first_over.set()
    thread.join()
    assert seen == [True]


def test_who_switched_it_off_finds_it_off() -> None:
    gc.disable()
    try:
        with collector_waits():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


PAGES = """
import gc, sys, weakref
from collections import deque
from leadback.base import collector

class Node(list):
    "Refers to itself."

getattr(collector, sys.argv[1])()
alive, most = set(), 0
open_pages = deque(maxlen=30)
for number in range(1500):
    page = [Node() for _ in range(1000)]
    for node in page:
        node.append(page)
    page[0].seen = weakref.finalize(page[0], alive.discard, number)
    alive.add(number)
    open_pages.append(page)
    most = max(most, len(alive))
print(most)
"""


def test_pages_that_nobody_has_open_any_more_do_not_pile_up() -> None:
    """A thousand objects each, of which thirty are open: how many are in memory at once."""

    def most(how: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", PAGES, how], capture_output=True, text=True, check=True
        )
        return int(done.stdout)

    assert most("collect_often") < 400 < most("collect_rarely")
