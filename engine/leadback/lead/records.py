"""The records that travel through the engine: event in, decision out. Frozen data, no I/O.

Instants and durations are milliseconds (leadback.base.clock). Who may use them: every floor above.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from leadback.base.clock import Millis
from leadback.base.records import record

Data = Mapping[str, Any]
"""JSON-like payload of an event or effect."""


class Ended(StrEnum):
    """Why a lead is over other than by the rules (the rules' own end is `Lead.done`)."""

    TAKEN_BACK = "taken_back"
    DELETED = "deleted"
    MERGED = "merged"
    ERASED = "erased"


@record
class Lead:
    """The engine's record of one contact of one portal.

    lead_id: the contact's CRM id when it was first assigned; stable when the contact is merged.
    crm_id: the contact's CRM id now. previous_owner: the CRM's owner id (or an email address)
    to hand back to, None = there was none. came_from: (state, sub_state) before this one.
    done: the assistant is done by the rules and the handback was ordered.
    revision: counts decisions; entered_at: when the state was entered; assigned_at: when the
    contact was given to the assistant, by the CRM's clock where the CRM says so.
    """

    portal: str
    lead_id: str
    crm_id: str
    state: str
    sub_state: str | None = None
    came_from: tuple[str, str | None] | None = None
    email: str | None = None
    name: str | None = None
    assistant: str | None = None
    assistant_name: str | None = None
    context: str | None = None
    previous_owner: str | None = None
    counters: Mapping[str, int] = field(default_factory=dict)
    done: bool = False
    stopped: bool = False
    ended: Ended | None = None
    assigned_at: Millis = 0
    entered_at: Millis = 0
    updated_at: Millis = 0
    revision: int = 0

    @property
    def finished(self) -> bool:
        """Nothing more is done for this lead until it is assigned again."""
        return self.done or self.ended is not None

    @property
    def id(self) -> str:
        return f"{self.portal}/{self.lead_id}"


@record
class Event:
    """One thing that happened to a lead. type: an event of the rules, or `timer.NAME`.

    at: when it happened, as its sender says. id: unique for its source. internal: made by the
    engine, or by a person on its pages and commands; with source and id it is the key, so that
    whatever a sender calls its events, none of them is one of these.
    """

    type: str
    at: Millis
    source: str
    id: str
    data: Data = field(default_factory=dict)
    internal: bool = False


class EffectKind(StrEnum):
    """What a CRM plugin can be asked to do. FIELDS and HANDBACK are idempotent, the rest not."""

    FIELDS = "fields"
    NOTE = "note"
    EMAIL = "email"
    TASK = "task"
    HANDBACK = "handback"


@record
class Effect:
    """One thing the CRM is to show or do, as decided.

    payload by kind:
      fields    {state, words} as decided, {column: value} as written: see effects.with_values
      note      {text, at}
      email     {direction: outgoing_email | incoming_email, subject, body, from, to, at}; from and
                to: None, or a list of {email, first_name, last_name}, the names where known
      task      {subject, at, owner}
      handback  {assistant, previous_owner, assigned_at}; if the CRM says that the assistant got
                the contact later than at assigned_at, it was assigned again and stays
    reference: stable over retries and replays; what a plugin looks for after an uncertain call.
    """

    kind: EffectKind
    payload: Data
    reference: str


@record
class TimerSet:
    """A timer to arm: fires as event `timer.NAME` at `due`; number counts 1, 2, … of `every`."""

    name: str
    due: Millis
    number: int = 1


Result = Literal["moved", "stayed", "refused", "ignored"]


@record
class Decision:
    """What one event means for one lead.

    rule: the name of the rule that fired ("" when none fits), rule_at: its file:line:column.
    reads: the facts it looked at, with their values. because: the author's reason, or ours.
    clears_timers: the timers running for the lead end before `timers` are armed.
    drops_effects: what was not sent yet for the lead is not sent any more.
    revives_effects: what was dropped is to be sent after all.
    """

    lead: Lead
    result: Result
    rule: str = ""
    rule_at: str = ""
    reads: Mapping[str, int | str | None] = field(default_factory=dict)
    because: str = ""
    effects: tuple[Effect, ...] = ()
    timers: tuple[TimerSet, ...] = ()
    clears_timers: bool = False
    drops_effects: bool = False
    merged_into: str | None = None
    """CRM id of the contact that this lead's contact became part of."""
    erased: bool = False
    """Everything personal about the lead has to go, history included."""
    revives_effects: bool = False

    def ordering(self, effects: tuple[Effect, ...]) -> "Decision":
        """The same decision with these effects instead."""
        return Decision(
            self.lead,
            self.result,
            self.rule,
            self.rule_at,
            self.reads,
            self.because,
            effects,
            self.timers,
            self.clears_timers,
            self.drops_effects,
            self.merged_into,
            self.erased,
            self.revives_effects,
        )


@dataclass(frozen=True, slots=True)
class Assistant:
    """An automated sales assistant of one portal. owner_id: its active user's owner id in the CRM.

    off_days: weekdays and dates without follow-ups, e.g. "sat, sun, 2026-12-25"; for who sends.
    former_owner_ids: of users of its address that were there before, the newest first: contacts
    go on pointing at them. user_changed_at: since when that is so.
    """

    portal: str
    email: str
    name: str
    context: str = ""
    fallback_owner: str | None = None
    followups: int = 4
    days_between: int = 3
    owner_id: str | None = None
    off_days: str = ""
    former_owner_ids: tuple[str, ...] = ()
    user_changed_at: Millis | None = None

    @property
    def owner_ids(self) -> tuple[str, ...]:
        """All that mean this assistant; the first is what the others are taken for."""
        now = () if self.owner_id is None else (self.owner_id,)
        return (*now, *self.former_owner_ids)


@dataclass(frozen=True, slots=True)
class Portal:
    """One customer's CRM account, as connected here.

    token_env / webhook_secret_env: names of environment variables, never the secrets themselves.
    settings: the plugin's own switches (JSON).
    """

    name: str
    crm: str
    base_url: str
    token_env: str
    webhook_secret_env: str | None = None
    account_id: str | None = None
    fallback_owner: str | None = None
    settings: Data = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ownership:
    """One entry of a contact's owner history. owner None = nobody. by: who, as the CRM says."""

    owner: str | None
    at: Millis
    by: str


@dataclass(frozen=True, slots=True)
class ContactReading:
    """A contact as the CRM shows it now.

    status: "deleted" could come back (it is in a recycle bin, or the CRM does not say); "erased"
    never will: the CRM has no trace of it.
    asked: the id that was asked for; crm_id: the id it has now (another one after a merge).
    email, name, context: None = the CRM never had one, "" = it had, and has none any more.
    owners: newest first, the first entry is the owner now; () where they were not asked for.
    former: ids of contacts that became part of this one.
    """

    asked: str
    status: Literal["found", "deleted", "erased"]
    crm_id: str
    email: str | None = None
    name: str | None = None
    context: str | None = None
    fields: Mapping[str, str | None] = field(default_factory=dict)
    owners: tuple[Ownership, ...] = ()
    former: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContactIds:
    """What the ids of a CRM's contacts look like. says: the same in words, e.g. "digits only"."""

    pattern: re.Pattern[str]
    says: str

    def fits(self, text: str) -> bool:
        """Whether this may be the id of a contact, as far as its form tells."""
        return self.pattern.fullmatch(text) is not None


ANY_IDS = ContactIds(re.compile(r"[A-Za-z0-9_-]{1,64}"), "letters, digits, - and _, at most 64")
"""Where no plugin says more."""
