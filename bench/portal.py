"""A portal of a sandbox process with the limits of a real one, and the plugin beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from leadback.rules.loader import load
from tests.plugins.hubspot.rig import HANNA, TARA, make_rig, start_sandbox

RULES = Path(__file__).resolve().parents[1] / "rules" / "lead_states.yaml"
SHARE = 0.98
THREADS = 9
"""Calls in flight, as in the worker."""


@contextmanager
def portal(**options: Any) -> Iterator[Any]:
    process, url = start_sandbox()
    try:
        rig = make_rig(url, load(RULES), rate_limited=True, **options)
        rig.settings = {"budget_share": SHARE, "settle_seconds": 0}
        yield rig
    finally:
        process.terminate()
        process.wait()


def contacts(rig: Any, count: int) -> list[str]:
    """Contacts that Hanna had, and now Tara has; the sandbox's own calls cost no budget."""
    found: list[str] = []
    for _ in range(count // 200):
        found += rig.contacts(200, HANNA, TARA)
    rig.reset_stats()
    return found
