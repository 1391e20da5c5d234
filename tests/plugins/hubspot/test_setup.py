"""Setting a portal up: the plan, the deed, and everything that is in the way."""

from tests.plugins.hubspot.rig import Rig


def plan(rig: Rig) -> list[str]:
    made = rig.hooks.crm_plan_setup(access=rig.access, rules=rig.rules)
    return [step.what for step in made.steps]


def test_a_new_portal_lacks_two_fields_a_group_and_one_option(rig: Rig) -> None:
    assert plan(rig) == [
        "create the property group handback",
        "create the contact property context: a text field for what the assistant writes about",
        "add to hs_lead_status the option QUALIFIED",
        "create the contact property lead_connection_status: a dropdown with 12 options",
    ]


def test_applied_once_it_has_nothing_more_to_do(rig: Rig) -> None:
    rig.set_up()
    assert plan(rig) == []
    assert all(
        not problem.error
        for problem in rig.hooks.crm_check_mapping(access=rig.access, rules=rig.rules)
    )
