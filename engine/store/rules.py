"""Every rules file that decided anything, by its hash, and which one is active."""

from sqlalchemy import bindparam, select, update

from engine.base.clock import Millis
from engine.store.records import RulesVersion
from engine.store.statements import InsertRows
from engine.store.tables import rules_versions as table
from engine.store.transaction import Transaction

_COLUMNS = ("hash", "text", "first_used_at", "activated_at")
_PUT = InsertRows(table, _COLUMNS, "ignore")
_ALL = select(*(table.c[name] for name in _COLUMNS))
_GET = _ALL.where(table.c.hash == bindparam("hash"))
_ACTIVE = (
    _ALL.where(table.c.activated_at.isnot(None))
    .order_by(table.c.activated_at.desc(), table.c.hash)
    .limit(1)
)
_ACTIVATE = (
    update(table).where(table.c.hash == bindparam("version")).values(activated_at=bindparam("now"))
)


class RulesVersions:
    """`tx.rules`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def put(self, version: str, text: str, *, now: Millis) -> None:
        """Remember the text of this version; nothing changes when it is known."""
        self._tx.rows(_PUT, [(version, text, now, None)])

    def get(self, version: str) -> RulesVersion | None:
        row = self._tx.run(_GET, hash=version).first()
        return None if row is None else RulesVersion(*row)

    def activate(self, version: str, *, now: Millis) -> None:
        """From now on this known version is the active one."""
        self._tx.run(_ACTIVATE, version=version, now=now)

    def active(self) -> RulesVersion | None:
        """The version activated last; None = none ever was."""
        row = self._tx.run(_ACTIVE).first()
        return None if row is None else RulesVersion(*row)
