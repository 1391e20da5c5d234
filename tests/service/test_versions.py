"""Which rules are in use: applied, scheduled, taken back; leads follow by decisions."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadback.base.clock import HOUR, MINUTE
from leadback.base.errors import InputError
from leadback.base.shipped import SHIPPED_RULES
from leadback.lead.records import EffectKind, Event
from leadback.rules.findings import RulesError
from leadback.service.replay import WhatIf
from leadback.store import NewEvent
from leadback.wiring import open_app
from leadback.work import decisions
from tests.service.worlds import PORTAL, World, world

TEXT = SHIPPED_RULES.read_text(encoding="utf-8")
LATER = TEXT.replace("after: 24h", "after: 48h")
OPENED = TEXT.replace("Engaged:     [IN_PROGRESS, ", "Engaged:     [OPEN,        ")
RENAMED = TEXT.replace("Engaged", "Curious")
MIGRATED = f"{RENAMED}\nmigrate: {{Engaged: Curious}}\n"
BROKEN = TEXT.replace("to: Engaged", "to: Engagde")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    shutil.copy(SHIPPED_RULES, tmp_path / "rules.yaml")
    with world(tmp_path, tmp_path / "rules.yaml") as made:
        yield made


def engaged(here: World, *crm_ids: str) -> None:
    for crm_id in crm_ids:
        here.happen(crm_id, "assigned")
        here.happen(crm_id, "capacity_available")
        here.happen(crm_id, "email_opened")


def apply(here: World, text: str, **given: object) -> dict[str, object]:
    plan = here.app.versions.plan(text)
    return here.app.versions.apply(text, expected=plan["expected"], force=True, **given)  # type: ignore[arg-type]


def effects(here: World, crm_id: str) -> list[tuple[EffectKind, object]]:
    with here.app.store.read() as tx:
        return [(row.kind, dict(row.payload)) for row in tx.outbox.of_lead(PORTAL, crm_id)]


def steps(here: World, crm_id: str) -> list[dict[str, object]]:
    history: list[dict[str, object]] = here.app.leads.show(f"{PORTAL}/{crm_id}")["history"]
    return history


def test_a_lead_of_a_state_that_is_gone_follows_in_a_decision_of_its_own(here: World) -> None:
    engaged(here, "1", "2")
    plan = here.app.versions.plan(MIGRATED)
    assert plan["ready"]
    assert plan["migrate"] == [{"state": "Engaged", "to": "Curious", "leads": 2}]
    done = here.app.versions.apply(MIGRATED, expected=plan["expected"], force=True)
    assert done["leads"] == 2
    here.decide()
    assert here.lead("1").state == "Curious"
    last = steps(here, "1")[-1]
    assert (last["event"], last["from"], last["to"]) == ("rules.changed", "Engaged", "Curious")
    assert last["rules_version"] == done["version"]
    kind, payload = effects(here, "1")[-1]
    assert kind is EffectKind.FIELDS
    assert payload == {"hs_lead_status": "IN_PROGRESS", "lead_connection_status": "Curious"}


def test_it_comes_before_everything_that_waits_for_the_lead(here: World) -> None:
    engaged(here, "1")
    with here.app.store.write() as tx:
        event = Event("link_clicked", here.clock.now(), "mailer", "late", {})
        tx.inbox.add([NewEvent(PORTAL, "1", event)], now=here.clock.now())
    apply(here, MIGRATED)
    here.decide()
    assert [step["event"] for step in steps(here, "1")[-2:]] == ["rules.changed", "link_clicked"]
    assert here.lead("1").state == "Warm"


def test_a_state_that_holds_leads_cannot_vanish(here: World) -> None:
    engaged(here, "1")
    plan = here.app.versions.plan(RENAMED)
    assert not plan["ready"]
    assert [f["code"] for f in plan["findings"] if f["severity"] == "error"] == ["R071"]
    with pytest.raises(RulesError):
        here.app.versions.apply(RENAMED, expected=plan["expected"], force=True)
    assert len(here.app.versions.versions()) == 1
    (gone,) = plan["gone"]
    assert gone["leads"] == 1
    assert gone["state"] not in plan["states"]
    again = here.app.versions.plan(RENAMED, moves={gone["state"]: plan["states"][-1]})
    assert (again["gone"], again["ready"]) == ([], True)


def test_a_plan_is_stale_when_somebody_else_was_quicker(here: World) -> None:
    plan = here.app.versions.plan(LATER)
    apply(here, OPENED)
    with pytest.raises(InputError, match="changed meanwhile"):
        here.app.versions.apply(LATER, expected=plan["expected"], force=True)


def test_other_values_are_written_through_the_outbox(here: World) -> None:
    engaged(here, "1")
    here.happen("2", "assigned")
    plan = here.app.versions.plan(OPENED)
    assert plan["rewrites"]["contacts"] == 1
    before = len(effects(here, "2"))
    apply(here, OPENED)
    here.decide()
    assert effects(here, "1")[-1] == (
        EffectKind.FIELDS,
        {"hs_lead_status": "OPEN", "lead_connection_status": "Engaged"},
    )
    assert len(effects(here, "2")) == before


def test_a_longer_wait_counts_from_the_state_that_was_entered(here: World) -> None:
    here.happen("1", "assigned")
    here.happen("1", "replied", intent="AgreedToMeet")
    apply(here, LATER)
    here.decide()
    here.clock.advance(25 * HOUR)
    here.decide()
    assert here.lead("1").state == "Hot"
    here.clock.advance(24 * HOUR)
    here.decide()
    assert here.lead("1").state == "LeadAtRisk"


@pytest.mark.parametrize(
    ("missed", "state"), [("fire", "LeadAtRisk"), ("skip", "Hot"), ("restart", "Hot")]
)
def test_a_shorter_wait_that_is_over_already_was_missed(
    here: World, missed: str, state: str
) -> None:
    here.happen("1", "assigned")
    here.happen("1", "replied", intent="AgreedToMeet")
    here.clock.advance(5 * HOUR)
    apply(here, TEXT.replace("after: 24h,", f"after: 1h, missed: {missed},"))
    here.decide()
    here.decide()
    assert here.lead("1").state == state
    here.clock.advance(HOUR)
    here.decide()
    assert here.lead("1").state == ("Hot" if missed == "skip" else "LeadAtRisk")


@pytest.mark.parametrize("missed", ["fire", "skip", "restart"])
def test_the_plan_says_how_many_timers_fire_at_once(here: World, missed: str) -> None:
    for crm_id in ("1", "2", "3"):
        here.happen(crm_id, "assigned")
        here.happen(crm_id, "replied", intent="AgreedToMeet")
    here.clock.advance(HOUR - 3 * MINUTE)
    new = TEXT.replace("after: 24h,", f"after: 1h, missed: {missed},")
    plan = here.app.versions.plan(new)
    assert plan["timers"] == 3
    assert plan["at_once"] == {"timers": 1 if missed == "fire" else 0, "handbacks": 0}
    later = here.app.versions.plan(new, at=here.clock.now() + HOUR)
    assert later["at_once"]["timers"] == (3 if missed == "fire" else 0)
    here.app.versions.apply(new, expected=plan["expected"], force=True)
    here.decide()
    here.decide()
    at_risk = [crm_id for crm_id in ("1", "2", "3") if here.lead(crm_id).state == "LeadAtRisk"]
    assert len(at_risk) == plan["at_once"]["timers"]


def test_the_plan_says_how_many_are_handed_back_at_once(here: World) -> None:
    engaged(here, "1", "2")
    moves = {"Engaged": "Processed"}
    text = TEXT.replace("Engaged", "Curious")
    plan = here.app.versions.plan(text, moves=moves)
    assert plan["at_once"] == {"timers": 0, "handbacks": 2}
    before = len(effects(here, "1"))
    here.app.versions.apply(text, expected=plan["expected"], force=True, moves=moves)
    here.decide()
    assert [kind for kind, _ in effects(here, "1")[before:]].count(EffectKind.HANDBACK) == 1


def test_the_plan_replays_the_history_when_it_is_asked_to(here: World) -> None:
    engaged(here, "1")
    start = here.clock.now() + 1
    engaged(here, "2")
    new = TEXT.replace("when: opens >= 1}", "when: opens >= 2}", 1)
    assert here.app.versions.plan(new)["what_if"] is None
    steps: list[tuple[int, int]] = []
    wish = WhatIf(progress=lambda done, total: steps.append((done, total)))
    found = here.app.versions.plan(new, what_if=wish)["what_if"]
    moved = [(one["lead"], one["old"], one["new"]) for one in found["elsewhere"]]
    assert sorted(moved) == [(f"{PORTAL}/{one}", "Engaged", "Cold") for one in ("1", "2")]
    assert steps[-1] == (6, 6)
    late = here.app.versions.plan(new, what_if=WhatIf(since=start))["what_if"]
    assert [one["lead"] for one in late["elsewhere"]] == [f"{PORTAL}/2"]
    assert here.lead("1").state == "Engaged", "a plan changes nothing"
    assert len(here.app.versions.versions()) == 1


def test_a_scheduled_version_takes_over_at_its_instant_and_once(here: World) -> None:
    engaged(here, "1")
    apply(here, OPENED, at=here.clock.now() + HOUR)
    assert here.app.versions.status()["scheduled"] is not None
    here.happen("2", "assigned")
    assert steps(here, "2")[-1]["rules_version"] != here.app.versions.versions()[0]["version"]
    here.clock.advance(HOUR)
    here.happen("2", "capacity_available")
    log = here.app.versions.versions()
    assert [entry["what"] for entry in log] == ["took effect", "scheduled", "started"]
    assert steps(here, "2")[-1]["rules_version"] == log[0]["version"]
    assert [s["event"] for s in steps(here, "1")].count("rules.changed") == 1


def test_what_is_scheduled_can_be_dropped(here: World) -> None:
    apply(here, OPENED, at=here.clock.now() + HOUR)
    here.app.versions.cancel()
    here.clock.advance(2 * HOUR)
    here.happen("1", "assigned")
    assert here.app.versions.status()["scheduled"] is None
    assert here.app.versions.versions()[0]["what"] == "cancelled"


def test_the_version_before_comes_back(here: World) -> None:
    engaged(here, "1")
    first = here.app.versions.status()["in_use"]
    apply(here, MIGRATED)
    here.decide()
    with pytest.raises(RulesError, match="R071"):
        here.app.versions.rollback(force=True)
    done = here.app.versions.rollback(moves={"Curious": "Engaged"}, force=True)
    here.decide()
    assert done["version"] == first == here.app.versions.status()["in_use"]
    assert here.lead("1").state == "Engaged"


def test_16_the_rules_file_changes_between_claim_and_commit(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim's transaction has one version, and the next claim has the other."""
    here.happen("1", "assigned")
    file = Path(here.app.settings.rules_file)
    seen: list[str] = []
    real = decisions.decide

    def decide(rules, lead, event, now):  # type: ignore[no-untyped-def]
        file.write_text(BROKEN, encoding="utf-8")
        seen.append(rules.version)
        return real(rules, lead, event, now)

    monkeypatch.setattr(decisions, "decide", decide)
    here.happen("1", "capacity_available")
    file.write_text(OPENED, encoding="utf-8")
    here.happen("1", "email_opened")
    assert len(set(seen)) == 1, "what lies on disk decides nothing"
    apply(here, OPENED)
    here.happen("1", "email_opened")
    assert len(set(seen)) == 2
    assert steps(here, "1")[-1]["rules_version"] == seen[-1]


def test_a_broken_file_never_replaces_a_good_one(here: World) -> None:
    file = Path(here.app.settings.rules_file)
    good = here.app.versions.status()["in_use"]
    file.write_text(BROKEN, encoding="utf-8")
    with open_app(database=here.database, rules=file, clock=here.clock, takes_rules=True) as app:
        status = app.versions.status()
    assert status["in_use"] == good
    assert (status["file"]["state"], status["file"]["errors"]) == ("broken", 2)


def test_a_new_file_takes_over_at_the_start_and_one_that_was_left_does_not(here: World) -> None:
    file = Path(here.app.settings.rules_file)
    first = here.app.versions.status()["in_use"]
    file.write_text(LATER, encoding="utf-8")
    with open_app(database=here.database, rules=file, clock=here.clock) as app:
        assert app.versions.status()["in_use"] == first, "a query changes nothing"
    with open_app(database=here.database, rules=file, clock=here.clock, takes_rules=True) as app:
        second = app.versions.status()["in_use"]
        assert second != first
        app.versions.rollback(force=True)
    with open_app(database=here.database, rules=file, clock=here.clock, takes_rules=True) as app:
        assert app.versions.status()["in_use"] == first
        assert app.versions.status()["file"]["state"] == "differs"


def test_a_file_that_needs_a_migration_waits_for_a_person(here: World) -> None:
    engaged(here, "1")
    file = Path(here.app.settings.rules_file)
    file.write_text(MIGRATED, encoding="utf-8")
    with open_app(database=here.database, rules=file, clock=here.clock, takes_rules=True) as app:
        assert app.versions.status()["file"]["state"] == "differs"


def test_a_running_worker_takes_over_what_another_process_applied(here: World) -> None:
    here.happen("1", "assigned")
    with open_app(
        database=here.database, rules=here.app.settings.rules_file, clock=here.clock
    ) as other:
        done = other.versions.apply(
            OPENED, expected=other.versions.plan(OPENED)["expected"], force=True
        )
    here.clock.advance(MINUTE)
    here.happen("1", "capacity_available")
    assert steps(here, "1")[-1]["rules_version"] == done["version"]


def test_rules_in_the_shadow_write_nothing_and_their_disagreements_are_listed(here: World) -> None:
    engaged(here, "1")
    watch = here.app.shadow.watch(TEXT.replace("when: opens >= 3}", "when: opens >= 2}"))
    assert watch["version"] != here.app.versions.status()["in_use"]
    here.happen("1", "email_opened")
    (one,) = here.app.shadow.found()["disagreements"]
    assert (one["lead"], one["event"]) == (f"{PORTAL}/1", "email_opened")
    assert (one["in_use"], one["shadow"]) == ("Engaged", "Warm")
    assert here.lead("1").state == "Engaged"
    here.happen("1", "email_sent")
    here.happen("1", "link_clicked")
    assert len(here.app.shadow.found()["disagreements"]) == 1, "the rest is decided alike"
    here.app.shadow.unwatch()
    engaged(here, "2")
    here.happen("2", "email_opened")
    assert len(here.app.shadow.found()["disagreements"]) == 1


def test_a_shadow_without_the_state_or_the_event_says_so(here: World) -> None:
    engaged(here, "1")
    here.app.shadow.watch(RENAMED)
    here.happen("1", "link_clicked")
    (one,) = here.app.shadow.found()["disagreements"]
    assert one["shadow"] == "it has no state Engaged"


def test_a_portal_that_offers_nothing_says_why(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOKEN", raising=False)
    found = here.app.versions.options()
    assert (found["options"], found["asked"]) == ({}, [])
    assert [one["portal"] for one in found["unreachable"]] == [PORTAL]
    assert "access token" in found["unreachable"][0]["why"]
