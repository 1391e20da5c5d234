"""What each event does to a lead, written from the tables of docs/explain/lifecycle.md, row by row.

No import of the engine, no rules file: what is predicted here has to be reached by another way.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tests.oracle.lead import DAYS, WORKING, Lead, Start, Timer, anew, back, move
from tests.oracle.recorded import steps

UNUSABLE = frozenset(
    {
        "InvalidEmail", "BounceDeactivated", "BounceRisk", "ServerUnreachable",
        "SpamTrap", "Disposable",
    }
)  # fmt: skip
BAD_REASONS = ("BounceRisk", "ServerUnreachable", "SpamTrap", "Disposable")
LOGGED_ONLY = "SupportAutoResponse"
AUTOMATIC = ("OutOfOffice", LOGGED_ONLY)
INTENTS = (
    "OutOfOffice", "AskedToStop", "ReferredSomeone", "MovedOut", "Retired", "AgreedToMeet",
    "InterestedToProceed", "BrochureRequested", "ConnectLater", "Unsubscribe", LOGGED_ONLY,
    "SeekingMoreInfo",
)  # fmt: skip
REMINDERS = 5

Data = Mapping[str, Any]


def born(lead: Lead) -> None:
    """No lead so far: New, with the confirmation note."""
    lead.wishes = ["fields", "note"]


def take(lead: Lead, kind: str, data: Data, now: int) -> None:
    """One event. What it wants from the portal stands in lead.wishes afterwards."""
    lead.wishes, lead.refused = [], False
    if lead.gone and kind not in ("contact_restored", "contact_erased"):
        return
    _count(lead, kind, data)
    _ROWS[kind](lead, data, now)
    _silence_if_gone(lead)


def assign(lead: Lead, start: Start, now: int) -> None:
    """The contact of a lead was given to an assistant again."""
    lead.wishes, lead.refused = [], False
    if lead.state == "UnSubscribed":
        lead.assistant, lead.previous_owner = start.assistant, start.previous_owner
        lead.wishes.append("handback")
    elif lead.finished:
        move(lead, "New", None, now)
        anew(lead)
        lead.assistant, lead.context = start.assistant, start.context
        lead.previous_owner = start.previous_owner
        lead.wishes.append("note")
    _silence_if_gone(lead)


def fire(lead: Lead, now: int) -> None:
    """The timer of the lead is due."""
    assert lead.timer is not None
    timer, lead.timer, lead.wishes, lead.refused = lead.timer, None, [], False
    if timer.name == "owner_silent":
        if lead.counters["owner_replies"] == 0:
            move(lead, "LeadAtRisk", lead.sub_state, now)
    elif timer.name == "returned":
        back(lead, now)
    else:
        lead.wishes.append("task")
        if timer.number < REMINDERS:
            lead.timer = Timer("reminder", timer.due + 3 * DAYS, timer.number + 1)


def _count(lead: Lead, kind: str, data: Data) -> None:
    counter = {
        "email_sent": "followups",
        "email_opened": "opens",
        "link_clicked": "clicks",
        "owner_replied": "owner_replies",
    }.get(kind)
    if counter is not None:
        lead.counters[counter] += 1
    if kind == "replied":
        if data.get("intent") not in AUTOMATIC:
            lead.counters["owner_replies"] = 0
        lead.wishes.append("incoming")
    if kind == "email_sent":
        lead.wishes.append("outgoing")


def _silence_if_gone(lead: Lead) -> None:
    """Timers end, nothing more is written."""
    if lead.gone:
        lead.wishes, lead.timer = [], None


# ---------------------------------------------------------------- the rows


def _on_unassigned(lead: Lead, data: Data, now: int) -> None:
    lead.ended = "taken_back"


def _on_capacity_available(lead: Lead, data: Data, now: int) -> None:
    if lead.state == "New":
        move(lead, "Cold", None, now)


def _on_email_verified(lead: Lead, data: Data, now: int) -> None:
    if lead.state in ("New", "Pending"):
        move(lead, "Cold", None, now)


def _on_email_unverifiable(lead: Lead, data: Data, now: int) -> None:
    if lead.state == "New":
        move(lead, "Pending", None, now)


def _on_email_invalid(lead: Lead, data: Data, now: int) -> None:
    if lead.state in ("New", "Pending"):
        reason = data.get("reason")
        move(lead, "DeActivated", reason if reason in BAD_REASONS else "InvalidEmail", now)


def _on_email_sent(lead: Lead, data: Data, now: int) -> None:
    """Counted and logged, that is all."""


def _on_email_opened(lead: Lead, data: Data, now: int) -> None:
    opens = lead.counters["opens"]
    if lead.state in ("New", "Pending", "Cold", "Engaged") and opens >= 3:
        move(lead, "Warm", None, now)
    elif lead.state in ("New", "Pending", "Cold"):
        move(lead, "Engaged", None, now)


def _on_link_clicked(lead: Lead, data: Data, now: int) -> None:
    if lead.state in ("New", "Pending", "Cold", "Engaged"):
        move(lead, "Warm", None, now)


def _on_email_bounced(lead: Lead, data: Data, now: int) -> None:
    if lead.state in WORKING | {"OutOfOffice", "Processed"}:
        move(lead, "DeActivated", "BounceDeactivated", now)


def _on_unsubscribed(lead: Lead, data: Data, now: int) -> None:
    if lead.state != "UnSubscribed":
        move(lead, "UnSubscribed", "Unsubscribe", now)


def _on_sequence_completed(lead: Lead, data: Data, now: int) -> None:
    if lead.state in ("Cold", "Engaged", "Warm") and not lead.finished:
        move(lead, "Processed", None, now)


def _on_replied(lead: Lead, data: Data, now: int) -> None:
    intent = data.get("intent")
    if intent == LOGGED_ONLY or lead.state == "UnSubscribed":
        return
    if intent == "OutOfOffice":
        _out_of_office(lead, data, now)
    elif intent in ("AskedToStop", "ReferredSomeone", "MovedOut", "Retired"):
        move(lead, "DeActivated", intent, now)
    elif intent in ("AgreedToMeet", "InterestedToProceed"):
        move(lead, "Hot", intent, now)
    elif intent in ("BrochureRequested", "ConnectLater"):
        if lead.state in WORKING | {"OutOfOffice", "DeActivated", "Processed"}:
            move(lead, "Warm", intent, now, done=True)
    elif intent == "Unsubscribe":
        move(lead, "UnSubscribed", intent, now)
    elif lead.state == "Hot":
        move(lead, "Hot", lead.sub_state, now)
    else:
        move(lead, "Responded", intent, now)


def _out_of_office(lead: Lead, data: Data, now: int) -> None:
    if lead.state not in WORKING | {"OutOfOffice"} or lead.finished:
        return
    move(lead, "OutOfOffice", "OutOfOffice", now)
    until = data.get("return_date")
    if until is not None:
        due = steps.millis(f"{until}T00:00:00Z" if len(until) == 10 else until)
        lead.timer = Timer("returned", due)


def _on_owner_replied(lead: Lead, data: Data, now: int) -> None:
    if lead.state == "LeadAtRisk":
        back(lead, now)


def _on_marked(lead: Lead, data: Data, now: int) -> None:
    action = data["action"]
    if action == "not_at_risk":
        if lead.state == "LeadAtRisk":
            lead.counters["owner_replies"] += 1
            back(lead, now)
        else:
            lead.refused = True
    elif lead.state == "UnSubscribed":
        lead.refused = action != "unsubscribed"
    else:
        to, sub_state = MARKS[action]
        move(lead, to, sub_state, now)


MARKS: Mapping[str, tuple[str, str | None]] = {
    "hot": ("Hot", None),
    "cold": ("Cold", None),
    "responded": ("Responded", None),
    "moved_out": ("DeActivated", "MovedOut"),
    "unsubscribed": ("UnSubscribed", "Unsubscribe"),
}


def _on_followup_stopped(lead: Lead, data: Data, now: int) -> None:
    lead.stopped = True


def _unreachable(lead: Lead) -> bool:
    return lead.state == "UnSubscribed" or (
        lead.state == "DeActivated" and lead.sub_state in UNUSABLE
    )


def _on_followup_continued(lead: Lead, data: Data, now: int) -> None:
    if _unreachable(lead):
        lead.refused = True
        return
    lead.stopped = False
    if lead.state in WORKING | {"OutOfOffice"}:
        return
    if lead.counters["opens"] >= 3 or lead.counters["clicks"] >= 1:
        move(lead, "Warm", None, now)
    else:
        move(lead, "Engaged" if lead.counters["opens"] >= 1 else "Cold", None, now)


def _on_followup_restarted(lead: Lead, data: Data, now: int) -> None:
    if _unreachable(lead):
        lead.refused = True
        return
    if lead.state not in ("New", "Pending"):
        move(lead, "Cold", None, now)
    anew(lead)


def _on_contact_deleted(lead: Lead, data: Data, now: int) -> None:
    lead.ended = "deleted"


def _on_contact_restored(lead: Lead, data: Data, now: int) -> None:
    if lead.ended == "deleted":
        lead.ended = "restored"


def _on_contact_merged(lead: Lead, data: Data, now: int) -> None:
    if data["winner_is_lead"]:
        lead.ended = "merged"
    else:
        lead.contact = data["into"]
        lead.wishes.append("fields")


def _on_contact_erased(lead: Lead, data: Data, now: int) -> None:
    lead.ended = "erased"


_Row = Callable[[Lead, Data, int], None]

_FROM_OUTSIDE: Mapping[str, _Row] = {
    "capacity_available": _on_capacity_available,
    "email_verified": _on_email_verified,
    "email_unverifiable": _on_email_unverifiable,
    "email_invalid": _on_email_invalid,
    "email_sent": _on_email_sent,
    "email_opened": _on_email_opened,
    "link_clicked": _on_link_clicked,
    "email_bounced": _on_email_bounced,
    "unsubscribed": _on_unsubscribed,
    "sequence_completed": _on_sequence_completed,
    "replied": _on_replied,
    "owner_replied": _on_owner_replied,
    "marked": _on_marked,
    "followup_stopped": _on_followup_stopped,
    "followup_continued": _on_followup_continued,
    "followup_restarted": _on_followup_restarted,
}
_FROM_THE_PORTAL: Mapping[str, _Row] = {
    "unassigned": _on_unassigned,
    "contact_deleted": _on_contact_deleted,
    "contact_restored": _on_contact_restored,
    "contact_merged": _on_contact_merged,
    "contact_erased": _on_contact_erased,
}
_ROWS = {**_FROM_OUTSIDE, **_FROM_THE_PORTAL}

FROM_OUTSIDE = frozenset(_FROM_OUTSIDE)
"""Types that an event of a file may have here; `assigned` and the rest come from the portal."""
