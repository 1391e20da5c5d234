"""The rules file as people work on it: read, checked while it is written, compared, kept.

Nothing is kept that has an error, and nothing that somebody else changed in the meantime.
"""

import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from leadback.base.clock import DAY, Clock
from leadback.base.errors import InputError
from leadback.base.shipped import SHIPPED_RULES
from leadback.rules.diff import diff_loaded
from leadback.rules.explain import explain
from leadback.rules.findings import Severity
from leadback.rules.graph import svg
from leadback.rules.loader import parse as read
from leadback.rules.model import CrmMapping, Rules
from leadback.rules.values import own_cells
from leadback.service.audit import Audit
from leadback.service.mapping_text import with_cell, with_own_cell, without_own_cell
from leadback.service.replay import replayed
from leadback.service.rules import with_unasked
from leadback.service.rules_file import errors_of
from leadback.service.sound import parse
from leadback.store import Store
from leadback.work.rules_in_use import RulesInUse

MAX_TEXT = 2_000_000


class Rulebook:
    """One per process. `rules` are the ones in use, `path` the file they came from."""

    def __init__(
        self, path: Path, rules: RulesInUse, store: Store, clock: Clock, audit: Audit
    ) -> None:
        self._path, self._rules = path, rules
        self._store, self._clock, self._audit = store, clock, audit
        self._seen: tuple[tuple[int, int], int] | None = None

    # ------------------------------------------------------------------ the rules in use

    def in_use(self) -> dict[str, Any]:
        """version, states (name, work, means), explained: plain words."""
        rules = self._rules.now().rules
        return {
            "version": self._rules.now().version,
            "file": self._path.name,
            "states": [asdict(s) for s in rules.states.values()],
            "explained": explain(rules),
        }

    def diagram(self) -> str:
        """SVG (escaped): leads in every state, and how many went which way of late."""
        with self._store.read() as tx:
            counts = tx.leads.count_by_state()
            traffic = tx.views.moves()
        return svg(self._rules.now().rules, leads=counts, traffic=traffic or None)

    def what_if(self, text: str, *, days: int) -> dict[str, Any]:
        """The leads of the last days, replayed by a draft: see Replay.report. InputError."""
        new, since = self._parsed(text), self._clock.now() - days * DAY
        with self._store.read() as tx:
            return replayed(tx, self._rules.now().rules, new, since=since, progress=lambda *_: None)

    # ------------------------------------------------------------------ the file

    def text(self) -> str:
        """The file as it lies on disk; the text in use where there is none."""
        try:
            return self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return self._rules.now().rules.text

    def broken(self) -> int:
        """How many errors the file on disk has now; looked at again when it changes."""
        try:
            stat = self._path.stat()
            key = (stat.st_mtime_ns, stat.st_size)
        except OSError:
            return 1
        if self._seen is None or self._seen[0] != key:
            self._seen = (key, errors_of(parse(self.text(), file=self._path.name)[1]))
        return self._seen[1]

    def check(self, text: str) -> list[dict[str, Any]]:
        """Everything there is to say about a draft, by place: what `rules check` says of it."""
        if len(text) > MAX_TEXT:
            raise InputError(f"a rules file has at most {MAX_TEXT:,} characters")
        found = with_unasked(*read(text, file=self._path.name))
        return [asdict(finding) for finding in found]

    def compare(self, text: str) -> list[dict[str, str]]:
        """What a draft would do differently from the rules in use. Raises InputError."""
        return [
            {
                "what": one.what,
                "where": ", ".join(part for part in (one.state, one.event) if part),
                "when": one.region,
                "old": one.old or "nothing",
                "new": one.new or "nothing",
            }
            for one in diff_loaded(self._rules.now().rules, self._parsed(text))
        ]

    def can_save(self) -> bool:
        """The rules that came with the program are not changed in place."""
        return self._path != SHIPPED_RULES

    def save(self, text: str, *, read: str) -> dict[str, Any]:
        """Keep a draft as the file. read: the text it was made from. Raises InputError."""
        rules = self._parsed(text)
        if not self.can_save():
            raise InputError(
                "these are the rules that came with the program; they are not changed in place",
                fix="copy them to rules/lead_states.yaml, and start again",
            )
        if self.text() != read:
            raise InputError(
                "the file was changed by somebody else meanwhile",
                fix="copy your draft, load the page again, and put it in",
            )
        _replace(self._path, text)
        with self._store.write() as tx:
            tx.rules.put(rules.version, text, now=self._clock.now())
        self._audit.command(
            "save rules", subject=self._path.name, outcome=f"version {rules.version}"
        )
        used = rules.version == self._rules.now().version
        words = "It is in use." if used else "It is not in use yet: activate it."
        return {"version": rules.version, "next": words}

    def _parsed(self, text: str) -> Rules:
        rules, findings = parse(text, file=self._path.name)
        if rules is None:
            first = next(f for f in findings if f.severity is Severity.ERROR)
            raise InputError(
                f"{errors_of(findings)} errors, the first: {first.message}",
                where=f"line {first.line}",
                fix=first.fix,
            )
        return rules

    # ------------------------------------------------------------------ the mapping as a table

    def mappings(self, text: str, portal: str = "") -> list[dict[str, Any]]:
        """For each CRM: columns, rows (state, values by column, `own`: columns of the portal's
        own), and values in use by column.

        portal: as this one is shown it; "" as all are that have no values of their own.
        """
        return [_table(mapping, portal) for mapping in self._parsed(text).crm.values()]

    def portals(self, text: str) -> list[str]:
        """Portals that may be shown something of their own: connected ones, and the file's."""
        rules = self._parsed(text)
        found = {portal for table in rules.crm.values() for portal in table.portals}
        with self._store.read() as tx:
            found.update(p.name for p in tx.portals.list() if p.crm in rules.crm)
        return sorted(found)

    def with_value(
        self, text: str, crm: str, state: str, column: str, value: str | None, portal: str = ""
    ) -> str:
        """The text with one mapped value changed, and everything else as it was written.

        portal: for this one alone. Raises InputError.
        """
        table = self._parsed(text).crm.get(crm)
        if table is None or state not in table.states or column not in table.columns:
            raise InputError(f"the rules map no {column} of {state} for {crm}")
        if not portal:
            return with_cell(text, crm, state, column, value)
        if value == table.states[state][table.columns.index(column)]:
            return without_own_cell(text, crm, portal, state, column)
        return with_own_cell(text, crm, portal, state, column, value)


def _table(table: CrmMapping, portal: str) -> dict[str, Any]:
    own = own_cells(table, portal)
    shown = (table, *table.portals.values())
    return {
        "crm": table.crm,
        "columns": list(table.columns),
        "rows": [
            {
                "state": state,
                "values": dict(zip(table.columns, values, strict=True)),
                "own": list(own.get(state, ())),
            }
            for state, values in table.of(portal).states.items()
        ],
        "known": {
            column: sorted({v[n] or "" for m in shown for v in m.states.values()} - {""})
            for n, column in enumerate(table.columns)
        },
    }


def _replace(path: Path, text: str) -> None:
    """The whole new file or the whole old one, whatever dies when."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            Path(name).chmod(path.stat().st_mode & 0o777)
        Path(name).replace(path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise InputError(
            f"the file cannot be written: {error.strerror}", where=path.name
        ) from error
