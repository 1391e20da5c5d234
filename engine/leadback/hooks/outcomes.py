"""What a plugin answers: one typed outcome per effect, one typed reading per contact.

Never True, a dict, or an exception class of an HTTP library.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from leadback.base.clock import Millis
from leadback.base.pace import LocalPace, Pace
from leadback.lead.records import Assistant, ContactReading, EffectKind, Portal

# ------------------------------------------------------------------ delivery


@dataclass(frozen=True, slots=True)
class Done:
    """The CRM says so, naming the record. result: small JSON kept with the effect.

    For a handback, result is {"verdict": "handed_back" | "fallback" | "cleared" | "kept" |
    "human_owner" | "assigned_again", "owner": owner id now or None, "why": one sentence}.
    """

    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TryLater:
    """Nothing happened; the same effect may be sent again after `after` milliseconds.

    whole_portal: nothing else will get through either (rate limit, token refused, moving house).
    reread: the contact is not what the lead says (merged, deleted, …): worth a hint, so that it is
    read. What is still to be done for it is then dropped, or follows, or is sent after all.
    """

    reason: str
    after: Millis
    whole_portal: bool = False
    reread: bool = False


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It will never work as it is; parked where a person sees it. reason says what to mend."""

    reason: str


@dataclass(frozen=True, slots=True)
class Uncertain:
    """The call may have happened. It is settled by reading back, never by guessing.

    reread: as of TryLater.
    """

    reason: str
    after: Millis
    reread: bool = False


Outcome = Done | TryLater | GiveUp | Uncertain


@dataclass(frozen=True, slots=True)
class Delivery:
    """One effect to deliver. maybe_sent: an earlier attempt may have reached the CRM.

    payload: as Effect.payload, but for kind `fields` it is {field name: value} already.
    """

    id: int
    kind: EffectKind
    crm_id: str
    payload: Mapping[str, Any]
    reference: str
    attempts: int
    maybe_sent: bool


# ------------------------------------------------------------------ reading


@dataclass(frozen=True, slots=True)
class Hint:
    """Something changed at a contact: read it again. erased: it was a privacy deletion.

    shown: the contact as a list of the CRM shows it, without its owners; it may be a moment old.
    """

    crm_id: str
    at: Millis
    erased: bool = False
    shown: ContactReading | None = None


@dataclass(frozen=True, slots=True)
class ContactChanges:
    """Contacts that changed lately: an assistant owns them (owned, with what is shown of them), or
    somebody else does since (left).

    Some may be old news, none is surely complete: a full comparison now and then finds the rest.
    cursor: what to ask with the next time.
    """

    owned: tuple[Hint, ...]
    left: tuple[Hint, ...]
    cursor: Millis


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """One HTTP request as it arrived. url: the public one the CRM called; body: the raw bytes."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    received_at: Millis


@dataclass(frozen=True, slots=True)
class Received:
    """A webhook that is what it says. Hints of portals other than `portal` are left out."""

    hints: tuple[Hint, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A webhook that is not from the CRM, too old, or unreadable. reason is safe to log, and one of
    few. status 401: it is not signed as it should be, and whoever sent it is not told more."""

    reason: str
    status: int = 401

    @property
    def unsigned(self) -> bool:
        return self.status == 401


@dataclass(frozen=True, slots=True)
class AssistantUser:
    """owner_id: of the active user with the assistant's address, None = there is none. former: of
    the owner ids that the assistant was known by, those that are nobody else's now."""

    owner_id: str | None
    former: tuple[str, ...] = ()


# ------------------------------------------------------------------ set-up


@dataclass(frozen=True, slots=True)
class SetupStep:
    """One change that set-up would make, or (needs_person) that only a person can make."""

    what: str
    action: str
    details: Mapping[str, Any] = field(default_factory=dict)
    needs_person: bool = False


@dataclass(frozen=True, slots=True)
class SetupPlan:
    """All steps in order; fingerprint: of the portal's state that the plan was made from."""

    steps: tuple[SetupStep, ...]
    fingerprint: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MappingProblem:
    """A mapped value that this portal cannot take. error False = it works, but say so."""

    state: str
    column: str
    message: str
    fix: str
    error: bool = True


class IntegrationStatus(StrEnum):
    """The four words that users know (per assistant)."""

    ASSISTANT_NOT_YET_CREATED = "ASSISTANT_NOT_YET_CREATED"
    ASSISTANT_DOES_NOT_EXISTS_AS_USER_IN_CRM = "ASSISTANT_DOES_NOT_EXISTS_AS_USER_IN_CRM"
    ASSISTANT_EXISTS_AS_USER_IN_CRM = "ASSISTANT_EXISTS_AS_USER_IN_CRM"
    ALL_WORKING_WELL = "ALL_WORKING_WELL"


# ------------------------------------------------------------------ access


def _is_the_only_one(_: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Access:
    """What a plugin needs to talk to one portal. token and webhook_secret are read when called,
    and raise ConfigurationError (with the fix) when there is none; token also PortalUnavailable or
    PortalDisconnected. token_refused: tell that the CRM refused this token (401); True when token
    now gives another one, and the call is worth repeating.

    pace: asked before every call, so that all workers together keep the portal's limits."""

    portal: Portal
    assistants: Sequence[Assistant]
    token: Callable[[], str]
    webhook_secret: Callable[[], str]
    now: Callable[[], Millis]
    pace: Pace = field(default_factory=LocalPace)
    token_refused: Callable[[str], bool] = _is_the_only_one


# ------------------------------------------------------------------ authorisation


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """The operator's app at the CRM. client_secret is read when called; redirect_uri: ours."""

    client_id: str
    client_secret: Callable[[], str]
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """What an authorisation gave. Never log it; `repr` shows no secret.

    refresh_at: when to ask for new ones, well before expires_at. account_id: the portal's.
    """

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    refresh_at: Millis
    expires_at: Millis
    account_id: str
    scopes: tuple[str, ...] = ()
