"""Ending the connection to a portal; connecting is engine.service.portals."""

from engine.base.errors import InputError
from engine.service.audit import Audit
from engine.store import Store


class Connections:
    """One per process."""

    def __init__(self, store: Store, audit: Audit) -> None:
        self._store, self._audit = store, audit

    def disconnect(self, name: str) -> None:
        """Forget the connection and its assistants; leads and history stay. Raises InputError."""
        with self._store.write() as tx:
            if tx.portals.get(name) is None:
                raise InputError(f"there is no portal {name!r}")
            tx.portals.remove(name)
        self._audit.command("disconnect portal", subject=name)
