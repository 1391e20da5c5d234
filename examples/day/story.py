"""One contact's story: a cursor in time, and a short verb for everything that can happen."""

from dataclasses import dataclass, field
from typing import Any

import timetable
from dice import Dice
from people import Portal
from timetable import HOUR, MINUTE, SECOND

SOURCES = {
    "capacity_available": "planner",
    "email_verified": "verifier",
    "email_unverifiable": "verifier",
    "email_invalid": "verifier",
    "link_clicked": "pages",
    "marked": "pages",
    "followup_stopped": "pages",
    "followup_continued": "pages",
    "followup_restarted": "pages",
}
BODIES = {
    "AgreedToMeet": "Yes, Thursday at ten suits me. Shall we use video?",
    "InterestedToProceed": "Looks good. Send me the contract & the invoice address form, please.",
    "AskedToStop": "Please stop writing to me.",
    "OutOfOffice": "I am away and read no email. In urgent cases call the office.",
    "BrochureRequested": "Could you send me the brochure first?",
    "ConnectLater": "Not now — write to me again in spring.",
    "Unsubscribe": "Take me off your list at once.",
    "ReferredSomeone": "I am not the right one, please ask my colleague.",
    "MovedOut": "I do not work here any more.",
    "Retired": "I have retired and only grow roses now.",
    "SupportAutoResponse": "Your request was received. Ticket #<48211>.",
    "SeekingMoreInfo": "What does it cost for twelve people?",
}


@dataclass(slots=True)
class Planned:
    """An event that will arrive. at: arrival; time: when it happened; both milliseconds."""

    at: int
    source: str
    type: str
    subject: str
    time: int
    data: dict[str, Any]


@dataclass(slots=True)
class Day:
    """Everything that was written so far."""

    dice: Dice
    actions: list[dict[str, Any]] = field(default_factory=list)
    events: list[Planned] = field(default_factory=list)

    def act(self, at: int, portal: str, action: str, **details: Any) -> None:
        self.actions.append({"portal": portal, "at": timetable.iso(at), "action": action} | details)


class Story:
    """The contact is made with the story. Every verb moves the cursor `at` forward."""

    def __init__(
        self, day: Day, portal: Portal, *, owner: str | None, context: str | None = None
    ) -> None:
        self.day, self.portal, self.dice = day, portal, day.dice
        self.owner = owner
        self.contact = portal.add_contact(day.dice, owner, context)
        self.at = timetable.OPENS
        self.emails_sent = 0
        self.by_email = False
        """Events name the contact by its address instead of its id."""

    # ------------------------------------------------------------ time

    def wait(self, hours: float) -> None:
        self.at += round(hours * HOUR)

    def until(self, day: int, hour: int = 9, minute: int = 1) -> None:
        """Go on at this time at the earliest."""
        self.at = max(self.at, timetable.day(day, hour, minute))

    # ------------------------------------------------------------ what people do in the portal

    def person(self) -> str:
        return self.dice.pick(self.portal.regulars)

    def colleague(self, assistant: str) -> str:
        """The other assistant of the portal."""
        emails = [str(each["email"]) for each in self.portal.assistants]
        return next(email for email in emails if email != assistant)

    def act(self, action: str, **details: Any) -> None:
        self.at = timetable.next_instant(self.at)
        self.day.act(self.at, self.portal.name, action, **details)

    def assign(self, owner: str) -> None:
        self.act("assign", contact=self.contact, owner=owner, by=self.person())

    # ------------------------------------------------------------ what happens to the lead

    def event(self, type_: str, *, late: bool | None = None, **data: Any) -> None:
        """late: it happened hours before it arrives; None leaves that to chance."""
        dice = self.dice
        self.at = timetable.next_arrival(
            self.at + dice.between(60, 600) * SECOND, dice.between(20, 600) * SECOND
        )
        lag = dice.between(0, 40) * SECOND + dice.below(4) // 3 * dice.below(1000)
        if late if late is not None else dice.chance(0.06):
            lag = dice.between(45, 540) * MINUTE
        source = SOURCES.get(type_, "mailer")
        subject = f"{self.portal.name}/{self._called()}"
        self.day.events.append(Planned(self.at, source, type_, subject, self.at - lag, data))

    def _called(self) -> str:
        if not self.by_email:
            return self.contact
        email = self.portal.email_of(self.contact)
        return email.upper() if self.dice.chance(0.1) else email

    def send(self, times: int = 1) -> None:
        for _ in range(times):
            self.emails_sent += 1
            number = self.emails_sent
            body = f"Hello, this is message {number} of my short series. May I call you?"
            self.event("email_sent", subject=f"Message {number}", body=body, number=number)

    def open(self, times: int = 1, late: bool | None = None) -> None:
        for _ in range(times):
            number = self.dice.between(1, max(self.emails_sent, 1))
            self.event("email_opened", late=late, number=number)

    def click(self, times: int = 1) -> None:
        for _ in range(times):
            page = self.dice.pick(("pricing", "demo", "terms?a=1&b=2"))
            self.event("link_clicked", url=f"https://pages.example/{page}")

    def reply(self, intent: str | None = None, **data: Any) -> None:
        body = BODIES.get(intent or "", "Hm. Let me think about it.")
        details = {"subject": f"Re: Message {max(self.emails_sent, 1)}", "body": body} | data
        if self.dice.chance(0.5):
            details["from"] = self.portal.email_of(self.contact)
        if intent is not None:
            details["intent"] = intent
        self.event("replied", **details)

    def mark(self, action: str) -> None:
        self.event("marked", action=action)

    # ------------------------------------------------------------ runs of events

    def begin(self) -> None:
        """From New to Cold, one of the ways."""
        way = self.dice.below(4)
        if way == 0:
            self.event("email_unverifiable")
            self.event("email_verified")
        else:
            self.event("capacity_available" if way == 1 else "email_verified")

    def follow(self, sends: int, *, opens: int = 0, clicks: int = 0) -> None:
        """Emails go out; the opens and clicks are strewn among them, now and then before them."""
        verbs = [self.open] * opens + [self.click] * clicks
        self.dice.shuffle(verbs)
        if not self.dice.chance(0.05):
            self.send()
            sends -= 1
        for _ in range(sends):
            verbs.insert(self.dice.below(len(verbs) + 1), self.send)
        for verb in verbs:
            verb()

    def trickle(self, most: int = 6) -> None:
        """Opens that arrive after the lead has moved on."""
        self.open(self.dice.between(0, most))
