"""Who gets a contact back, and what its history says about the write. Pure: no I/O, no clock.

HubSpot has no compare-and-set. The owner is read, written, and read again with its history: a
person who moved in between is seen there and restored; what happens after our write is respected.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

from leadback.api import Delivery, Millis, Ownership
from leadback_hubspot.owners import Directory

Verdict = Literal["handed_back", "fallback", "cleared", "kept", "human_owner", "assigned_again"]
NOBODY = ""
OURS = ("INTEGRATION", "API")
"""Source types of changes that came through the API; the id after it is the app's."""

BY_HAND = frozenset(
    {
        "CRM_UI", "CRM_UI_BULK_ACTION", "WORK_UI", "MOBILE_IOS", "MOBILE_ANDROID", "IMPORT",
        "PROPERTY_RESTORE", "SALES", "HELP_DESK",
    }
)  # fmt: skip
"""Source types that a person's hand is behind. HubSpot has 119 types and adds more
(https://github.com/HubSpot/HubSpot-public-api-spec-collection); most are its own automation, so
what is not known is taken for that."""

USER = "userId:"
"""How HubSpot's source id names the person who changed a value."""


@dataclass(frozen=True, slots=True)
class Target:
    """Who is to own the contact: an owner id, NOBODY, or None for leaving it as it is."""

    owner: str | None
    verdict: Verdict
    why: str


@dataclass(frozen=True, slots=True)
class Reading:
    """The history after our writes, understood. owner: the one now (None = nobody).

    ours: a write of ours is there. overwritten: whose contact we took and have to restore, None =
    nobody's, NOBODY = somebody had cleared it. by: who had chosen that, or was the last to move it
    where nothing is ours. restored: who was overwritten, and has the contact again by our doing.
    after: who had the last word after ours.
    """

    owner: str | None
    ours: bool
    overwritten: str | None
    by: str
    after: str
    restored: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One contact on its way back. before: its history up to the holding that ends. window: ms from
    the question who owns it to the answer to our write; None when another attempt wrote it."""

    delivery: Delivery
    assistant: str | None
    target: Target
    before: Sequence[Ownership]
    window: Millis | None = None
    written: bool = False
    restores: str | None = None

    @property
    def owner(self) -> str:
        """What we write: the target, or whom we restore."""
        return self.restores if self.restores is not None else self.target.owner or NOBODY


def choose_target(
    previous: str | None,
    fallbacks: Sequence[str | None],
    directory: Directory,
    assistants: frozenset[str],
) -> Target:
    """Who takes the contact back. previous, fallbacks: owner ids or email addresses.

    assistants: owner ids of the portal's assistants; a contact is never handed back to one.
    """
    if previous:
        owner = directory.find(previous)
        if owner is not None and owner.usable and owner.id not in assistants:
            return Target(owner.id, "handed_back", "given back to its previous owner")
        why = f"the previous owner {_state(previous, directory, assistants)}"
    else:
        why = "there was no previous owner"
    for fallback in fallbacks:
        owner = directory.find(fallback) if fallback else None
        if owner is not None and owner.usable and owner.id not in assistants:
            return Target(owner.id, "fallback", f"{why}; given to the fallback owner")
    if previous is None:
        return Target(NOBODY, "cleared", f"{why} and no fallback owner; the owner was cleared")
    return Target(None, "kept", f"{why}, and no active fallback owner is configured")


def _state(key: str, directory: Directory, assistants: frozenset[str]) -> str:
    owner = directory.find(key)
    if owner is None:
        return "does not exist in the portal"
    if owner.id in assistants:
        return "is an assistant"
    return "was deactivated" if owner.person else "is a queue"


def moved_before(
    owners: Sequence[Ownership], assistant: str | None, assistants: frozenset[str]
) -> str | None:
    """Why the assistant is not the owner any more, as one sentence; None while it is."""
    now = owners[0] if owners else None
    if now is not None and now.owner is not None and now.owner == assistant:
        return None
    if now is None:
        return "the contact has no owner"
    if now.owner is None:
        return f"the owner was cleared by {now.by}"
    if now.owner in assistants:
        return f"the contact was given to another assistant by {now.by}"
    return f"the contact was given to owner {now.owner} by {now.by}"


def assigned_since(owners: Sequence[Ownership], known: Millis | None) -> bool:
    """Whether the present owner got the contact later than `known`: somebody gave it anew."""
    if known is None or not owners:
        return False
    holding = takewhile(lambda entry: entry.owner == owners[0].owner, owners)
    return min(entry.at for entry in holding) > known


def holdings(
    owners: Sequence[Ownership], assistant: str | None, known: Millis | None
) -> Iterator[Sequence[Ownership]]:
    """For an attempt whose end is unknown: the history as it may have been before its first write.

    known: since when the assistant had the contact; without it, every time that it got it may be
    the one that ends, the newest first.
    """
    for place, entry in enumerate(owners):
        if entry.owner == assistant and (known is None or entry.at <= known):
            yield owners[place:]
            if known is not None:
                return


def read_back(
    before: Sequence[Ownership],
    after: Sequence[Ownership],
    *,
    target: str,
    app_id: str | None,
) -> Reading:
    """What happened since the assistant's holding that we end with `target`; newest entries first.

    before: up to that holding; the difference is what happened since, in this attempt or in earlier
    ones: our first write is of the target, and each one after it of whom the one before overwrote,
    or the same again, where an answer was lost.
    An automation that answered a write of ours is not restored: that would start a loop.
    """
    news = _since(before, after)[::-1]
    app_id = app_id if app_id in map(_app, news) else None
    wrote, wanted, ours, restored = target, target, False, ""
    overwritten: Ownership | None = None
    others: list[Ownership] = []
    for entry in news:
        value = entry.owner or NOBODY
        if value not in (wanted, wrote) or not _could_be_ours(entry, app_id):
            others.append(entry)
            continue
        answered = overwritten is not None and not any(is_deliberate(one.by) for one in others)
        if others and not answered and others[-1].owner != entry.owner:
            overwritten = others[-1]
            wanted = overwritten.owner or NOBODY
        elif overwritten is not None and value == wanted:
            restored, overwritten = overwritten.by, None
        wrote, ours, others = value, True, []
    owner = news[-1].owner if news else after[0].owner if after else None
    last = others[-1].by if others else ""
    if not ours:
        return Reading(owner, ours=False, overwritten=None, by=last, after="")
    stands = any(is_deliberate(one.by) for one in others)
    if overwritten is not None and owner != overwritten.owner and not stands:
        return Reading(owner, ours=True, overwritten=wanted, by=overwritten.by, after=last)
    return Reading(owner, ours=True, overwritten=None, by="", after=last, restored=restored)


def source_id(owners: Sequence[Ownership], target: str) -> str | None:
    """What HubSpot calls our app, from an entry that we know to be ours."""
    if not owners or (owners[0].owner or NOBODY) != target:
        return None
    kind, details = _source(owners[0].by)
    return details[0] if kind in OURS and details else None


def _since(before: Sequence[Ownership], after: Sequence[Ownership]) -> list[Ownership]:
    """The entries that are new. A history only grows at its new end, so the old one is its tail;
    where it is not (a merge, a history cut short), what was not there before counts."""
    grown = len(after) - len(before)
    if grown >= 0 and list(after[grown:]) == list(before):
        return list(after[:grown])
    known = list(before)
    news: list[Ownership] = []
    for entry in after:
        if entry in known:
            known.remove(entry)
        else:
            news.append(entry)
    return news


def _could_be_ours(entry: Ownership, app_id: str | None) -> bool:
    """app_id: ours, None while it is not known: then any app's write of what we write is taken."""
    return _source(entry.by)[0] in OURS and app_id in (None, _app(entry))


def _app(entry: Ownership) -> str | None:
    """Whose entry it is, if it is an app's: the first word after the source type."""
    return next(iter(_source(entry.by)[1]), None)


def is_deliberate(by: str) -> bool:
    """Whether a change stands against a person's earlier one: made by a person, or by an app
    through the API, which may act for one. by: as in Ownership."""
    kind, details = _source(by)
    return kind in BY_HAND or kind in OURS or any(word.startswith(USER) for word in details)


def _source(by: str) -> tuple[str, list[str]]:
    """The source type, and the words after it."""
    kind, *details = by.split() or [""]
    return kind, details
