"""Statements as Core expressions, compiled once per database and run with plain tuples.

SQLAlchemy's own execute() costs more than the work when a statement handles 2,000 rows at a time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Table,
    Text,
    bindparam,
    false,
    literal_column,
    null,
    true,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement, ColumnElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import Boolean

Constant = str | int | bool | None
"""A value that is part of a statement."""


class Sql:
    """One compiled statement."""

    __slots__ = ("fixed", "names", "text")

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 — every statement here is a query
        self.text = str(compiled)
        self.names: Sequence[str] = compiled.positiontup or ()
        self.fixed = compiled.params

    def values(self, given: dict[str, Any]) -> tuple[Any, ...]:
        """In the order of the statement's marks; KeyError for a value that is missing."""
        fixed = self.fixed
        found = tuple(given[name] if name in given else fixed[name] for name in self.names)
        if len(given) > len(set(self.names)):
            odd = set(given) - set(self.names)
            raise KeyError(f"the statement has no {sorted(odd)}")
        return found


@dataclass(frozen=True, slots=True, eq=False)
class InsertRows:
    """Insert any number of rows. conflict: "" raises, "ignore" skips rows that exist by any key,
    "update" overwrites `columns` that are no key where the primary key exists, or makes the
    changes that `merge` says, given the row that could not be inserted. fixed: columns that are the
    same in every row; they are part of the statement, and rows do not carry them."""

    table: Table
    columns: tuple[str, ...]
    conflict: str = ""
    merge: Callable[[Any], dict[str, Any]] | None = None
    fixed: Mapping[str, Constant] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.table.primary_key)

    def constants(self) -> dict[str, ColumnElement[Any]]:
        """`fixed`, written out."""
        return {name: _constant(value) for name, value in self.fixed.items()}

    def changes(self, excluded: Any) -> dict[str, Any]:
        """What "update" sets."""
        if self.merge is not None:
            return self.merge(excluded)
        return {name: excluded[name] for name in self.columns if name not in self.keys}


@dataclass(frozen=True, slots=True, eq=False)
class UpdateRows:
    """Set `columns` where all `keys` are equal; a row is the columns' values, then the keys'. No
    two rows of one call have the same keys."""

    table: Table
    columns: tuple[str, ...]
    keys: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, eq=False)
class DeleteRows:
    """Delete where all `keys` are equal; a row is the keys' values. The last one is a number, and a
    statement may take a run of them (from `key_NAME` to `end_NAME`)."""

    table: Table
    keys: tuple[str, ...]
    columns: tuple[str, ...] = ()


Plan = InsertRows | UpdateRows | DeleteRows


class SqlOfRows:
    """A compiled plan: SQLAlchemy puts columns in the table's own order."""

    __slots__ = ("_pick", "plan", "text")

    def __init__(self, plan: Plan, statement: ClauseElement, dialect: Dialect) -> None:
        sql = Sql(statement, dialect)
        self.plan, self.text = plan, sql.text
        given = [name.removeprefix("new_") for name in sql.names if not name.startswith("end_")]
        if isinstance(plan, InsertRows):
            expected = list(plan.columns)
        else:
            expected = [*plan.columns, *(f"key_{name}" for name in plan.keys)]
        if sorted(given) != sorted(expected):
            raise ValueError(f"{plan.table.name}: values for {given}, not for {expected}")
        places = [expected.index(name) for name in given]
        self._pick = None if given == expected else itemgetter(*places)

    def ordered(self, rows: Sequence[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
        """The rows' values in the order of the statement's marks."""
        return rows if self._pick is None else list(map(self._pick, rows))


class InSet(ColumnElement[bool]):
    """`column` is one of the values of the list given as `name`: one bound value of any length."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        self.column = column
        kind = BigInteger() if isinstance(column.type, BigInteger) else Text()
        self.values = bindparam(name, type_=ARRAY(kind))

    def self_group(self, against: Any = None) -> "InSet":
        """As it is: SQLAlchemy would write `(…) = 1`, and SQLite then uses no index for it."""
        return self


@compiles(InSet, "sqlite")
def _in_set_sqlite(element: InSet, compiler: SQLCompiler, **kw: Any) -> str:
    column = compiler.process(element.column, **kw)
    values = compiler.process(element.values, **kw)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 — marks, no values


@compiles(InSet, "postgresql")
def _in_set_postgresql(element: InSet, compiler: SQLCompiler, **kw: Any) -> str:
    column = compiler.process(element.column, **kw)
    return f"{column} = ANY ({compiler.process(element.values, **kw)})"


def _constant(value: Constant) -> ColumnElement[Any]:
    match value:
        case None:
            return null()
        case bool():
            return true() if value else false()
        case int():
            return literal_column(str(value), BigInteger)
        case str():
            return word(value)


def word(value: str) -> ColumnElement[str]:
    """A constant that stays visible in the statement, so that partial indexes can be used."""
    return literal_column(f"'{value}'", Text)


def containing(text: str) -> str:
    """A pattern for LIKE … ESCAPE '!' that finds the text anywhere, in small letters."""
    safe = text.lower().replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{safe}%"


def either(column: ColumnElement[str], *values: str) -> ColumnElement[bool]:
    """`(column = 'a' OR column = 'b')`, in the form that partial indexes are declared with."""
    first, *rest = (column == word(value) for value in values)
    for condition in rest:
        first = first | condition
    return first.self_group()
