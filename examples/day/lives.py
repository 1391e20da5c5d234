"""The usual lives of a lead, from its assignment on. Each takes a fresh story and a running number
that chooses the variant; whoever plays them is the assistant `boss`."""

import timetable
from story import Story

BAD_ADDRESS = ("BounceRisk", "ServerUnreachable", "SpamTrap", "Disposable", "NoSuchMailbox", None)
LEAVING = ("AskedToStop", "ReferredSomeone", "MovedOut", "Retired")
NO_KIND = ("SeekingMoreInfo", "AskedForDiscount", None, "WroteInAnotherLanguage")


def silent(story: Story, number: int, boss: str) -> None:
    """No answer: Cold until the sequence is over, then Processed."""
    story.assign(boss)
    story.begin()
    story.follow(4 + number % 4)
    if number % 6:
        story.wait(1.5)
        story.event("sequence_completed")
        story.trickle(3)


def engaged(story: Story, number: int, boss: str) -> None:
    story.assign(boss)
    story.by_email = number % 9 == 0
    story.begin()
    story.follow(4 + number % 3, opens=1 + number % 2)
    if number % 7 == 0:
        story.until(3)
        story.follow(2)
        story.event("sequence_completed")


def warm(story: Story, number: int, boss: str) -> None:
    story.assign(boss)
    story.by_email = number % 11 == 0
    story.begin()
    if number % 4 == 0:
        story.follow(4, clicks=1)
    else:
        story.follow(5 + number % 3, opens=3 + number % 9, clicks=number % 3)
    if number % 5 == 0:
        story.until(2)
        story.follow(1, opens=2)
        story.event("sequence_completed")


def waiting(story: Story, number: int, boss: str) -> None:
    """No room in the plan: stays New; some send an out-of-office reply all the same."""
    story.assign(boss)
    if number % 6 == 5:
        story.reply("OutOfOffice")


def doubtful(story: Story, number: int, boss: str) -> None:
    """The address is doubtful: Pending; some stay so, some turn out good or bad."""
    story.assign(boss)
    story.event("email_unverifiable")
    if number % 3 == 0:
        story.follow(2)
    elif number % 3 == 1:
        story.wait(1)
        story.event("email_verified")
        story.follow(3, opens=number % 4)
        story.event("email_unverifiable", late=True)


def bad_address(story: Story, number: int, boss: str) -> None:
    story.assign(boss)
    if number % 2:
        story.event("email_unverifiable")
    reason = BAD_ADDRESS[number % len(BAD_ADDRESS)]
    story.event("email_invalid", **({} if reason is None else {"reason": reason}))
    if number % 4 == 0:
        story.event("email_verified", late=True)
    if number % 5 == 0:
        story.wait(1)
        story.event("followup_continued")
        story.event("followup_restarted")


def bounced(story: Story, number: int, boss: str) -> None:
    story.assign(boss)
    story.begin()
    story.follow(1 + number % 3, opens=number % 2)
    if number % 4 == 3:
        story.event("sequence_completed")
        story.wait(0.5)
    story.event("email_bounced", reason="550 5.1.1 user unknown")
    story.trickle(2)


def hot(story: Story, number: int, boss: str) -> None:
    story.assign(boss)
    story.begin()
    story.follow(3, opens=number % 5, clicks=number % 2)
    story.reply("AgreedToMeet" if number % 2 else "InterestedToProceed")
    story.trickle()
    _owner_answers(story, number % 8)


def responded(story: Story, number: int, boss: str) -> None:
    story.assign(boss)
    story.begin()
    story.follow(2 + number % 3, opens=number % 3)
    story.reply(NO_KIND[number % len(NO_KIND)])
    story.trickle()
    _owner_answers(story, number // 2 % 8)


def _owner_answers(story: Story, when: int) -> None:
    """Before the 24 hours are over, after them, by hand, or never."""
    if when == 0:
        story.wait(1)
        story.event("owner_replied")
    elif when == 1:
        story.until(1)
        story.event("owner_replied")
        story.reply("SupportAutoResponse")
    elif when == 2:
        story.until(3)
        story.event("owner_replied")
        story.until(8)
        story.reply("SeekingMoreInfo")  # asks again: the owner has another 24 hours
    elif when == 3:
        story.until(4)
        story.mark("not_at_risk")
        story.wait(0.1)
        story.mark("not_at_risk")
    elif when == 4:
        story.wait(2)
        story.reply("AskedForDiscount")
        story.until(8)
        story.reply("AgreedToMeet")
        story.wait(0.2)
        story.event("owner_replied")
    elif when == 6:
        story.until(11 + story.dice.below(5))
        story.event("owner_replied")  # after some reminders
    elif when == 5:
        story.until(7)
        story.event("email_bounced", reason="552 5.2.2 mailbox full")
        story.reply("Unsubscribe" if story.dice.chance(0.2) else "SupportAutoResponse")


def out_of_office(story: Story, number: int, boss: str) -> None:
    story.assign(boss)
    story.begin()
    story.follow(2, opens=number % 4)
    _AWAY[number % len(_AWAY)](story)
    if number % 3 == 0:
        story.until(9)
        story.follow(2, opens=1)
        story.event("sequence_completed")


def _away_until_instant(story: Story) -> None:
    story.reply("OutOfOffice", return_date=timetable.iso(timetable.day(3, 8)))


def _away_until_date(story: Story) -> None:
    story.reply("OutOfOffice", return_date="2026-11-06")


def _away_unknown(story: Story) -> None:
    story.reply("OutOfOffice")
    story.open(2)


def _away_longer(story: Story) -> None:
    _away_until_instant(story)
    story.until(2)
    story.reply("OutOfOffice", return_date="2026-11-12T07:30:00+01:00")


def _away_but_hot(story: Story) -> None:
    _away_unknown(story)
    story.until(1)
    story.reply("InterestedToProceed")


def _away_and_bounced(story: Story) -> None:
    _away_until_date(story)
    story.wait(0.5)
    story.event("email_bounced", reason="550 5.7.1 rejected")


def _away_in_the_past(story: Story) -> None:
    story.reply("OutOfOffice", return_date="2026-10-30T08:00:00Z")
    story.wait(2)
    story.send()


def _away_for_hours(story: Story) -> None:
    story.reply("OutOfOffice", return_date="2026-11-02T17:30:00.000+00:00")
    story.until(1)
    story.open()


def _away_too_late(story: Story) -> None:
    story.reply("AskedToStop")
    story.wait(0.5)
    story.reply("OutOfOffice", return_date="2026-11-05")


_AWAY = (
    _away_until_instant, _away_until_date, _away_unknown, _away_longer, _away_but_hot,
    _away_and_bounced, _away_in_the_past, _away_for_hours, _away_too_late,
)  # fmt: skip


def leaving(story: Story, number: int, boss: str) -> None:
    """Asks to stop, or is not there any more; some think better of it."""
    story.assign(boss)
    story.begin()
    story.follow(2, opens=number % 3)
    story.reply(LEAVING[number % len(LEAVING)])
    story.trickle(2)
    story.wait(1)
    if number % 5 == 0:
        story.reply("BrochureRequested")
    elif number % 5 == 1:
        story.reply("InterestedToProceed")
    elif number % 5 == 2:
        story.event("followup_restarted")
        story.follow(2, opens=1)


def later(story: Story, number: int, boss: str) -> None:
    """Wants a brochure or to be contacted later: Warm, and done."""
    story.assign(boss)
    story.begin()
    story.follow(3, opens=number % 4)
    if number % 4 == 2:
        story.event("sequence_completed")
        story.wait(0.5)
    elif number % 4 == 3:
        story.reply("OutOfOffice")
    story.reply("BrochureRequested" if number % 2 else "ConnectLater")
    story.trickle(4)
    if number % 4 == 0:
        story.event("sequence_completed")
        story.reply("OutOfOffice")
    elif number % 4 == 1:
        story.until(2)
        story.reply("AgreedToMeet")
        story.wait(0.2)
        story.event("owner_replied")


def unsubscribed(story: Story, number: int, boss: str) -> None:
    """Never left again, whatever comes."""
    story.assign(boss)
    story.begin()
    story.follow(2, opens=number % 3)
    if number % 3 == 0:
        story.event("unsubscribed")
    elif number % 3 == 1:
        story.reply("Unsubscribe")
    else:
        story.mark("unsubscribed")
    story.wait(0.5)
    story.trickle(2)
    for verb in (
        lambda: story.reply("AgreedToMeet"),
        lambda: story.mark("hot"),
        lambda: story.event("followup_restarted"),
        lambda: story.event("followup_continued"),
        lambda: story.event("unsubscribed"),
    )[number % 5 :]:
        verb()
    if number % 4 == 0:
        story.until(1 + number % 3, 8)
        story.assign(boss)  # goes straight back
        story.click()


def machine_answers(story: Story, number: int, boss: str) -> None:
    """A support desk answers by itself: logged only."""
    story.assign(boss)
    story.begin()
    story.follow(3, opens=number % 5)
    story.reply("SupportAutoResponse")
    story.follow(2, opens=number % 2)


def marked(story: Story, number: int, boss: str) -> None:
    """People set the state by hand."""
    story.assign(boss)
    story.begin()
    story.follow(2, opens=number % 3)
    actions = ("hot", "cold", "responded", "moved_out", "unsubscribed", "not_at_risk")
    story.mark(actions[number % 6])
    story.wait(1)
    if number % 6 in (0, 2, 3):
        story.mark("cold")  # not finished any more, but a person holds the contact
        story.follow(2, opens=2)
        story.wait(0.5)
        if number % 4:
            story.event("sequence_completed")
