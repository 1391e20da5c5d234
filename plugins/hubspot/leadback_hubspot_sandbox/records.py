"""The store: records of one object type, their order, uniqueness, merges and search index."""

from __future__ import annotations

import heapq
import random
import time
from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field

from leadback_hubspot_sandbox.catalog import Kind
from leadback_hubspot_sandbox.definitions import Definition, Group
from leadback_hubspot_sandbox.history import Change


@dataclass(slots=True)
class Record:
    """A record. ``links``: other object type → record id → monotonic time it can be read."""

    id: str
    kind: Kind
    created_ms: int
    updated_ms: int
    properties: dict[str, str] = field(default_factory=dict)
    history: dict[str, list[Change]] = field(default_factory=dict)
    archived_ms: int | None = None
    links: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def archived(self) -> bool:
        return self.archived_ms is not None


class SearchIndex:
    """What search sees: copies of records that arrive some seconds after each write."""

    __slots__ = ("_pending", "_seen", "_sequence", "documents")

    def __init__(self) -> None:
        self.documents: dict[str, Record] = {}
        self._pending: list[tuple[float, int, str, Record | None]] = []
        self._seen: dict[str, int] = {}
        self._sequence = 0

    def push(self, record_id: str, copy: Record | None, *, ready: float) -> None:
        """Show ``copy`` (None: nothing) for the record from the monotonic time ``ready`` on."""
        self._sequence += 1
        heapq.heappush(self._pending, (ready, self._sequence, record_id, copy))
        self.advance(time.monotonic())

    def advance(self, now: float) -> None:
        while self._pending and self._pending[0][0] <= now:
            _, sequence, record_id, copy = heapq.heappop(self._pending)
            if self._seen.get(record_id, 0) > sequence:
                continue
            self._seen[record_id] = sequence
            if copy is None:
                self.documents.pop(record_id, None)
            else:
                self.documents[record_id] = copy


class RecordStore:
    """All records of one object type in one portal, with that type's property definitions."""

    __slots__ = (
        "_next_id", "_order", "_rng", "definitions", "groups", "index", "kind", "merged",
        "records", "unique",
    )  # fmt: skip

    def __init__(
        self,
        kind: Kind,
        *,
        first_id: int,
        rng: random.Random,
        definitions: dict[str, Definition],
        groups: dict[str, Group],
    ) -> None:
        self.kind = kind
        self.definitions = definitions
        self.groups = groups
        self.records: dict[str, Record] = {}
        self.merged: dict[str, str] = {}
        self.unique: dict[str, dict[str, str]] = {}
        self.index = SearchIndex()
        self._order: list[int] = []
        self._next_id = first_id
        self._rng = rng

    def new_id(self) -> str:
        """A numeric string; ids grow, with gaps, so that nobody computes the next one."""
        while True:
            self._next_id += self._rng.randint(1, 97)
            made = str(self._next_id)
            if made not in self.records and made not in self.merged:
                return made

    def add(self, record: Record) -> None:
        self.records[record.id] = record
        insort(self._order, int(record.id))

    def remove(self, record_id: str) -> None:
        """Forget a record for good."""
        del self.records[record_id]
        self._order.pop(bisect_left(self._order, int(record_id)))

    def resolve(self, record_id: str) -> str:
        """The id that stands for ``record_id`` now, following merges."""
        while record_id in self.merged:
            record_id = self.merged[record_id]
        return record_id

    def live(self, record_id: str) -> Record | None:
        """The record with exactly this id, if it exists and is not archived."""
        record = self.records.get(record_id)
        return None if record is None or record.archived else record

    def find(self, record_id: str, *, archived: bool = False) -> Record | None:
        """As GET finds it: through merges, live only (or archived only)."""
        record = self.records.get(self.resolve(record_id))
        return record if record is not None and record.archived == archived else None

    def walk(self, *, start: int, archived: bool) -> Iterator[Record]:
        """Records in id order from ``start`` on."""
        for position in range(bisect_left(self._order, start), len(self._order)):
            record = self.records[str(self._order[position])]
            if record.archived == archived:
                yield record

    def definition(self, name: str) -> Definition | None:
        """An active property; archived ones and unknown names give None."""
        found = self.definitions.get(name)
        return None if found is None or found.archived_ms is not None else found

    def keep_unique(self, record: Record, name: str, value: str) -> None:
        """Move the record's entry of a unique property to ``value``."""
        owners = self.unique.setdefault(name, {})
        present = record.properties.get(name)
        if present is not None and owners.get(present) == record.id:
            del owners[present]
        if value:
            owners[value] = record.id
