"""Every row of the tables of docs/explain/lifecycle.md, one case at least."""

from typing import Any

import pytest

from tests.oracle import life
from tests.oracle.lead import DAYS, DONE, HOURS, STATES, WORKING, Lead, Start, Timer

NOW = 1_793_606_400_000
ANY = STATES - {"UnSubscribed"}


def lead(state: str = "Cold", **changes: Any) -> Lead:
    made = Lead("acme", "1", "1", "tara@acme.example", "7", "context", state=state)
    made.done = state in DONE
    for name, value in changes.items():
        if name in made.counters:
            made.counters[name] = value
        else:
            setattr(made, name, value)
    return made


def after(made: Lead, kind: str, **data: Any) -> tuple[str, str | None]:
    life.take(made, kind, data, NOW)
    return made.state, made.sub_state


def stays(state: str, kind: str, **data: Any) -> bool:
    made = lead(state, sub_state="kept")
    return after(made, kind, **data) == (state, "kept") and "fields" not in made.wishes


# ---------------------------------------------------------------- assignment


def test_a_first_assignment_makes_a_new_lead_with_a_note() -> None:
    made = lead("New")
    life.born(made)
    assert made.wishes == ["fields", "note"]


@pytest.mark.parametrize("state", sorted(DONE - {"UnSubscribed"}))
def test_a_finished_lead_starts_anew(state: str) -> None:
    made = lead(state, sub_state="x", opens=4, clicks=1, followups=2, owner_replies=1, stopped=True)
    life.assign(made, Start("ben@acme.example", "8", "other"), NOW)
    assert (made.state, made.sub_state, made.finished, made.stopped) == ("New", None, False, False)
    assert set(made.counters.values()) == {0}
    assert (made.assistant, made.previous_owner, made.context) == ("ben@acme.example", "8", "other")
    assert made.wishes == ["fields", "note"]
    assert made.timer is None


@pytest.mark.parametrize("state", sorted(STATES - DONE))
def test_a_lead_in_progress_is_not_changed_by_an_assignment(state: str) -> None:
    made = lead(state, opens=2)
    life.assign(made, Start("ben@acme.example", "8", "other"), NOW)
    assert (made.state, made.counters["opens"], made.assistant) == (state, 2, "tara@acme.example")
    assert made.wishes == []


def test_an_unsubscribed_lead_goes_straight_back() -> None:
    made = lead("UnSubscribed")
    life.assign(made, Start("tara@acme.example", "8", "other"), NOW)
    assert (made.state, made.previous_owner, made.wishes) == ("UnSubscribed", "8", ["handback"])


def test_a_lead_that_was_taken_back_is_finished_and_starts_anew() -> None:
    made = lead("Engaged")
    assert after(made, "unassigned") == ("Engaged", None)
    assert made.finished
    assert made.wishes == []
    life.assign(made, Start("tara@acme.example", "8", "other"), NOW)
    assert (made.state, made.finished) == ("New", False)


# ---------------------------------------------------------------- before and during the sequence


@pytest.mark.parametrize(
    ("kind", "froms", "to"),
    [
        ("capacity_available", {"New"}, "Cold"),
        ("email_verified", {"New", "Pending"}, "Cold"),
        ("email_unverifiable", {"New"}, "Pending"),
        ("link_clicked", {"New", "Pending", "Cold", "Engaged"}, "Warm"),
        ("email_opened", {"New", "Pending", "Cold"}, "Engaged"),
        ("sequence_completed", {"Cold", "Engaged", "Warm"}, "Processed"),
        ("unsubscribed", ANY, "UnSubscribed"),
        ("email_bounced", WORKING | {"OutOfOffice", "Processed"}, "DeActivated"),
        ("email_invalid", {"New", "Pending"}, "DeActivated"),
    ],
)
def test_moves_from_these_states_and_from_no_other(kind: str, froms: set[str], to: str) -> None:
    for state in STATES:
        if state in froms:
            assert after(lead(state), kind)[0] == to, state
        else:
            assert stays(state, kind), state


@pytest.mark.parametrize(
    ("reason", "sub_state"),
    [(r, r) for r in life.BAD_REASONS]
    + [("NoSuchMailbox", "InvalidEmail"), (None, "InvalidEmail")],
)
def test_a_bad_address_says_why(reason: str | None, sub_state: str) -> None:
    data = {} if reason is None else {"reason": reason}
    assert after(lead("Pending"), "email_invalid", **data) == ("DeActivated", sub_state)


def test_sub_states_of_bounces_and_unsubscriptions() -> None:
    assert after(lead(), "email_bounced")[1] == "BounceDeactivated"
    assert after(lead(), "unsubscribed")[1] == "Unsubscribe"


@pytest.mark.parametrize("state", ["New", "Pending", "Cold", "Engaged"])
def test_the_third_open_makes_a_lead_warm(state: str) -> None:
    assert after(lead(state, opens=2), "email_opened") == ("Warm", None)


def test_opens_clicks_and_emails_count_in_every_state() -> None:
    counted = {"email_opened": "opens", "link_clicked": "clicks", "email_sent": "followups"}
    for state in STATES:
        made = lead(state)
        for kind, counter in counted.items():
            after(made, kind)
            assert made.counters[counter] == 1, state


def test_emails_are_logged_in_every_state() -> None:
    for state in STATES:
        made = lead(state)
        after(made, "email_sent")
        assert made.wishes == ["outgoing"]
        after(made, "replied", intent="SupportAutoResponse")
        assert made.wishes == ["incoming"]


def test_a_finished_warm_lead_is_not_processed() -> None:
    assert stays("Warm", "sequence_completed") is False
    made = lead("Warm", done=True)
    assert after(made, "sequence_completed") == ("Warm", None)


# ---------------------------------------------------------------- replies


@pytest.mark.parametrize(
    ("intent", "froms", "to"),
    [
        *[
            (i, ANY, "DeActivated")
            for i in ("AskedToStop", "ReferredSomeone", "MovedOut", "Retired")
        ],
        ("AgreedToMeet", ANY, "Hot"),
        ("InterestedToProceed", ANY, "Hot"),
        ("Unsubscribe", ANY, "UnSubscribed"),
        ("OutOfOffice", WORKING | {"OutOfOffice"}, "OutOfOffice"),
        ("BrochureRequested", WORKING | {"OutOfOffice", "DeActivated", "Processed"}, "Warm"),
        ("ConnectLater", WORKING | {"OutOfOffice", "DeActivated", "Processed"}, "Warm"),
        ("SupportAutoResponse", set(), ""),
        ("SeekingMoreInfo", ANY - {"Hot"}, "Responded"),
        ("AnythingElse", ANY - {"Hot"}, "Responded"),
    ],
)
def test_replies_by_intent(intent: str, froms: set[str], to: str) -> None:
    for state in STATES - {"Hot"} | ({"Hot"} & froms):
        if state in froms:
            assert after(lead(state), "replied", intent=intent) == (to, intent), state
        else:
            assert stays(state, "replied", intent=intent), state


@pytest.mark.parametrize("intent", ["SeekingMoreInfo", "AnythingElse"])
def test_a_question_of_a_hot_lead_gives_the_owner_another_day(intent: str) -> None:
    made = lead("Hot", sub_state="AgreedToMeet", owner_replies=1, timer=Timer("owner_silent", 1))
    assert after(made, "replied", intent=intent) == ("Hot", "AgreedToMeet")
    assert made.timer == Timer("owner_silent", NOW + 24 * HOURS)
    assert made.counters["owner_replies"] == 0


def test_a_reply_without_an_intent_has_no_sub_state() -> None:
    assert after(lead("Engaged", sub_state="x"), "replied") == ("Responded", None)


@pytest.mark.parametrize("finished", [{"done": True}, {"ended": "taken_back"}])
def test_nobody_waits_for_a_finished_lead_to_come_back(finished: dict[str, Any]) -> None:
    assert after(lead("Warm", **finished), "replied", intent="OutOfOffice") == ("Warm", None)


@pytest.mark.parametrize("intent", ["BrochureRequested", "ConnectLater"])
def test_a_brochure_makes_warm_and_done(intent: str) -> None:
    made = lead("Warm")
    after(made, "replied", intent=intent)
    assert made.finished
    assert "handback" in made.wishes
    after(made, "replied", intent=intent)
    assert "handback" not in made.wishes


# ---------------------------------------------------------------- the owner, marks


def test_the_owner_answers_a_lead_at_risk() -> None:
    made = lead("LeadAtRisk", sub_state="AgreedToMeet", came_from=("Hot", "AgreedToMeet"))
    assert after(made, "owner_replied") == ("Hot", "AgreedToMeet")
    life.fire(made, NOW + 24 * HOURS)
    assert (made.state, made.timer) == ("Hot", None)


def test_elsewhere_an_answer_is_counted_only() -> None:
    for state in STATES - {"LeadAtRisk"}:
        assert stays(state, "owner_replied"), state


@pytest.mark.parametrize(
    ("action", "to", "sub_state"),
    [
        ("hot", "Hot", None),
        ("cold", "Cold", None),
        ("responded", "Responded", None),
        ("moved_out", "DeActivated", "MovedOut"),
        ("unsubscribed", "UnSubscribed", "Unsubscribe"),
    ],
)
def test_marks(action: str, to: str, sub_state: str | None) -> None:
    for state in ANY:
        made = lead(state, sub_state="x")
        assert after(made, "marked", action=action) == (to, sub_state), state
    made = lead("UnSubscribed", sub_state="Unsubscribe")
    assert after(made, "marked", action=action) == ("UnSubscribed", "Unsubscribe")
    assert made.refused is (action != "unsubscribed")


def test_not_at_risk_counts_as_an_answer_and_is_refused_elsewhere() -> None:
    made = lead("LeadAtRisk", came_from=("Responded", "SeekingMoreInfo"))
    assert after(made, "marked", action="not_at_risk") == ("Responded", "SeekingMoreInfo")
    assert made.counters["owner_replies"] == 1
    for state in STATES - {"LeadAtRisk"}:
        other = lead(state)
        assert after(other, "marked", action="not_at_risk")[0] == state
        assert other.refused


# ---------------------------------------------------------------- stop, continue, restart


def test_stop_in_every_state() -> None:
    for state in STATES:
        made = lead(state)
        assert after(made, "followup_stopped")[0] == state
        assert made.stopped


@pytest.mark.parametrize(
    ("counts", "to"),
    [
        ({}, "Cold"),
        ({"opens": 1}, "Engaged"),
        ({"opens": 2}, "Engaged"),
        ({"opens": 3}, "Warm"),
        ({"clicks": 1}, "Warm"),
    ],
)
def test_continue(counts: dict[str, int], to: str) -> None:
    for state in ("Hot", "Responded", "LeadAtRisk", "DeActivated", "Processed"):
        made = lead(state, sub_state="MovedOut", stopped=True, **counts)
        assert after(made, "followup_continued") == (to, None), state
        assert (made.stopped, made.finished, made.refused) == (False, False, False)
    for state in WORKING | {"OutOfOffice"}:
        made = lead(state, stopped=True, **counts)
        assert after(made, "followup_continued")[0] == state
        assert made.stopped is False


def test_restart() -> None:
    for state in ANY - {"New", "Pending"}:
        made = lead(state, sub_state="MovedOut", stopped=True, opens=3)
        assert after(made, "followup_restarted") == ("Cold", None), state
        assert (made.stopped, made.finished, made.counters["opens"]) == (False, False, 0)
    for state in ("New", "Pending"):
        made = lead(state, stopped=True, opens=3)
        assert after(made, "followup_restarted") == (state, None)
        assert (made.stopped, made.counters["opens"]) == (False, 0)


@pytest.mark.parametrize("kind", ["followup_continued", "followup_restarted"])
@pytest.mark.parametrize(
    ("state", "sub_state"),
    [("UnSubscribed", "Unsubscribe"), *(("DeActivated", why) for why in sorted(life.UNUSABLE))],
)
def test_refused_where_no_email_may_or_can_go(kind: str, state: str, sub_state: str) -> None:
    made = lead(state, sub_state=sub_state, stopped=True)
    assert after(made, kind) == (state, sub_state)
    assert (made.refused, made.stopped) == (True, True)


# ---------------------------------------------------------------- the contact


def test_a_deleted_contact_is_written_to_no_more() -> None:
    made = lead("Hot", timer=Timer("owner_silent", NOW))
    after(made, "contact_deleted")
    assert (made.finished, made.timer, made.wishes) == (True, None, [])
    after(made, "email_sent")
    assert (made.wishes, made.counters["followups"]) == ([], 0)
    assert after(made, "marked", action="cold") == ("Hot", None)


def test_a_restored_contact_stays_finished_until_it_is_assigned() -> None:
    made = lead("Cold")
    after(made, "contact_deleted")
    after(made, "contact_restored")
    assert (made.finished, made.gone) == (True, False)
    life.assign(made, Start("tara@acme.example", "8", "other"), NOW)
    assert (made.state, made.finished) == ("New", False)


def test_an_erased_contact_is_gone() -> None:
    for before in ("contact_deleted", "email_sent"):
        made = lead("Warm")
        after(made, before)
        after(made, "contact_erased")
        after(made, "contact_restored")
        assert (made.gone, made.ended) == (True, "erased")


def test_a_merge_is_followed_or_ends_the_lead() -> None:
    made = lead("Warm")
    after(made, "contact_merged", into="2", winner_is_lead=False)
    assert (made.contact, made.finished, made.wishes) == ("2", False, ["fields"])
    after(made, "contact_merged", into="3", winner_is_lead=True)
    assert (made.contact, made.finished, made.ended) == ("2", True, "merged")


# ---------------------------------------------------------------- timers, and what done means


@pytest.mark.parametrize("state", ["Hot", "Responded"])
def test_a_silent_owner_puts_the_lead_at_risk(state: str) -> None:
    made = lead("Cold")
    after(made, "marked", action=state.lower())
    made.sub_state = "AgreedToMeet"
    assert made.timer == Timer("owner_silent", NOW + 24 * HOURS)
    later = NOW + 30 * HOURS
    life.fire(made, later)
    assert (made.state, made.sub_state) == ("LeadAtRisk", "AgreedToMeet")
    assert made.timer == Timer("reminder", later + 3 * DAYS)


def test_five_reminders_each_three_days_after_the_one_before_was_due() -> None:
    made = lead("LeadAtRisk", timer=Timer("reminder", NOW))
    tasks = 0
    for number in range(1, 6):
        assert made.timer == Timer("reminder", NOW + (number - 1) * 3 * DAYS, number)
        life.fire(made, NOW + 100 * DAYS)
        tasks += made.wishes.count("task")
    assert (tasks, made.timer, made.state) == (5, None, "LeadAtRisk")


@pytest.mark.parametrize(
    ("data", "due"),
    [
        ({}, NOW + 7 * DAYS),
        ({"return_date": "2026-11-05T08:00:00+01:00"}, 1_793_862_000_000),
        ({"return_date": "2026-11-05"}, 1_793_836_800_000),
    ],
)
def test_back_from_out_of_office(data: dict[str, str], due: int) -> None:
    made = lead("Engaged", sub_state="x")
    after(made, "replied", intent="OutOfOffice", **data)
    assert made.timer == Timer("returned", due)
    life.fire(made, due)
    assert (made.state, made.sub_state, made.timer) == ("Engaged", "x", None)


def test_a_second_out_of_office_leads_back_to_the_same_state() -> None:
    made = lead("Engaged")
    after(made, "replied", intent="OutOfOffice")
    after(made, "replied", intent="OutOfOffice")
    assert made.came_from == ("Engaged", None)


def test_leaving_a_state_ends_its_timer() -> None:
    made = lead("Cold")
    after(made, "replied", intent="OutOfOffice")
    after(made, "email_bounced")
    assert made.timer is None


def test_a_handback_is_ordered_once_per_time_that_a_lead_becomes_done() -> None:
    made = lead("Cold")
    ordered = []
    for kind, data in (
        ("replied", {"intent": "AgreedToMeet"}),
        ("marked", {"action": "responded"}),
        ("marked", {"action": "cold"}),
        ("sequence_completed", {}),
    ):
        after(made, kind, **data)
        ordered.append(made.wishes.count("handback"))
    assert ordered == [1, 0, 0, 1]


@pytest.mark.parametrize("state", sorted(DONE))
def test_a_lead_that_was_taken_back_stays_finished(state: str) -> None:
    made = lead(state, ended="taken_back")
    if state != "UnSubscribed":
        after(made, "marked", action="cold")
        assert made.state == "Cold"
    assert made.finished
