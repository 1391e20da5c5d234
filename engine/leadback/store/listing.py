"""Leads as a page lists them: any filter, any order, however many there are. Read-only.

Two ways, and each is bounded. Few candidates: look all of them up and sort them. Many: walk the
index of the wanted order until the page is full, over so many leads and no more; whoever wants the
rest asks for it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    func,
    not_,
    or_,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from leadback.base.clock import HOUR, Millis
from leadback.lead.records import Lead
from leadback.store.leads import COLUMNS, to_lead
from leadback.store.statements import InSet, Sql
from leadback.store.tables import directory, leads, portals
from leadback.store.transaction import Transaction
from leadback.store.triggers import SHORT

Order = Literal["changed", "assigned", "state", "email", "name", "assistant"]

FEW = 7_000
"""So many candidates are looked up and sorted; with more, a page's worth is soon met by walking."""
LOOKED = 20_000
"""How many leads of a portal are looked at for one page, in the wanted order."""
COUNT_LOOKED = 10_000
"""How many are looked at only to say how many there are."""

_NAMES = select(portals.c.name)
_LEAD = [leads.c[name] for name in COLUMNS]
_KEYS: dict[Order, tuple[ColumnElement[Any], ...]] = {
    "changed": (leads.c.changed_hour, leads.c.updated_at),
    "state": (leads.c.state, leads.c.changed_hour, leads.c.updated_at),
    "email": (directory.c.email,),
    "assigned": (directory.c.assigned_at,),
    "name": (directory.c.words,),
    "assistant": (directory.c.assistant,),
}
"""What has an index, in its order; the directory's are walked, and the leads looked up."""
_OF_DIRECTORY = ("email", "assigned", "name", "assistant")
_PAIRED = and_(directory.c.portal == leads.c.portal, directory.c.lead_id == leads.c.lead_id)


@dataclass(frozen=True, slots=True)
class LeadsWanted:
    """Which leads to show; None = any. counters: at least so many. since, until: last change.

    search: an id, or part of a name or an address. owner: whom the contact goes back to.
    """

    portal: str | None = None
    state: str | None = None
    sub_state: str | None = None
    assistant: str | None = None
    owner: str | None = None
    finished: bool | None = None
    search: str = ""
    since: Millis | None = None
    until: Millis | None = None
    counters: tuple[tuple[str, int], ...] = ()
    order: Order = "changed"
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """total: None = more than there are here, not counted. further: it ends here only because so
    many leads were looked at."""

    leads: list[Lead]
    total: int | None
    further: bool = False


class Counter(ColumnElement[int]):
    """One counter of a lead, 0 where it never counted or what is kept cannot be read."""

    inherit_cache = False
    type = Integer()

    def __init__(self, counters: ColumnElement[str], name: str) -> None:
        self.counters, self.name = counters, name
        if not name.isidentifier():
            raise ValueError(f"{name!r} cannot be a counter")


@compiles(Counter, "sqlite")
def _counter_sqlite(element: Counter, compiler: SQLCompiler, **kw: Any) -> str:
    counters = compiler.process(element.counters, **kw)
    path = f"'$.{element.name}'"
    found = (
        f"CASE WHEN json_valid({counters}) AND json_type({counters}, {path}) = 'integer' "
        f"THEN json_extract({counters}, {path}) END"
    )
    return f"COALESCE({found}, 0)"


@compiles(Counter, "postgresql")
def _counter_postgresql(element: Counter, compiler: SQLCompiler, **kw: Any) -> str:
    counters = compiler.process(element.counters, **kw)
    # As text: what is no JSON would end the query, and with it the page for every lead.
    written = f'"{element.name}": ?([0-9]{{1,18}})[,}}]'
    return f"COALESCE(substring({counters} from '{written}')::bigint, 0)"


@dataclass(frozen=True, slots=True)
class _Found:
    """Of one portal: (place in the order, lead), and how many there are in all (None: unknown)."""

    rows: list[tuple[tuple[Any, ...], Lead]]
    total: int | None
    further: bool = False


@dataclass(slots=True)
class Listing:
    """`tx.listing`."""

    tx: Transaction
    _portals: list[str] = field(default_factory=list)

    def page(
        self,
        wanted: LeadsWanted,
        *,
        limit: int,
        offset: int = 0,
        most: int = 10_000,
        looked: int | None = LOOKED,
    ) -> Page:
        """One page in the wanted order, counted up to `most`. looked=None: whatever it takes."""
        names = [wanted.portal] if wanted.portal else self._names()
        alone = len(names) == 1
        found = [
            self._of(
                name,
                wanted,
                limit=limit if alone else limit + offset,
                offset=offset if alone else 0,
                most=most,
                looked=looked,
            )
            for name in names
        ]
        rows = [row for one in found for row in one.rows]
        if not alone:
            backwards = wanted.descending and wanted.order != "changed"
            rows.sort(key=lambda row: (row[1].portal, row[1].lead_id), reverse=backwards)
            rows.sort(key=lambda row: row[0], reverse=wanted.descending)
            rows = rows[offset : offset + limit]
        counts = [one.total for one in found if one.total is not None]
        total = min(sum(counts), most) if len(counts) == len(found) else None
        return Page([lead for _, lead in rows], total, any(one.further for one in found))

    def after(self, wanted: LeadsWanted, last: Lead | None, *, limit: int) -> list[Lead]:
        """All that are wanted, a part at a time, by portal and id; for exports."""
        names = sorted([wanted.portal] if wanted.portal else self._names())
        found: list[Lead] = []
        for name in names:
            if last is not None and name < last.portal:
                continue
            where = [leads.c.portal == name, *_conditions(leads.c, wanted)]
            if last is not None and name == last.portal:
                where.append(leads.c.lead_id > last.lead_id)
            query = select(*_LEAD).where(*where).order_by(leads.c.lead_id)
            found += map(to_lead, self._ask(query.limit(limit - len(found))))
            if len(found) == limit:
                break
        return found

    # ------------------------------------------------------------------ one portal

    def _of(
        self,
        portal: str,
        wanted: LeadsWanted,
        *,
        limit: int,
        offset: int,
        most: int,
        looked: int | None,
    ) -> _Found:
        few = self._few(portal, wanted)
        if few is not None:
            return self._gather(portal, wanted, *few, limit=limit, offset=offset)
        self.tx.dialect.by_index(self.tx.connection)
        walk = _walk(portal, wanted, looked).subquery()
        query = select(walk).where(*_conditions(walk.c, wanted)).limit(limit).offset(offset)
        rows = _placed(self._ask(query))
        if len(rows) == limit or (offset and not rows):
            return _Found(rows, self._count(portal, wanted, most))
        cut = looked is not None and self._more_than(portal, wanted, looked)
        return _Found(rows, None if cut else offset + len(rows), further=cut)

    def _few(self, portal: str, wanted: LeadsWanted) -> tuple[list[str], bool] | None:
        """The ids of at most FEW leads among which all wanted ones are, and whether the search has
        been made in finding them. None: there are more."""
        if wanted.search.isdigit():
            return list(self._ask(_by_id(portal, wanted.search)).scalars()), True
        for query, searched in self._narrowing(portal, wanted):
            found = list(self._ask(query.limit(FEW + 1)).scalars())
            if len(found) <= FEW:
                if searched and wanted.search:
                    found += self._ask(_by_id(portal, wanted.search)).scalars()
                return sorted(set(found)), searched
        return None

    def _narrowing(self, portal: str, wanted: LeadsWanted) -> Iterator[tuple[Select[Any], bool]]:
        """Queries for ids, each answered by one index or a narrow table, the sharpest first."""
        named = [
            column == value[:SHORT]
            for column, value in (
                (directory.c.assistant, wanted.assistant),
                (directory.c.previous_owner, wanted.owner),
            )
            if value is not None
        ]
        if wanted.search:
            named.append(_has_words(directory.c.words, wanted.search))
        if named:
            yield select(directory.c.lead_id).where(directory.c.portal == portal, *named), True
        placed = wanted.state is not None or wanted.since is not None or wanted.until is not None
        if wanted.sub_state is None and (not placed or wanted.order == "changed"):
            return
        where = _in_place(portal, wanted)
        if wanted.sub_state is not None:
            where.append(leads.c.sub_state == wanted.sub_state)
            if wanted.state is None:  # named, so that the index of places is used
                where.append(leads.c.state.in_(self._states(portal)))
        yield select(leads.c.lead_id).where(*where), False

    def _gather(
        self,
        portal: str,
        wanted: LeadsWanted,
        few: list[str],
        searched: bool,
        *,
        limit: int,
        offset: int,
    ) -> _Found:
        mine = [leads.c.portal == portal, InSet(leads.c.lead_id, "few")]
        where = [*mine, *_conditions(leads.c, wanted, searched=searched)]
        keys = [func.coalesce(key, key).label(f"place{n}") for n, key in enumerate(_keys(wanted))]
        query = select(*_LEAD, *keys).where(*where)
        if wanted.order in _OF_DIRECTORY:
            query = query.join(directory, _PAIRED)
        query = query.order_by(*_order(wanted, keys, leads.c.lead_id)).limit(limit).offset(offset)
        rows = _placed(self._of_few(query, few))
        if len(rows) < limit and (rows or not offset):
            return _Found(rows, offset + len(rows))
        count = self._of_few(select(func.count()).select_from(leads).where(*where), few)
        return _Found(rows, int(count.scalar_one()))

    def _of_few(self, query: Select[Any], few: list[str]) -> Any:
        """The ids travel as one value: a mark for each would be more than SQLite takes."""
        dialect = self.tx.dialect
        sql = Sql(query, dialect.engine.dialect)
        given = sql.values({"few": dialect.pack(few)})
        return self.tx.connection.exec_driver_sql(sql.text, given)

    def _count(self, portal: str, wanted: LeadsWanted, most: int) -> int | None:
        """Up to `most`; None when it would take too long to say."""
        if _by_place(wanted):
            return self._up_to(portal, wanted, most)
        if wanted.search:  # every lead on the way would be looked up in the directory once more
            return None
        walk = _walk(portal, wanted, COUNT_LOOKED).subquery()
        some = select(walk.c.lead_id).where(*_conditions(walk.c, wanted)).limit(most).subquery()
        total = int(self._ask(select(func.count()).select_from(some)).scalar_one())
        if total < most and self._more_than(portal, wanted, COUNT_LOOKED):
            return None
        return total

    def _more_than(self, portal: str, wanted: LeadsWanted, number: int) -> bool:
        """Whether a walk would have met more leads than that."""
        return self._up_to(portal, _walked(wanted), number + 1) > number

    def _up_to(self, portal: str, wanted: LeadsWanted, most: int) -> int:
        """How many leads are in the wanted state and were changed in the wanted hours."""
        where = _in_place(portal, wanted)
        some = select(leads.c.changed_hour).where(*where).limit(most).subquery()
        return int(self._ask(select(func.count()).select_from(some)).scalar_one())

    def _states(self, portal: str) -> list[str]:
        """Those that any lead is in: a dozen looks at an index, however many leads there are."""
        found: list[str] = []
        while True:
            after = [leads.c.state > found[-1]] if found else []
            query = select(func.min(leads.c.state)).where(leads.c.portal == portal, *after)
            state = self._ask(query).scalar()
            if state is None:
                return found
            found.append(state)

    def _names(self) -> list[str]:
        if not self._portals:
            self._portals = [row[0] for row in self._ask(_NAMES)]
        return self._portals

    def _ask(self, query: Select[Any]) -> Any:
        return self.tx.connection.execute(query)


def _placed(rows: Iterable[Any]) -> list[tuple[tuple[Any, ...], Lead]]:
    width = len(COLUMNS)
    return [(tuple(row[width:]), to_lead(row[:width])) for row in rows]


def _walk(portal: str, wanted: LeadsWanted, looked: int | None) -> Select[Any]:
    """The portal's leads in the wanted order, by an index, at most so many."""
    keys = _keys(wanted)
    labelled = [key.label(f"place{n}") for n, key in enumerate(keys)]
    query = select(*_LEAD, *labelled)
    if wanted.order in _OF_DIRECTORY:
        query = query.select_from(directory.outerjoin(leads, _PAIRED))
        query = query.where(directory.c.portal == portal)
        return query.order_by(*_order(wanted, keys, directory.c.lead_id)).limit(looked)
    query = query.where(*_in_place(portal, _walked(wanted)))
    return query.order_by(*_order(wanted, keys, leads.c.lead_id)).limit(looked)


def _walked(wanted: LeadsWanted) -> LeadsWanted:
    """What of it the index of its order can leave out on the way."""
    if wanted.order == "changed" or (wanted.order == "state" and wanted.state is not None):
        return LeadsWanted(state=wanted.state, since=wanted.since, until=wanted.until)
    return LeadsWanted()


def _keys(wanted: LeadsWanted) -> tuple[ColumnElement[Any], ...]:
    return _KEYS[wanted.order]


def _order(
    wanted: LeadsWanted, keys: Sequence[ColumnElement[Any]], lead_id: ColumnElement[str]
) -> list[ColumnElement[Any]]:
    places = [key.desc() if wanted.descending else key.asc() for key in keys]
    same = wanted.order != "changed" and wanted.descending
    return [*places, lead_id.desc() if same else lead_id.asc()]


def _conditions(
    c: Any, wanted: LeadsWanted, *, searched: bool = False
) -> list[ColumnElement[bool]]:
    """All that is wanted of a lead but its portal. searched: the search was made already."""
    found: list[ColumnElement[bool]] = [
        column == value
        for column, value in (
            # Not by its index: whoever asks has narrowed by it, or has ids to look up.
            (func.coalesce(c.state, c.state), wanted.state),
            (c.sub_state, wanted.sub_state),
            (c.assistant, wanted.assistant),
            (c.previous_owner, wanted.owner),
        )
        if value is not None
    ]
    if wanted.finished is not None:
        goes_on = and_(c.done.is_(False), c.ended.is_(None))
        found.append(not_(goes_on) if wanted.finished else goes_on)
    if wanted.since is not None:
        found.append(c.updated_at >= wanted.since)
    if wanted.until is not None:
        found.append(c.updated_at < wanted.until)
    found += [Counter(c.counters, name) >= least for name, least in wanted.counters]
    if wanted.search and not searched:
        entry = directory.alias("entry")
        named = select(entry.c.lead_id).where(
            entry.c.portal == c.portal,
            entry.c.lead_id == c.lead_id,
            _has_words(entry.c.words, wanted.search),
        )
        found.append(or_(c.crm_id == wanted.search, c.lead_id == wanted.search, named.exists()))
    return found


def _by_id(portal: str, text: str) -> Select[Any]:
    return select(leads.c.lead_id).where(
        leads.c.portal == portal, or_(leads.c.crm_id == text, leads.c.lead_id == text)
    )


def _has_words(words: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """SQLite makes only A–Z small, so other letters are looked for as typed, small and great."""
    spelt = dict.fromkeys((text.lower(), _ascii_lower(text), _ascii_lower(text.title())))
    return or_(*(words.contains(one, autoescape=True) for one in spelt))


def _ascii_lower(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def _in_place(portal: str, wanted: LeadsWanted) -> list[ColumnElement[bool]]:
    """What the indexes of states and of changes can tell."""
    where: list[ColumnElement[bool]] = [leads.c.portal == portal]
    if wanted.state is not None:
        where.append(leads.c.state == wanted.state)
    if wanted.since is not None:
        where.append(leads.c.changed_hour >= wanted.since // HOUR)
    if wanted.until is not None:
        where.append(leads.c.changed_hour <= wanted.until // HOUR)
    return where


def _by_place(wanted: LeadsWanted) -> bool:
    """Whether nothing is asked for but a state, so that its index alone can count."""
    asked = (
        wanted.sub_state, wanted.assistant, wanted.owner, wanted.finished,
        wanted.since, wanted.until,
    )  # fmt: skip
    return not (any(value is not None for value in asked) or wanted.counters or wanted.search)
