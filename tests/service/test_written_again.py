"""What a plan counts is what is written: each contact once, and none that is gone or shows it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from leadback.base.clock import HOUR
from leadback.base.errors import LeadbackError
from leadback.base.shipped import SHIPPED_RULES
from leadback.lead.records import EffectKind
from leadback.rules.findings import RulesError
from tests.service.worlds import PORTAL, World, world

TEXT = SHIPPED_RULES.read_text(encoding="utf-8")
LEADS = ("1", "2", "3", "4", "5", "6")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two leads are New, one of them deleted; two are Hot for two reasons; Engaged, and Engaged and
    deleted."""
    with world(tmp_path_factory.mktemp("written")) as made:
        for crm_id in LEADS:
            made.happen(crm_id, "assigned")
        made.happen("2", "contact_deleted")
        made.happen("3", "replied", intent="AgreedToMeet")
        made.happen("4", "replied", intent="InterestedToProceed")
        for crm_id in ("5", "6"):
            made.happen(crm_id, "email_opened")
        made.happen("6", "contact_deleted")
        yield made


def mapped(state: str, values: str) -> str:
    return re.sub(rf"(?m)^      {state}: +\[.*\]", f"      {state}: [{values}]", TEXT)


DRAFTS = {
    "another value": (mapped("New", "OPEN, New"), 1),
    "nothing in one column": (mapped("New", "~, New"), 0),
    "nothing at all": (mapped("Engaged", ""), 0),
    "the same in other words": (mapped("Hot", 'CONNECTED, "{state}"'), 0),
    "the reason": (mapped("Hot", 'CONNECTED, "{sub_state}"'), 2),
    "a renamed state": (TEXT.replace("Engaged", "Curious") + "\nmigrate: {Engaged: Curious}\n", 1),
    "a renamed state that shows the same": (
        re.sub(r"(Curious: +\[\w+, +)Curious", r"\1Engaged", TEXT.replace("Engaged", "Curious"))
        + "\nmigrate: {Engaged: Curious}\n",
        0,
    ),
    "another sort of rule": (TEXT.replace("opens >= 3}", "opens >= 4}"), 0),
}


def written(here: World) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    with here.app.store.read() as tx:
        for crm_id in LEADS:
            rows = tx.outbox.of_lead(PORTAL, crm_id)
            found[crm_id] = [dict(r.payload) for r in rows if r.kind is EffectKind.FIELDS]
    return found


@pytest.mark.parametrize("name", DRAFTS)
def test_so_many_are_written_as_the_plan_says(here: World, name: str) -> None:
    text, count = DRAFTS[name]
    plan = here.app.versions.plan(text)
    assert plan["ready"], plan["findings"]
    before = written(here)
    here.app.versions.apply(text, expected=plan["expected"], force=True)
    here.decide()
    after = written(here)
    news = 0
    for crm_id, payloads in after.items():
        shown = {k: v for payload in before[crm_id] for k, v in payload.items()}
        new = {k: v for payload in payloads[len(before[crm_id]) :] for k, v in payload.items()}
        news += any(shown.get(column) != value for column, value in new.items())
    assert plan["rewrites"]["contacts"] == news == count
    assert plan["rewrites"]["api_calls"] == (1 if count else 0)
    here.app.versions.rollback(moves={"Curious": "Engaged"}, force=True)
    here.decide()


RENAMED = TEXT.replace("Engaged", "Curious")


def test_a_state_that_is_gone_is_named_with_file_portal_leads_and_fix(here: World) -> None:
    plan = here.app.versions.plan(RENAMED, file="drafts/new.yaml")
    (one,) = [found for found in plan["findings"] if found["code"] == "R071"]
    assert one["file"] == "drafts/new.yaml"
    assert one["message"] == "2 leads of portal acme are in Engaged, which these rules do not have"
    assert "migrate: {Engaged: " in one["fix"]
    assert "--move Engaged=" in one["fix"]
    for at in (None, here.clock.now() + HOUR):
        with pytest.raises(LeadbackError) as refused:
            here.app.versions.apply(
                RENAMED, expected=plan["expected"], at=at, file="drafts/new.yaml", force=True
            )
        assert isinstance(refused.value, RulesError)
        (said, *_) = [f for f in refused.value.findings if " Engaged," in f.message]
        assert (said.file, said.message, said.fix) == (one["file"], one["message"], one["fix"])


def test_a_later_change_speaks_of_leads_that_may_come(here: World) -> None:
    """Nobody is in Pending now, and somebody may be by then."""
    text = TEXT.replace("Pending", "Unsure")
    number = here.app.versions.status()["number"]
    with pytest.raises(RulesError, match="may come to be in Pending") as refused:
        here.app.versions.apply(text, expected=number, at=here.clock.now() + HOUR, force=True)
    assert " 1 lead " not in str(refused.value)
