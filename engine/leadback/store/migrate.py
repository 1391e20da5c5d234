"""Brings a database's schema up to date. Alembic is loaded only when there is something to do.

Two versions of the code run at once during an upgrade: a migration that only adds (expands) leaves
`compatible.oldest` alone, and older code goes on working; one that takes away (contracts) sets it,
and comes a release later. Order: upgrade the database, then the programs, contract later.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import DBAPIError

from leadback.base.errors import ConfigurationError
from leadback.store.dialect import Dialect
from leadback.store.tables import compatible

HEAD = "0022"
"""The newest migration; a test compares it with the files."""

KNOWN = tuple(f"{number:04}" for number in range(1, int(HEAD) + 1))
"""All of them, oldest first."""

_SCRIPTS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema that a database has, and the oldest one whose code can still use it."""

    version: str
    oldest: str


def current(connection: Connection) -> Schema | None:
    """None = the database has no tables of ours."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if version is None:
        return None
    return Schema(version, str(connection.execute(select(compatible.c.oldest)).scalar_one()))


def check(dialect: Dialect, found: Schema | None) -> bool:
    """Whether this code can work with the database as it is; False: it has to be upgraded first.

    Raises ConfigurationError for one that is too new.
    """
    if found is None or (found.version in KNOWN and found.version != HEAD):
        return False
    if found.version != HEAD and found.oldest > HEAD:
        raise ConfigurationError(
            f"the database has schema {found.version}, too new for this program ({HEAD})",
            where=dialect.name,
            fix="run the newer version of leadback that upgraded it",
        )
    return True


def upgrade(connection: Connection, target: str = "head") -> None:
    """Run the missing migrations in the connection's open transaction: all of them or none."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, target)


def status(dialect: Dialect) -> dict[str, Any]:
    """database (without password), schema ("" = none), needed ("" = nothing to do)."""
    try:
        with dialect.engine.connect() as connection:
            found = current(connection)
    except DBAPIError as error:
        raise dialect.explain(error) or error from error
    usable = check(dialect, found)
    return {
        "database": dialect.name,
        "schema": found.version if found else "",
        "needed": "" if usable else HEAD,
    }
