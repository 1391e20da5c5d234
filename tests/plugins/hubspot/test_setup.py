"""Setting a portal up: the plan, the deed, and everything that is in the way."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from leadback.api import ConfigurationError, GiveUp, PortalUnavailable, SetupPlan
from leadback_hubspot.fields import Option
from leadback_hubspot.options import labels_for, one_spelling
from leadback_hubspot.scopes import scopes_for
from tests.plugins.hubspot.rig import OMAR, PAUL, QUEUE, Rig

STATES = [
    "New", "Pending", "Cold", "Engaged", "Warm", "OutOfOffice", "Hot", "Responded", "LeadAtRisk",
    "UnSubscribed", "DeActivated", "Processed",
]  # fmt: skip


def plan(rig: Rig) -> SetupPlan:
    return rig.hooks.crm_plan_setup(access=rig.access, mapping=rig.mapping)


def steps(rig: Rig) -> list[str]:
    return [step.what for step in plan(rig).steps]


def api(rig: Rig, method: str, path: str, body: object = None) -> requests.Response:
    """Somebody else's call."""
    return requests.request(
        method,
        f"{rig.url}/crm/properties/2026-09/contacts{path}",
        json=body,
        headers={"Authorization": f"Bearer {rig.token}"},
        timeout=60,
    )


def options(rig: Rig, name: str) -> list[str]:
    return [option["value"] for option in api(rig, "GET", f"/{name}").json()["options"]]


def test_a_new_portal_lacks_two_fields_a_group_and_one_option(rig: Rig) -> None:
    assert steps(rig) == [
        "create the property group leadback",
        "create the contact property context: a text field for what the assistant writes about",
        "add to hs_lead_status the option QUALIFIED",
        "create the contact property lead_connection_status: a dropdown with 12 options",
    ]


def test_a_plan_changes_nothing(rig: Rig) -> None:
    plan(rig)
    assert all(call.startswith("GET") for call in rig.calls())


def test_applied_once_it_has_nothing_more_to_do(rig: Rig) -> None:
    """Also right after: a new property is seen only some hundred milliseconds later."""
    rig.set_up()
    assert steps(rig) == []
    assert options(rig, "lead_connection_status") == STATES
    assert options(rig, "hs_lead_status")[-1] == "QUALIFIED"
    assert len(options(rig, "hs_lead_status")) == 9
    context = api(rig, "GET", "/context").json()
    assert (context["type"], context["fieldType"]) == ("string", "textarea")


def test_check_says_what_breaks_before_and_what_is_adjusted_after(rig: Rig) -> None:
    before = rig.hooks.crm_check_mapping(access=rig.access, mapping=rig.mapping)
    broken = {(p.state, p.column) for p in before if p.error}
    assert broken == {(s, "lead_connection_status") for s in STATES} | {
        ("Processed", "hs_lead_status")
    }
    assert all("leadback portal setup" in problem.fix for problem in before if problem.error)
    rig.set_up()
    after = rig.hooks.crm_check_mapping(access=rig.access, mapping=rig.mapping)
    assert [(p.state, p.column, p.error) for p in after] == [("Pending", "hs_lead_status", False)]
    assert "IN_PROGRESS" in after[0].message


def test_check_sees_a_hidden_and_a_removed_option(ready: Rig) -> None:
    ready.act("hide_option", property="hs_lead_status", value="CONNECTED")
    ready.act("archive_option", property="lead_connection_status", value="Cold")
    found = ready.hooks.crm_check_mapping(access=ready.access, mapping=ready.mapping)
    assert {(p.state, p.error) for p in found if "hidden" in p.message} == {
        ("Hot", False), ("Responded", False), ("LeadAtRisk", False),
    }  # fmt: skip
    assert [p.state for p in found if p.error] == ["Cold"]
    assert steps(ready) == ["add to lead_connection_status the option Cold"]


def test_what_can_be_chosen_is_what_the_portal_shows(ready: Rig) -> None:
    ready.act("hide_option", property="hs_lead_status", value="BAD_TIMING")
    mapping = ready.mapping
    ready.hooks.crm_check_mapping(access=ready.access, mapping=ready.mapping)  # reads them anew
    found = ready.hooks.crm_field_options(access=ready.access, mapping=mapping)
    assert set(found["lead_connection_status"]) == set(STATES)
    assert list(found["hs_lead_status"]) == [
        value for value in options(ready, "hs_lead_status") if value != "BAD_TIMING"
    ]
    text = replace(mapping, columns=("firstname", "nowhere"))
    assert ready.hooks.crm_field_options(access=ready.access, mapping=text) == {}


def test_values_that_differ_in_case_alone_are_one_option(rig: Rig) -> None:
    """The shipped table has In_Progress and IN_PROGRESS; a portal may have neither."""
    rig.act("archive_option", property="hs_lead_status", value="IN_PROGRESS")
    made = plan(rig)
    assert "add to hs_lead_status the options IN_PROGRESS, QUALIFIED" in [
        s.what for s in made.steps
    ]
    assert (
        "hs_lead_status: In_Progress is written as IN_PROGRESS, which is added once for both"
        in made.notes
    )
    rig.set_up()
    assert steps(rig) == []
    assert options(rig, "hs_lead_status")[-2:] == ["IN_PROGRESS", "QUALIFIED"]
    assert not [
        problem
        for problem in rig.hooks.crm_check_mapping(access=rig.access, mapping=rig.mapping)
        if problem.error
    ]


@pytest.mark.parametrize("hidden", [False, True])
def test_a_label_that_is_taken_gets_another_one(rig: Rig, hidden: bool) -> None:
    rig.act("add_option", property="hs_lead_status", value="SQL", label="qualified")
    if hidden:
        rig.act("hide_option", property="hs_lead_status", value="SQL")
    assert (
        "hs_lead_status: the label Qualified is taken; QUALIFIED is labelled Qualified (QUALIFIED)"
        in plan(rig).notes
    )
    rig.set_up()
    last = api(rig, "GET", "/hs_lead_status").json()["options"][-1]
    assert (last["value"], last["label"]) == ("QUALIFIED", "Qualified (QUALIFIED)")
    assert steps(rig) == []


def test_a_label_that_was_taken_since_the_plan_gets_another_one(rig: Rig) -> None:
    made = plan(rig)
    step = next(step for step in made.steps if step.details.get("name") == "hs_lead_status")
    rig.act("rename_option", property="hs_lead_status", value="NEW", label="Qualified")
    changed = replace(made, fingerprint=plan(rig).fingerprint, steps=(step,))
    rig.hooks.crm_apply_setup(access=rig.access, mapping=rig.mapping, plan=changed)
    assert options(rig, "hs_lead_status")[-1] == "QUALIFIED"


WORDS = st.text("aAbB_ ", min_size=1, max_size=4).map(str.strip).filter(bool)


@given(values=st.lists(WORDS, unique=True, max_size=6), labels=st.lists(WORDS, max_size=4))
def test_every_new_option_has_a_label_of_its_own(values: list[str], labels: list[str]) -> None:
    there = [Option(f"old-{place}", label) for place, label in enumerate(dict.fromkeys(labels))]
    added = one_spelling("stage", values)
    assert {value.casefold() for value in added} == {value.casefold() for value in values}
    given_ = labels_for(added, there)
    assert list(given_) == added
    every = [label.casefold() for label in (*given_.values(), *dict.fromkeys(labels))]
    assert len(set(map(str.casefold, given_.values()))) == len(given_)
    assert all(every)
    assert not {label.casefold() for label in given_.values()} & {x.casefold() for x in labels}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 415])
def test_only_a_refused_token_is_advised_to_be_replaced(rig: Rig, status: int) -> None:
    body = (
        '{"status":"error","message":"Option labels must be unique","category":"VALIDATION_ERROR"}'
    )
    made = plan(rig)
    for route in ("PATCH /crm/properties/*", "GET /account-info/*"):
        rig.fault("answer", route=route, status=status, body=body, content_type="application/json")
    calls: list[Callable[[], object]] = [
        lambda: rig.hooks.crm_apply_setup(access=rig.access, mapping=rig.mapping, plan=made),
        lambda: rig.hooks.crm_identify(access=rig.access),
    ]
    for call in calls:
        with pytest.raises(ConfigurationError) as caught:
            call()
        assert ("valid token" in caught.value.fix) is (status == 401)
        assert ("base_url" in caught.value.fix) is (status in (404, 405))


def test_an_old_plan_is_refused(rig: Rig) -> None:
    old = plan(rig)
    rig.act("add_option", property="hs_lead_status", value="LUKEWARM")
    with pytest.raises(ConfigurationError, match="changed since this plan"):
        rig.hooks.crm_apply_setup(access=rig.access, mapping=rig.mapping, plan=old)
    assert api(rig, "GET", "/context").status_code == 404


def test_the_admins_own_options_stay(rig: Rig) -> None:
    rig.act("add_option", property="hs_lead_status", value="LUKEWARM", label="Luke warm")
    rig.act("hide_option", property="hs_lead_status", value="BAD_TIMING")
    before = api(rig, "GET", "/hs_lead_status").json()["options"]
    rig.set_up()
    after = api(rig, "GET", "/hs_lead_status").json()["options"]
    assert after[:-1] == before
    assert after[-1]["value"] == "QUALIFIED"


def test_a_context_field_of_another_type_is_left_alone(rig: Rig) -> None:
    api(rig, "POST", "/groups", {"name": "mine", "label": "Mine"})
    number = {"name": "context", "label": "Context", "groupName": "mine", "type": "number",
              "fieldType": "number"}  # fmt: skip
    rig.switch(property_lag=[0, 0])
    assert api(rig, "POST", "", number).status_code == 201
    made = plan(rig)
    assert any("leadback_context" in step.what for step in made.steps)
    assert any("of type number" in note for note in made.notes)
    rig.set_up()
    assert steps(rig) == []
    assert api(rig, "GET", "/context").json()["type"] == "number"
    crm_id = rig.contact(context="5", leadback_context="Trade fair")
    (reading,) = rig.hooks.crm_read_contacts(access=rig.access, crm_ids=[crm_id])
    assert reading.context == "Trade fair"


def test_an_archived_field_of_the_name_comes_back(ready: Rig) -> None:
    assert api(ready, "DELETE", "/lead_connection_status").status_code == 204
    assert steps(ready) == [
        "create the contact property lead_connection_status again (it was archived): "
        "a dropdown with 12 options"
    ]
    ready.set_up()
    assert steps(ready) == []


def test_people_have_to_do_what_the_api_cannot(rig: Rig) -> None:
    rig.assistant_email, rig.fallback, rig.assistant_fallback = "new@acme.example", PAUL, QUEUE
    person = [step.what for step in plan(rig).steps if step.needs_person]
    assert person == [
        "new@acme.example has no HubSpot user: invite or reactivate it under Settings > Users",
        f"choose another fallback owner for portal acme-{rig.portal_id}: {PAUL} was deactivated",
        f"choose another fallback owner for assistant new@acme.example: {QUEUE} is a queue",
    ]
    rig.set_up()
    assert [step.what for step in plan(rig).steps] == person
    rig.assistant_email, rig.fallback, rig.assistant_fallback = "tara@acme.example", OMAR, None
    assert steps(rig) == []


def test_every_missing_scope_is_listed(new_rig: Callable[..., Rig]) -> None:
    rig = new_rig(scopes=["crm.objects.contacts.read", "crm.schemas.contacts.read"])
    rig.assistant_email = "nobody@acme.example"
    person = [step.what for step in plan(rig).steps if step.needs_person]
    assert person == [
        "grant the app the scope crm.objects.owners.read",
        "grant the app the scope sales-email-read",
    ]
    with pytest.raises(ConfigurationError, match=r"crm\.schemas\.contacts\.write"):
        rig.set_up()


WRITING = ["crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.write",
           "crm.objects.owners.read", "sales-email-read"]  # fmt: skip


@pytest.mark.parametrize("named", [True, False])
def test_a_key_that_may_write_and_not_read_is_told_what_it_lacks(
    new_rig: Callable[..., Rig], named: bool
) -> None:
    """A write scope does not include reading, and HubSpot's 403 may name no scope at all."""
    rig = new_rig(scopes=WRITING, switches={"scopes_named": named})
    lacking = "grant the app the scope crm.schemas.contacts.read"
    assert steps(rig) == [lacking], "what cannot be read is not known to be lacking"
    with pytest.raises(PortalUnavailable, match=r"403") as caught:
        rig.hooks.crm_check_mapping(access=rig.access, mapping=rig.mapping)
    assert "crm.schemas.contacts.read" in caught.value.fix


@pytest.mark.parametrize(
    ("kind", "lacks"),
    [("note", "crm.objects.contacts.write"), ("fields", "crm.objects.contacts.write")],
)
def test_a_403_that_names_no_scope_still_says_which_one(
    new_rig: Callable[..., Rig], kind: str, lacks: str
) -> None:
    scopes = [scope for scope in WRITING if scope != lacks] + ["crm.schemas.contacts.read"]
    rig = new_rig(scopes=scopes, switches={"scopes_named": False, "property_lag": [0, 0]})
    rig.set_up()
    crm_id = rig.contact()
    (outcome,) = rig.deliver(rig.note(crm_id) if kind == "note" else rig.fields(crm_id, "Warm"))
    assert isinstance(outcome, GiveUp)
    assert lacks in outcome.reason


CALLS = {
    ("GET", "/crm/properties/2026-09/contacts"): "crm.schemas.contacts.read",
    ("PATCH", "/crm/v3/properties/contacts/hs_lead_status"): "crm.schemas.contacts.write",
    ("POST", "/crm/objects/2026-09/contacts/batch/read"): "crm.objects.contacts.read",
    ("POST", "/crm/objects/2026-09/contacts/search"): "crm.objects.contacts.read",
    ("POST", "/crm/v3/objects/notes/batch/create"): "crm.objects.contacts.write",
    ("POST", "/crm/v3/objects/emails/batch/create"): "crm.objects.contacts.write sales-email-read",
    ("POST", "/crm/v4/associations/contacts/notes/batch/read"): "crm.objects.contacts.read",
    ("GET", "/crm/owners/2026-09"): "crm.objects.owners.read",
    ("GET", "/account-info/2026-09/details"): "",
}


@pytest.mark.parametrize(("call", "needs"), CALLS.items())
def test_the_scopes_of_each_family_of_calls(call: tuple[str, str], needs: str) -> None:
    assert " ".join(scopes_for(*call)) == needs


def test_a_lead_status_that_apps_may_not_change_is_said_so(rig: Rig) -> None:
    rig.switch(lead_status_options_editable=False)
    with pytest.raises(ConfigurationError, match="QUALIFIED"):
        rig.set_up()


@pytest.mark.parametrize("kind", ["commit-then-drop", "504", "cut-off", "reset"])
@pytest.mark.parametrize("route", ["POST /crm/properties", "PATCH /crm/properties"])
def test_a_lost_answer_does_not_spoil_the_set_up(rig: Rig, kind: str, route: str) -> None:
    rig.switch(property_lag=[0, 0])
    rig.fault(kind, route=route, count=1)
    rig.set_up()
    assert steps(rig) == []
