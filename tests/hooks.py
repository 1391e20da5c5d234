"""Every call of a hook seen before it is made, whichever plugin answers it: a hook that is new is
seen without a word here. As a program, `python -m tests.hooks FILE ARGUMENT…` runs leadback so.
"""

import json
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pluggy
import pytest

from leadback.hooks.specs import CrmSpecs

ADDRESS = "ann.secret@private.example"
HOOKS = tuple(name for name in vars(CrmSpecs) if name.startswith("crm_"))
OFFLINE = tuple(
    name
    for name in HOOKS
    if re.search(r"\bPure\b|No network|Asks nothing", str(vars(CrmSpecs)[name].__doc__))
)
"""What says so of itself; any other may wait for a CRM."""
ONLINE = tuple(name for name in HOOKS if name not in OFFLINE)

See = Callable[[str, Mapping[str, Any]], None]
"""(hook, its arguments); what it raises, the hook raises."""


@contextmanager
def seen(see: See) -> Iterator[None]:
    """Of all plugins that are registered meanwhile."""

    class Watched(pluggy.PluginManager):
        def __init__(self, project: str) -> None:
            super().__init__(project)
            self.add_hookcall_monitoring(lambda name, _, given: see(name, given), _nothing)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pluggy, "PluginManager", Watched)
        yield


def _nothing(*_: Any) -> None:
    """After the call."""


def secrets_of(given: Mapping[str, Any]) -> list[str]:
    """What a hook was given that no log may hold."""
    found = [ADDRESS]
    if "access" in given:
        found += [given["access"].token(), given["access"].webhook_secret()]
    if "app" in given:
        words = ("code", "verifier", "refresh", "state")
        found += [given["app"].client_secret(), *(given[one] for one in words if one in given)]
    return [*found, *given.get("emails", ())]


def fail(name: str, given: Mapping[str, Any]) -> None:
    """As a plugin's mistake does, with all that it knows in its words and variables."""
    known = secrets_of(given)
    raise RuntimeError(f"{name} broke: {' '.join(known)}")


class Noted:
    """Calls of a process, in a file: a JSON line each. Those named in FILE.fail fail."""

    def __init__(self, file: Path) -> None:
        self._file, self._lock = file, threading.Lock()

    def __call__(self, name: str, given: Mapping[str, Any]) -> None:
        line = {"hook": name, "thread": threading.current_thread().name}
        with self._lock, self._file.open("a") as out:
            out.write(json.dumps(line) + "\n")
        failing = self._file.with_suffix(".fail")
        if failing.exists() and name in failing.read_text().split():
            fail(name, given)


def main() -> None:
    from leadback.cli.main import main as leadback

    file = Path(sys.argv[1])
    sys.argv = ["leadback", *sys.argv[2:]]
    with seen(Noted(file)):
        leadback()


if __name__ == "__main__":
    main()
