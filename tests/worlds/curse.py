"""An exception at any statement of what is written about one lead, as long as the curse is on it.

It is planted in the store, below everything that could know of it.
"""

from collections.abc import Callable
from typing import Any

import pytest

from leadback.store.inbox import Inbox
from leadback.store.transaction import Transaction


class CurseError(RuntimeError):
    """What nobody has thought of."""


class Curse:
    """lead: whose commits fail, None = nobody's. statement: at which one of them; a commit that
    has fewer fails at its end."""

    def __init__(self) -> None:
        self.lead: str | None = None
        self.statement = 1
        self.fell = 0
        """How often it did."""
        self._left: int | None = None

    def plant(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(Inbox, "commit", self._commit(Inbox.commit))
        for name in ("run", "rows"):
            patch.setattr(Transaction, name, self._statement(getattr(Transaction, name)))

    def _commit(self, real: Callable[..., None]) -> Callable[..., None]:
        def commit(inbox: Inbox, portal: str, decided: Any, **given: Any) -> None:
            if not any(one.decision and one.decision.lead.lead_id == self.lead for one in decided):
                real(inbox, portal, decided, **given)
                return
            self._left = self.statement
            try:
                real(inbox, portal, decided, **given)
            finally:
                self._left = None
            self._falls()

        return commit

    def _statement(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def statement(transaction: Transaction, *given: Any, **values: Any) -> Any:
            if self._left is not None:
                self._left -= 1
                if self._left == 0:
                    self._falls()
            return real(transaction, *given, **values)

        return statement

    def _falls(self) -> None:
        self.fell += 1
        raise CurseError(f"planted at statement {self.statement} for {self.lead}")
