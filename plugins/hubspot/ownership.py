"""Who gets a contact back, and what its history says about the write. Pure: no I/O, no clock.

HubSpot has no compare-and-set. The owner is read, written, and read again with its history: a
person who moved in between is seen there and restored; what happens after our write is respected.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

from engine.api import Delivery, Millis, Ownership
from plugins.hubspot.owners import Directory

Verdict = Literal[
    "handed_back", "fallback", "cleared", "kept", "human_owner", "assigned_again", "gone"
]
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
    """The history after our write, understood. owner: the one now (None = nobody).

    ours: our entry is there. overwritten: who held it in the window between our read and our
    write, None = nobody interfered, NOBODY = somebody had cleared it. by: who did it.
    """

    owner: str | None
    ours: bool
    overwritten: str | None
    by: str
    after: str


@dataclass(frozen=True, slots=True)
class Case:
    """One contact on its way back. before: its history ahead of our write. window: ms from the
    question who owns it to the answer to our write; None when another attempt wrote it."""

    delivery: Delivery
    assistant: str | None
    target: Target
    before: tuple[Ownership, ...]
    window: Millis | None = None
    written: bool = False
    restores: str | None = None
    overwrote: str = ""

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


def read_back(
    before: Sequence[Ownership],
    after: Sequence[Ownership],
    *,
    target: str,
    app_id: str | None,
) -> Reading:
    """What happened around our write of `target`. Both histories newest first.

    before: as read ahead of the write; the difference is what happened since.
    """
    news = _since(before, after)
    owner = after[0].owner if after else None
    place = _place_of_ours(news, target, app_id)
    if place is None:
        by = news[0].by if news else ""
        return Reading(owner, ours=False, overwritten=None, by=by, after="")
    earlier = news[place + 1 :]
    later = news[0].by if place else ""
    if not earlier or (earlier[0].owner or NOBODY) == target:
        return Reading(owner, ours=True, overwritten=None, by="", after=later)
    overwritten = earlier[0].owner or NOBODY
    if (owner or NOBODY) == overwritten or is_deliberate(later):
        return Reading(owner, ours=True, overwritten=None, by="", after=later)
    return Reading(owner, ours=True, overwritten=overwritten, by=earlier[0].by, after=later)


def our_earlier_write(
    owners: Sequence[Ownership], assistant: str | None, *, target: str, app_id: str | None
) -> tuple[Ownership, ...] | None:
    """For an attempt whose answer was lost: the history before our write, if that is there.

    Everything from the assistant's last holding on counts as known.
    """
    place = _place_of_ours(owners, target, app_id)
    if place is None:
        return None
    held = next((i for i, e in enumerate(owners) if i > place and e.owner == assistant), None)
    return None if held is None else tuple(owners[held:])


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


def _place_of_ours(entries: Sequence[Ownership], target: str, app_id: str | None) -> int | None:
    """Where our write is. The app's id only tells apart several that could be it."""
    could_be = [
        (place, _source(entry.by))
        for place, entry in enumerate(entries)
        if (entry.owner or NOBODY) == target and _source(entry.by)[0] in OURS
    ]
    exact = [place for place, (_, details) in could_be if app_id in details[:1]]
    return exact[0] if exact else could_be[0][0] if could_be else None


def is_deliberate(by: str) -> bool:
    """Whether a change stands against a person's earlier one: made by a person, or by an app
    through the API, which may act for one. by: as in Ownership."""
    kind, details = _source(by)
    return kind in BY_HAND or kind in OURS or any(word.startswith(USER) for word in details)


def _source(by: str) -> tuple[str, list[str]]:
    """The source type, and the words after it."""
    kind, *details = by.split() or [""]
    return kind, details
