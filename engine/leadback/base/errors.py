"""Errors that carry the fix: what happened, where, and what to do about it.

Doors print them as they are; nobody outside this project's own mistakes ever sees a traceback.
"""


class LeadbackError(Exception):
    """A problem a person can act on.

    what: one sentence without a full stop. where: `file:line:column`, a command, a portal, …
    fix: what to do, in the imperative. exit_code: 1 needs attention, 2 wrong use or configuration.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what, self.where, self.fix = what, where, fix
        super().__init__(str(self))

    def lines(self) -> tuple[str, ...]:
        """As it is shown, line by line."""
        return (str(self),)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} — {self.fix}" if self.fix else text


class ConfigurationError(LeadbackError):
    """Settings, rules or a portal's set-up that cannot work as they are."""


class InputError(LeadbackError):
    """Something a person or a sender gave us cannot be used; nothing else is affected."""
