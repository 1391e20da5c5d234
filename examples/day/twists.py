"""The lives that people interrupt: stopped, taken back, assigned again, deleted, merged, erased."""

from people import CONTEXTS
from story import Story


def stopped(story: Story, number: int, boss: str) -> None:
    """Follow-ups are stopped, continued, started again; and asked for where they are refused."""
    story.assign(boss)
    if number % 8 != 7:
        story.begin()
        story.follow(3, opens=number % 4, clicks=number % 3 // 2)
    story.event("followup_stopped")
    story.wait(0.5)
    if number % 8 < 2:
        story.event("followup_continued")
        story.follow(2)
    elif number % 8 in (2, 7):
        story.event("followup_restarted")
        story.follow(2)
    elif number % 8 in (3, 4):
        _goes_on_after_hot(story, number, boss)
    elif number % 8 == 5:
        story.reply("AskedToStop")
        story.wait(0.5)
        story.event("followup_continued")
        story.follow(1, opens=1)


def _goes_on_after_hot(story: Story, number: int, boss: str) -> None:
    """Handed back, continued by a person, and (some) assigned while in progress: unchanged."""
    story.reply("InterestedToProceed")
    story.wait(0.75)
    story.event("followup_continued")
    story.follow(2)
    if number % 2:
        story.assign(boss)
        story.wait(0.5)
    story.reply("AgreedToMeet")
    story.wait(0.3)
    story.event("owner_replied")


def taken_back(story: Story, number: int, boss: str) -> None:
    story.assign(boss)
    if number % 3:
        story.begin()
        story.follow(2, opens=number % 3)
    if number % 6 == 5:
        story.reply("OutOfOffice", return_date="2026-11-05")
    story.assign("" if number % 6 == 2 else story.person())
    story.send()  # was on its way already
    story.wait(0.5)
    if number % 6 == 1:
        story.reply("AgreedToMeet")  # done, but a person was faster
    elif number % 6 == 3:
        story.until(1 + number % 3, 8)
        story.assign(boss)
        story.begin()
        story.follow(3, opens=number % 5)
        story.event("sequence_completed")
    elif number % 6 == 4:
        story.follow(1, opens=3)


def reassigned(story: Story, number: int, boss: str) -> None:
    """A second life, sometimes with the other assistant and another context."""
    story.assign(boss)
    story.begin()
    story.follow(3, opens=1 + number % 4)
    endings = ("AskedToStop", "AgreedToMeet", "ConnectLater", None, "SeekingMoreInfo")
    ending = endings[number % 5]
    if ending is None:
        story.event("sequence_completed")
    else:
        story.reply(ending)
    story.wait(0.5)
    if number % 2:
        story.until(1 + 3 * (number % 6), 8)
    if number % 3 == 0:
        context = story.dice.pick(CONTEXTS)
        story.act("set", contact=story.contact, properties={"context": context})
    story.assign(story.colleague(boss) if number % 4 == 3 else boss)
    if number % 5 != 4:
        story.begin()
        story.follow(3, opens=number % 5)
    if number % 5 == 0:
        story.reply("AgreedToMeet")
    elif number % 5 == 1:
        story.event("sequence_completed")


def assigned_twice(story: Story, number: int, boss: str) -> None:
    """The owner is set to the assistant that already has the contact: nothing changes."""
    story.assign(boss)
    story.begin()
    story.follow(2, opens=number % 4)
    story.assign(boss)
    story.follow(2)


def early(story: Story, number: int, boss: str) -> None:
    """Events are there before the assignment, wait for it, and follow it."""
    story.wait(0.1)
    story.event("email_verified")
    story.follow(2, opens=number % 4)
    if number % 3 == 0:
        story.reply("InterestedToProceed")
    elif number % 3 == 1:
        story.reply("OutOfOffice", return_date="2026-11-09T08:00:00Z")
    story.wait(1)
    story.assign(boss)
    story.follow(2, opens=1)
    if number % 3 == 1:
        story.click()


def never(story: Story, number: int, boss: str) -> None:
    """Events of a contact that nobody ever assigns."""
    story.follow(1 + number % 3, opens=number % 3)
    if number % 4 == 0:
        story.reply("AgreedToMeet")


def nobody(story: Story, number: int, boss: str) -> None:
    """Just a contact of the portal."""


def inherited(story: Story, number: int, boss: str) -> None:
    """Ends after the first owner has left (or never had one); people may have to choose."""
    story.assign(boss)
    story.begin()
    story.follow(2, opens=number % 4)
    story.until(0, 13)
    if number % 3 == 0:
        story.reply("AgreedToMeet")
    elif number % 3 == 1:
        story.event("sequence_completed")
    else:
        story.reply("Unsubscribe")
    story.trickle(3)
    if number % 4 == 3:
        story.until(1 + number % 5, 8)
        story.assign(story.person())
    elif number % 3 == 0:
        story.until(1)
        story.event("owner_replied")


def deleted(story: Story, number: int, boss: str) -> None:
    story.assign(boss)
    story.begin()
    story.follow(3, opens=3 * (number % 2), clicks=1)
    if number % 6 == 1:
        story.reply("AgreedToMeet")
    elif number % 6 == 2:
        story.reply("OutOfOffice", return_date="2026-11-05")
    elif number % 6 == 4:
        story.event("sequence_completed")
    story.wait(0.3)
    story.act("delete", contact=story.contact)
    if number % 6 < 3:
        story.send()  # was on its way already, and so were the opens
        story.open(2)
    elif number % 6 < 5:
        story.until(2 + number % 3, 8)
        story.act("restore", contact=story.contact)
    if number % 6 == 4:
        story.until(7, 8)
        story.assign(boss)  # starts anew
        story.begin()
        story.follow(2, opens=number % 3)


def erased(story: Story, number: int, boss: str) -> None:
    story.assign(boss)
    if number % 3:
        story.begin()
        story.follow(2, opens=number % 4)
    if number % 3 == 2:
        story.reply("AgreedToMeet", body="Call me: +49 170 5550199, Anna-Lena Privat")
    story.wait(0.3)
    if number % 2:
        story.until(3, 8)
    story.act("erase", contact=story.contact)
    story.send()  # was on its way already


def merged(story: Story, number: int, boss: str) -> None:
    """Into a contact that is no lead: the lead follows."""
    story.assign(boss)
    story.begin()
    story.follow(2, opens=1 + number % 2)
    finished = number % 3 == 2
    if finished:
        story.reply("AgreedToMeet")
        story.wait(0.3)
    winner = Story(story.day, story.portal, owner=story.owner if finished else None)
    story.act("merge", primary=winner.contact, merged=story.contact)
    if number % 2:
        story.contact = winner.contact
    story.follow(2, clicks=1)
    if number % 3 == 0:
        story.reply("InterestedToProceed")
    elif finished:
        story.event("owner_replied")


def merged_leads(story: Story, number: int, boss: str) -> None:
    """Into a contact that is a lead as well: that one goes on, this one ends."""
    story.assign(boss)
    winner = Story(story.day, story.portal, owner=story.owner)
    winner.at = story.at
    winner.assign(boss)
    for lead in (story, winner):
        lead.begin()
        lead.follow(2, opens=number % 3)
        if number % 2:
            lead.reply("AgreedToMeet")
    winner.at = max(story.at, winner.at)
    winner.act("merge", primary=winner.contact, merged=story.contact)
    winner.follow(2, clicks=1)
    if number % 2 == 0:
        winner.reply("AgreedToMeet")
