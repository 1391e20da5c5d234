"""How a hook says that the portal cannot be asked now, or not any more."""

from leadback.base.clock import Millis
from leadback.base.errors import LeadbackError


class PortalUnavailable(LeadbackError):
    """The CRM did not answer usefully; nothing is known to have changed. after: ask again then."""

    exit_code = 1

    def __init__(
        self, what: str, *, where: str = "", fix: str = "", after: Millis = 10_000
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.after = after


class PortalDisconnected(LeadbackError):
    """The customer ended the authorisation: only a person can connect the portal again."""

    exit_code = 1
