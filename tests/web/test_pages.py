"""The pages as people use them: a real browser, a real server, a real sandbox portal."""

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from leadback.base.clock import HOUR, SystemClock
from leadback.store import open_store
from tests.acceptance.conftest import event, wait_until, write_events
from tests.web.browser import DESKTOP, PHONE, Visit, chromium, needs_browser, serious
from tests.web.conftest import House

pytestmark = [needs_browser(), pytest.mark.slow, pytest.mark.long]

Visits = Callable[..., Visit]
PAGES = ("leads", "attention", "overview", "crm", "assistants", "rules", "people", "account")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture
def visit(house: House, browser: Any) -> Iterator[Visits]:
    open_visits: list[Visit] = []

    def begin(name: str, **options: Any) -> Visit:
        made = Visit(browser, house, name, **options)
        open_visits.append(made)
        return made

    yield begin
    for one in open_visits:
        one.close()


def send(house: House, *events: dict[str, Any], code: int | None = 0) -> None:
    file = write_events(house.program.folder / "some.jsonl", list(events))
    house.program.run("events", "add", str(file), code=code)


def new_lead(house: House, number: int, **properties: str) -> str:
    """A contact of the assistant that has become a lead: its CRM id."""
    crm_id = house.program.new_contact(number, "tara@example.com", **properties)
    wait_until(
        lambda: house.program.run("lead", "show", f"acme/{crm_id}", code=None).returncode == 0
    )
    return crm_id


def test_the_four_statuses_come_one_after_the_other_with_refresh(
    house: House, visit: Visits
) -> None:
    program = house.program
    program.run(
        "portal", "connect", "beta", "--base-url", program.url, "--token-env", "HUBSPOT_TOKEN"
    )
    page = visit("editor").go("crm")
    portal = page.get_by_role("region", name="Portal beta")
    status = portal.get_by_role("status")
    status.get_by_text("ASSISTANT_NOT_YET_CREATED").wait_for()
    program.run("assistant", "add", "rita", "--portal", "beta", "--email", "rita@example.com")
    refresh = portal.get_by_role("button", name="Refresh")
    refresh.click()
    status.get_by_text("ASSISTANT_DOES_NOT_EXISTS_AS_USER_IN_CRM").wait_for()
    program.act({"action": "add_owner", "email": "rita@example.com", "firstName": "Rita"})
    refresh.click()
    status.get_by_text("ASSISTANT_EXISTS_AS_USER_IN_CRM", exact=True).wait_for()
    crm_id = program.new_contact(5, "rita@example.com")
    wait_until(lambda: program.run("lead", "show", f"beta/{crm_id}", code=None).returncode == 0)
    refresh.click()
    status.get_by_text("ALL_WORKING_WELL").wait_for()


def test_traffic_is_shown_and_a_pause_with_its_reason(house: House, visit: Visits) -> None:
    said = house.program.json("portal", "status", "acme")
    traffic = visit("viewer").go("crm").get_by_role("group", name="Traffic of acme")
    for lane, one in said["budget"].items():
        traffic.get_by_text(f"Rate budget, {lane}").wait_for()
        traffic.get_by_text(f"of {one['limit']} calls in {one['window_seconds']:g} s").wait_for()
    polled = traffic.get_by_text("Last poll").locator("xpath=following-sibling::dd[1]")
    wait_until(lambda: polled.inner_text()[:19] >= said["last_poll_at"][:19].replace("T", " "))
    assert said["budget"]
    later = SystemClock().now() + HOUR
    store = open_store(f"sqlite:///{house.program.folder / 'leadback.db'}")
    try:
        with store.write() as tx:
            tx.portals.pause("acme", until=later, reason="the daily limit is used up")
        traffic.get_by_text("the daily limit is used up").wait_for()
        with store.write() as tx:
            tx.portals.disconnect("acme", now=1, why="the token was taken back")
        traffic.get_by_text("no: the token was taken back").wait_for()
    finally:
        with store.write() as tx:
            tx.portals.resume("acme")
        store.close()
    traffic.get_by_text("yes", exact=True).wait_for()


def test_set_up_shows_its_plan_and_does_it(house: House, visit: Visits) -> None:
    page = visit("editor").go("crm")
    portal = page.get_by_role("region", name="Portal acme")
    portal.get_by_role("button", name="Check set-up").click()
    portal.get_by_text("The portal has everything that the rules need.").wait_for()
    portal.get_by_role("button", name="Prove the mapping").click()
    portal.get_by_text("Every state of the rules can be shown in this portal.").wait_for()
    option = {"property": "lead_connection_status", "value": "Processed"}
    house.program.act({"action": "archive_option", **option})
    portal.get_by_role("button", name="Prove the mapping").click()
    portal.get_by_role("cell", name="error").first.wait_for()
    portal.get_by_role("button", name="Check set-up").click()
    portal.get_by_role("button", name="Apply 1 changes").click()
    portal.get_by_text("done", exact=True).wait_for()
    portal.get_by_role("button", name="Prove the mapping").click()
    portal.get_by_text("Every state of the rules can be shown in this portal.").wait_for()


def test_a_contact_given_to_the_assistant_appears_while_the_page_is_open(
    house: House, visit: Visits
) -> None:
    someone = visit("viewer")
    page = someone.go("leads")
    crm_id = house.program.new_contact(10, "tara@example.com", lastname="Live")
    link = page.get_by_role("link", name="Lead10 Live")
    link.wait_for()
    link.click()
    page.get_by_role("heading", name="Lead10 Live").wait_for()
    timeline = page.get_by_role("list")
    timeline.get_by_text("assigned", exact=True).wait_for()
    send(house, event(1000, "capacity_available", f"acme/{crm_id}"))
    timeline.get_by_text("New → Cold").wait_for()
    wait_until(
        lambda: house.program.contact(crm_id)["properties"]["hs_lead_status"] == "IN_PROGRESS"
    )
    someone.picture("lead")


def test_what_a_lead_is_called_is_never_markup(house: House, visit: Visits) -> None:
    evil = "<img src=x onerror=alert(1)>{{ 7 * 7 }}</script><script>alert(2)</script>"
    crm_id = new_lead(house, 11, lastname=evil, context=evil)
    someone = visit("viewer")
    alerts: list[str] = []
    someone.page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    page = someone.go("leads?search=Lead11")
    page.get_by_role("link", name=f"Lead11 {evil}").wait_for()
    page = someone.go(f"lead/acme/{crm_id}")
    page.get_by_role("heading", name=f"Lead11 {evil}").wait_for()
    page.get_by_text(evil, exact=True).first.wait_for()
    assert alerts == []
    assert page.locator("img[src=x]").count() == 0


def test_filters_search_and_order_live_in_the_address(house: House, visit: Visits) -> None:
    cold = new_lead(house, 20, lastname="Apple")
    new_lead(house, 21, lastname="Banana")
    send(house, event(1100, "capacity_available", f"acme/{cold}"))
    someone = visit("viewer")
    page = someone.go("leads")
    page.get_by_label("Search").fill("apple")
    page.get_by_role("link", name="Lead21 Banana").wait_for(state="detached")
    page.wait_for_url(re.compile("search=apple"))
    page.reload()
    page.get_by_role("link", name="Lead20 Apple").wait_for()
    assert page.get_by_role("link", name="Lead21 Banana").count() == 0
    page = someone.go("leads?order=name&direction=up")
    page.get_by_role("link", name="Lead20 Apple").wait_for()
    names = page.get_by_role("link", name=re.compile("^Lead[0-9]")).all_inner_texts()
    assert names == sorted(names)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Export CSV").click()
    assert b"Lead20 Apple" in waiting.value.path().read_bytes()


def test_acting_on_many_shows_first_how_many_are_refused_and_why(
    house: House, visit: Visits
) -> None:
    ids = [new_lead(house, number, lastname="Bulk") for number in (30, 31, 32)]
    send(house, event(1200, "unsubscribed", f"acme/{ids[0]}"))
    wait_until(
        lambda: house.program.json("lead", "show", f"acme/{ids[0]}")["state"] == "UnSubscribed"
    )
    someone = visit("operator")
    page = someone.go("leads?search=bulk")
    page.get_by_role("link", name="Lead32 Bulk").wait_for()
    page.get_by_label("Select all shown").check()
    page.get_by_role("button", name="Act on them").click()
    page.get_by_role("menu").get_by_text("Mark hot").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("2 of 3 leads").wait_for()
    dialog.get_by_text("1 × the lead has unsubscribed").wait_for()
    dialog.get_by_role("button", name="Mark hot").click()
    page.get_by_text("Mark hot: 2 of 3 leads.").wait_for()
    for crm_id in ids[1:]:
        wait_until(
            lambda crm_id=crm_id: (
                house.program.json("lead", "show", f"acme/{crm_id}")["state"] == "Hot"
            )
        )
    page.get_by_text("Hot", exact=True).first.wait_for()
    someone.picture("leads")


def test_a_person_acts_on_a_lead_and_is_told_why_not(house: House, visit: Visits) -> None:
    crm_id = new_lead(house, 40)
    page = visit("operator").go(f"lead/acme/{crm_id}")
    page.get_by_role("button", name="Actions").click()
    page.get_by_role("menu").get_by_text("Mark not at risk").click()
    page.get_by_text("Refused: the lead is not at risk").wait_for()
    page.get_by_role("menu").wait_for(state="detached")
    page.get_by_role("button", name="Actions").click()
    page.get_by_role("menu").get_by_text("Mark hot").click()
    page.get_by_text("Done: New → Hot").wait_for()
    page.get_by_label("this happened now").fill("email_opened")
    page.get_by_role("option", name="email_opened").click()
    page.get_by_text("an open never pulls a lead back").wait_for()


def test_a_parked_effect_is_retried_with_one_click(house: House, visit: Visits) -> None:
    crm_id = new_lead(house, 50)
    option = {"property": "lead_connection_status", "value": "Hot"}
    house.program.act({"action": "archive_option", **option})
    house.program.run("mark", f"acme/{crm_id}", "hot")
    someone = visit("operator")
    page = someone.go("attention")
    row = page.get_by_role("row", name=re.compile(crm_id))
    row.get_by_text("failed").wait_for()
    page.get_by_label("things that need a person").get_by_text(re.compile("[1-9]")).wait_for()
    someone.picture("attention")
    house.program.act({"action": "add_option", **option, "label": "Hot"})
    row.get_by_role("button", name=re.compile("^Retry")).click()
    row.wait_for(state="detached")
    wait_until(
        lambda: house.program.contact(crm_id)["properties"].get("lead_connection_status") == "Hot"
    )


def test_a_quarantined_event_is_mended_and_taken_in(house: House, visit: Visits) -> None:
    crm_id = new_lead(house, 60)
    broken = event(1400, "capacity_avail", f"acme/{crm_id}")
    send(house, broken, code=1)
    someone = visit("operator")
    page = someone.go("attention")
    row = page.get_by_role("row", name=re.compile("capacity_avail"))
    row.get_by_role("button", name=re.compile("^Edit")).click()
    editor = page.get_by_label("CloudEvent as JSON")
    editor.fill(json.dumps({**broken, "type": "still wrong"}))
    page.get_by_role("button", name="Take it in").click()
    page.get_by_text("still not understood").wait_for()
    editor.fill(json.dumps({**broken, "type": "capacity_available"}))
    someone.picture("attention-mend")
    page.get_by_role("button", name="Take it in").click()
    row.wait_for(state="detached")
    wait_until(lambda: house.program.json("lead", "show", f"acme/{crm_id}")["state"] == "Cold")


def run_sql(house: House, statement: str, *values: str) -> None:
    with closing(sqlite3.connect(house.program.folder / "leadback.db", timeout=60)) as connection:
        connection.execute(statement, values)
        connection.commit()


def test_events_that_cannot_be_decided_are_dropped_and_tried_again(
    house: House, visit: Visits
) -> None:
    crm_id = new_lead(house, 62)
    run_sql(
        house,
        f"CREATE TRIGGER plant BEFORE UPDATE ON leads WHEN NEW.lead_id = '{crm_id}' "
        "BEGIN SELECT RAISE(ABORT, 'planted'); END",
    )
    try:
        about = f"acme/{crm_id}"
        events = event(1420, "email_opened", about), event(1421, "capacity_available", about)
        send(house, *events)
        page = visit("operator").go("attention")
        page.get_by_text("Events that could not be decided (2)").wait_for()
        opened, capacity = (
            page.get_by_role("row", name=re.compile(f"{crm_id}.*{kind}.*planted"))
            for kind in ("email_opened", "capacity_available")
        )
        opened.get_by_role("button", name=re.compile("^Drop")).click()
        page.get_by_role("dialog").get_by_role("button", name="Drop").click()
        page.get_by_text("Give a reason first.").wait_for()
        page.get_by_label("Reason", exact=True).fill("of no use")
        page.get_by_role("dialog").get_by_role("button", name="Drop").click()
        opened.wait_for(state="detached")
    finally:
        run_sql(house, "DROP TRIGGER plant")
    capacity.get_by_role("button", name=re.compile("^Retry")).click()
    page.get_by_text("Trying again now: 1.").wait_for()
    capacity.wait_for(state="detached")
    shown = house.program.json("lead", "show", f"acme/{crm_id}")
    assert (shown["state"], shown["counters"]["opens"]) == ("Cold", 0)


def test_a_lead_that_cannot_be_read_is_shown_and_acted_on_beside_others(
    house: House, visit: Visits
) -> None:
    broken, sound = (new_lead(house, number, lastname="Torn") for number in (63, 64))
    run_sql(house, "UPDATE leads SET counters = '{\"a' WHERE lead_id = ?", broken)
    answer = house.get(f"/leads/acme/{broken}", headers=house.bearer("leads:read"))
    assert answer.status_code == 200
    assert "cannot be read" in answer.text
    someone = visit("operator")
    page = someone.go(f"lead/acme/{broken}")
    page.get_by_text("cannot be read").first.wait_for()
    page = someone.go("leads?search=torn")
    page.get_by_role("link", name="Lead64 Torn").wait_for()
    page.get_by_label("Select all shown").check()
    page.get_by_role("button", name="Act on them").click()
    page.get_by_role("menu").get_by_text("Mark hot").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("1 of 2 leads").wait_for()
    dialog.get_by_text("cannot be read").wait_for()
    dialog.get_by_role("button", name="Mark hot").click()
    page.get_by_text("Mark hot: 1 of 2 leads.").wait_for()
    wait_until(lambda: house.program.json("lead", "show", f"acme/{sound}")["state"] == "Hot")


def test_an_intent_nobody_has_a_rule_for_is_shown_and_dismissed(
    house: House, visit: Visits
) -> None:
    crm_id = new_lead(house, 61)
    send(house, event(1410, "replied", f"acme/{crm_id}", intent="WantsLunch"))
    page = visit("operator").go("attention")
    page.get_by_text("Intents nobody has a rule for (1)").wait_for()
    row = page.get_by_role("row", name=re.compile("add rules for replied.WantsLunch"))
    row.get_by_role("button", name=re.compile("^Dismiss")).click()
    row.wait_for(state="detached")


def test_the_buttons_of_a_long_event_are_in_sight(house: House, visit: Visits) -> None:
    from playwright.sync_api import expect

    send(house, event(1450, "capacity_avail" + "x" * 150, "acme/1450"), code=1)
    page = visit("operator", viewport={**DESKTOP, "height": 4000}).go("attention")
    row = page.get_by_role("row", name=re.compile("1450"))
    for word in ("Edit", "Discard"):
        button = row.get_by_role("button", name=re.compile(f"^{word}"))
        expect(button).to_be_in_viewport(ratio=1)


def test_an_assistant_is_made_and_changed(house: House, visit: Visits) -> None:
    someone = visit("editor")
    page = someone.go("assistants")
    page.get_by_role("button", name="New assistant").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("nora")
    dialog.get_by_label("Email of its user in the CRM").fill("nora@example.com")
    dialog.get_by_label("Default context").fill("renewals")
    dialog.get_by_role("button", name="Add").click()
    row = page.get_by_role("row", name=re.compile("nora@example.com"))
    row.get_by_role("button", name=re.compile("Edit")).click()
    page.get_by_role("dialog").get_by_label("Emails in a sequence").fill("7")
    page.get_by_role("dialog").get_by_label("Off-days").fill("sun, SAT 2026-12-25")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    row.get_by_role("cell", name="7", exact=True).wait_for()
    someone.picture("assistants")
    found = {a["name"]: a for a in house.program.json("assistant", "list")}
    assert (found["nora"]["context"], found["nora"]["followups"]) == ("renewals", 7)
    assert found["nora"]["off_days"] == "sat, sun, 2026-12-25"


# ---------------------------------------------------------------------- rules


def test_a_mapped_value_is_changed_in_the_table_compared_and_saved(
    house: House, visit: Visits
) -> None:
    someone = visit("editor")
    page = someone.go("rules")
    page.get_by_role("heading", name="The life of a lead").first.wait_for()
    someone.picture("rules-picture")
    page.get_by_role("tab", name="Mapping").click()
    picker = page.get_by_label("Warm: hs_lead_status")
    picker.click()
    picker.fill("CONNECTED")
    page.get_by_role("option", name="CONNECTED").click()
    someone.picture("rules-mapping")
    page.get_by_role("tab", name="File").click()
    page.get_by_text("changed, not saved").wait_for()
    page.get_by_role("button", name="Save …").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("1 difference ").wait_for()
    dialog.get_by_text("CONNECTED").first.wait_for()
    someone.picture("rules-difference")
    dialog.get_by_role("button", name="Save the file").click()
    page.get_by_text("Saved as version").wait_for()
    file = house.program.folder / "rules" / "lead_states.yaml"
    warm = [x.split() for x in file.read_text().splitlines() if x.strip().startswith("Warm:")]
    assert warm[-1] == ["Warm:", "[CONNECTED,", "Warm]"]


def test_one_portal_is_shown_something_of_its_own(house: House, visit: Visits) -> None:
    file = house.program.folder / "rules" / "lead_states.yaml"
    kept = file.read_text()
    someone = visit("editor")
    page = someone.go("rules")
    page.get_by_role("tab", name="Mapping").click()
    own = page.get_by_role("row", name="Engaged").get_by_text("own", exact=True).first
    page.get_by_label("Shown in").click()
    page.get_by_role("option", name="acme", exact=True).click()
    page.get_by_text("for acme alone").wait_for()
    page.get_by_text("The values to choose from are those of acme.").wait_for()
    picker = page.get_by_label("Engaged: hs_lead_status")
    picker.click()
    picker.fill("OPEN_DEAL")
    page.get_by_role("option", name="OPEN_DEAL", exact=True).click()
    own.wait_for()
    someone.picture("rules-mapping-portal")
    page.get_by_label("Shown in").click()
    page.get_by_role("option", name="all portals", exact=True).click()
    page.get_by_text("for acme alone").wait_for(state="hidden")
    assert page.get_by_label("Engaged: hs_lead_status").input_value() == "IN_PROGRESS"
    page.get_by_role("button", name="Save …").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("the portal is acme").wait_for()
    dialog.get_by_role("button", name="Save the file").click()
    page.get_by_text("Saved as version").wait_for()
    try:
        added = [line.strip() for line in file.read_text().splitlines()]
        at = added.index("portals:")
        assert added[at : at + 3] == ["portals:", "acme:", "Engaged: {hs_lead_status: OPEN_DEAL}"]
    finally:
        file.write_text(kept)


def test_a_changed_mapping_is_weighed_activated_and_seen_in_the_portal(
    house: House, visit: Visits
) -> None:
    crm_id = new_lead(house, 95, lastname="Mapped")
    house.program.run("mark", f"acme/{crm_id}", "hot")

    def shown() -> Any:
        return house.program.contact(crm_id)["properties"].get("hs_lead_status")

    wait_until(lambda: shown() == "CONNECTED")
    someone = visit("editor")
    page = someone.go("rules")
    page.get_by_role("tab", name="Mapping").click()
    page.get_by_text("The values to choose from are those of acme").wait_for()
    picker = page.get_by_label("Hot: hs_lead_status")
    picker.click()
    picker.fill("OPEN_DEAL")
    page.get_by_role("option", name="OPEN_DEAL", exact=True).click()
    page.get_by_text("changed, not saved").wait_for()
    page.get_by_role("button", name="Activate …").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("cell", name="OPEN_DEAL").first.wait_for()
    written = dialog.get_by_text("Contacts written again").locator("xpath=following-sibling::dd[1]")
    assert int(written.inner_text()) >= 1
    dialog.get_by_role("button", name=re.compile("^What if")).click()
    dialog.get_by_text("Leads that would be elsewhere").first.wait_for()
    someone.picture("rules-activate")
    assert shown() == "CONNECTED"
    before = house.program.json("rules", "versions")["in_use"]
    dialog.get_by_role("button", name="Activate", exact=True).click()
    page.get_by_text("it concerns").wait_for()
    wait_until(lambda: shown() == "OPEN_DEAL")
    last = house.program.json("rules", "versions")["log"][0]
    assert (last["who"], last["door"], last["what"]) == ("editor", "pages", "applied")

    page.get_by_role("tab", name="History").click()
    someone.picture("rules-history")
    row = page.get_by_role("row", name=re.compile(before)).last
    row.get_by_role("button", name=re.compile("Go back")).click()
    page.get_by_role("dialog").get_by_role("button", name="Go back").click()
    wait_until(lambda: shown() == "CONNECTED")
    assert house.program.json("rules", "versions")["in_use"] == before


def test_leads_of_a_state_that_is_gone_are_given_another_by_a_picker(
    house: House, visit: Visits
) -> None:
    crm_id = new_lead(house, 97, lastname="Renamed")
    house.program.run("mark", f"acme/{crm_id}", "responded")
    file = house.program.folder / "rules" / "lead_states.yaml"
    before = house.program.json("rules", "versions")["in_use"]
    kept = file.read_text()
    renamed = kept.replace("Responded", "Answered")
    file.write_text(re.sub(r"(Answered: +\[\w+, +)Answered", r"\1Responded", renamed))
    try:
        page = visit("editor").go("rules")
        page.get_by_role("button", name="Activate …").click()
        page.get_by_label(re.compile("Responded .* becomes")).click()
        page.get_by_role("option", name="Answered", exact=True).click()
        page.get_by_role("button", name="Look at the plan").click()
        dialog = page.get_by_role("dialog", name="Activate these rules?")
        dialog.get_by_text(re.compile("from Responded to Answered")).wait_for()
        dialog.get_by_role("button", name="Activate", exact=True).click()
        page.get_by_text("it concerns").wait_for()
        lead = f"acme/{crm_id}"
        wait_until(lambda: house.program.json("lead", "show", lead)["state"] == "Answered")

        page.get_by_role("tab", name="History").click()
        row = page.get_by_role("row", name=re.compile(before)).last
        row.get_by_role("button", name=re.compile("Go back")).click()
        page.get_by_label(re.compile("Answered .* becomes")).click()
        page.get_by_role("option", name="Responded", exact=True).click()
        page.get_by_role("button", name="Look at the plan").click()
        page.get_by_role("dialog").get_by_role("button", name="Go back").click()
        wait_until(lambda: house.program.json("lead", "show", lead)["state"] == "Responded")
    finally:
        file.write_text(kept)


def test_rules_are_scheduled_dropped_and_watch_in_the_shadow(house: House, visit: Visits) -> None:
    page = visit("editor").go("rules")
    page.get_by_role("tab", name="Mapping").click()
    picker = page.get_by_label("Cold: hs_lead_status")
    picker.click()
    picker.fill("QUALIFIED")
    page.get_by_role("option", name="QUALIFIED", exact=True).click()
    page.get_by_text("changed, not saved").wait_for()
    page.get_by_role("button", name="Activate …").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("At (UTC; empty: now)").fill("2099-01-02T03:04")
    dialog.get_by_role("checkbox").click()
    dialog.get_by_role("button", name="Activate", exact=True).click()
    page.get_by_text("takes over at 2099-01-02 03:04 UTC").wait_for()
    assert house.program.json("rules", "versions")["scheduled"]["at"] == "2099-01-02T03:04:00Z"
    page.get_by_role("button", name="Drop it").click()
    page.get_by_role("dialog").get_by_role("button", name="Drop it").click()
    page.get_by_text("takes over at").wait_for(state="detached")
    assert house.program.json("rules", "versions")["scheduled"] is None
    page.get_by_role("tab", name="Shadow").click()
    page.get_by_role("button", name="Let the draft watch").click()
    page.get_by_text(re.compile("watches since .* says editor")).wait_for()
    assert house.program.json("rules", "shadow")["version"]
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("No rules watch.").wait_for()


def test_a_value_that_was_just_picked_is_in_what_is_activated(house: House, visit: Visits) -> None:
    page = visit("editor").go("rules")
    page.get_by_role("tab", name="Mapping").click()
    picker = page.get_by_label("New: hs_lead_status")
    picker.click()
    picker.fill("UNQUALIFIED")
    page.get_by_role("option", name="UNQUALIFIED", exact=True).click()
    page.get_by_role("button", name="Activate …").click()
    page.get_by_role("dialog").get_by_text("UNQUALIFIED").first.wait_for()


def test_the_editor_says_what_is_wrong_where_it_is_wrong(house: House, visit: Visits) -> None:
    someone = visit("editor")
    page = someone.go("rules")
    page.get_by_role("tab", name="File").click()
    editor = page.locator(".cm-content")
    editor.click()
    page.keyboard.press("Control+Home")
    page.keyboard.type("oops: 1\n")
    findings = page.get_by_role("region", name="Findings")
    findings.get_by_text(re.compile("oops")).first.wait_for()
    page.locator(".cm-line.lb-line-error").first.wait_for()
    someone.picture("rules-findings")
    page.get_by_role("button", name="Save …").click()
    page.get_by_text(re.compile("errors, the first")).first.wait_for()


# ---------------------------------------------------------------------- roles, keyboard, sizes


def test_a_viewer_sees_everything_and_can_do_nothing(house: House, visit: Visits) -> None:
    crm_id = new_lead(house, 70)
    someone = visit("viewer")
    page = someone.go(f"lead/acme/{crm_id}")
    assert page.get_by_role("button", name="Actions").count() == 0
    assert page.get_by_role("link", name="People & keys").count() == 0
    someone.go("people").get_by_text("Only an admin sees this page.").wait_for()
    page = someone.go("rules")
    page.get_by_role("tab", name="File").click()
    for name in ("Save …", "Activate …", "Let the draft watch"):
        assert page.get_by_role("button", name=name).count() == 0
    page.get_by_role("tab", name="History").click()
    page.get_by_role("cell", name="in use", exact=True).wait_for()
    assert page.get_by_role("button", name="Load into the editor").count() == 0


def test_a_role_that_was_taken_away_counts_at_once(house: House, visit: Visits) -> None:
    house.add_login("fallen", "operator")
    crm_id = new_lead(house, 71)
    page = visit("fallen").go(f"lead/acme/{crm_id}")
    page.get_by_role("button", name="Actions").click()
    house.accounts().change("fallen", role="viewer")
    page.get_by_role("menu").get_by_text("Mark hot").click()
    page.wait_for_url(re.compile("/login"))
    assert house.program.json("lead", "show", f"acme/{crm_id}")["state"] == "New"


def test_an_admin_makes_a_login_and_a_key_that_work(house: House, visit: Visits) -> None:
    someone = visit("admin")
    page = someone.go("people")
    page.get_by_role("button", name="New login").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("olga")
    dialog.get_by_label("First password").fill("unrelated words in a row")
    dialog.get_by_role("button", name="Add").click()
    page.get_by_role("cell", name="olga", exact=True).first.wait_for()
    assert house.log_in("olga", "unrelated words in a row").status_code == 303
    page.get_by_role("button", name="New key").click()
    page.get_by_role("dialog").get_by_label("Name").fill("from the page")
    page.get_by_role("button", name="Make it").click()
    key = page.get_by_label("Key", exact=True).input_value()
    answer = house.get("/leads", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 403
    page.get_by_role("button", name="Done").click()
    page.get_by_role("cell", name="add API key").first.wait_for()


def test_a_lead_is_found_and_marked_by_keyboard_alone(house: House, visit: Visits) -> None:
    crm_id = new_lead(house, 80, lastname="Keys")
    page = visit("operator").go("leads")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    _tab_to(page, "Search")
    page.keyboard.type("keys")
    page.wait_for_url(re.compile("search=keys"))
    page.get_by_role("link", name="Lead80 Keys").wait_for()
    _tab_to(page, "Lead80 Keys")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Lead80 Keys").wait_for()
    page.wait_for_function("() => window.socket && window.socket.connected")
    _tab_to(page, "Actions")
    page.keyboard.press("Enter")
    item = page.get_by_role("menu").get_by_role("menuitem", name="Mark hot")
    item.wait_for()
    for _ in range(12):
        if item.evaluate("e => e === document.activeElement || e.contains(document.activeElement)"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_until(lambda: house.program.json("lead", "show", f"acme/{crm_id}")["state"] == "Hot")


def _tab_to(page: Any, name: str) -> None:
    """Press Tab until what has the focus is called this."""
    called = (
        "() => { const e = document.activeElement; "
        "const own = ['A', 'BUTTON'].includes(e.tagName) ? e.innerText : ''; return [own, e.value, "
        "e.getAttribute('aria-label'), e.labels && e.labels[0] && e.labels[0].innerText, "
        "e.closest('label') && e.closest('label').innerText].filter(Boolean).join('|') }"
    )
    met = []
    for _ in range(60):
        met.append(page.evaluate(called))
        if name in met[-1]:
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab never comes to {name!r}, only to {met}")


@pytest.mark.parametrize("name", [*PAGES, "lead"])
def test_a_phone_needs_no_sideways_scrolling(house: House, visit: Visits, name: str) -> None:
    someone = visit("admin", viewport=PHONE)
    page = someone.go(name if name != "lead" else f"lead/acme/{new_lead(house, 91)}")
    page.wait_for_timeout(300)
    width = page.evaluate("() => document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    if name in ("leads", "overview"):
        someone.picture(f"{name}-phone")


@pytest.mark.parametrize("name", [*PAGES, "lead"])
def test_no_serious_finding_of_the_accessibility_check(
    house: House, visit: Visits, name: str
) -> None:
    path = name if name != "lead" else f"lead/acme/{new_lead(house, 90)}"
    page = visit("admin", bypass_csp=True).go(path)
    page.wait_for_timeout(700)
    assert serious(page) == {}


def test_how_leads_went_is_drawn_and_told(house: House, visit: Visits) -> None:
    """A plot for who looks, a table with the same for who reads."""
    new_lead(house, 9571)
    someone = visit("viewer")
    page = someone.go("overview")
    for span in ("Week", "Day"):
        page.get_by_role("button", name=span).click()
        page.get_by_role("img", name="Leads by state over time").locator("canvas").wait_for()
    card = page.locator("details", has=page.get_by_label("Leads by state over time", exact=True))
    card.get_by_text("As a table").click()
    row = card.get_by_role("row", name=re.compile("^New"))
    row.wait_for()
    now = int(row.get_by_role("cell").last.inner_text().replace(",", ""))
    leads = house.program.json("lead", "list")
    assert now == sum(lead["state"] == "New" for lead in leads)
    budget = page.locator("details", has=page.get_by_label("API budget used", exact=True))
    budget.get_by_text("As a table").click()
    budget.get_by_role("columnheader", name="On average").wait_for()


def test_pictures_of_the_other_pages(house: House, visit: Visits) -> None:
    someone = visit("admin")
    for name in ("overview", "crm", "people"):
        page = someone.go(name)
        page.wait_for_timeout(800)
        someone.picture(name)
