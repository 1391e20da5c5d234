"""Why, why not, what never happened, and where leads of a vanished state go."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from leadback.lead.decide import decide
from leadback.lead.machine import LeadMachine, facts_of
from leadback.lead.records import Event, Lead
from leadback.rules.loader import load, parse
from leadback.rules.migration import plan_migration
from leadback.rules.why import coverage, why

SHIPPED = load(Path("rules/lead_states.yaml"))
MACHINE = LeadMachine(SHIPPED)


def test_why_and_why_not() -> None:
    facts = {"opens": 1, "clicks": 0, "finished": 1, "stopped": 0, "sub_state": "Retired"}
    tried = why(SHIPPED, "DeActivated", "followup_continued", facts, came_from=None)
    said = [str(one).split(" ", 1)[1] for one in tried]
    assert said == [
        "is refused when sub-state is InvalidEmail, BounceDeactivated, BounceRisk, "
        "ServerUnreachable, SpamTrap or Disposable — no: sub-state is Retired, needed "
        "InvalidEmail, BounceDeactivated, BounceRisk, ServerUnreachable, SpamTrap or Disposable",
        "goes to Warm, follow-ups go on when opens ≥ 3 — no: opens is 1, needed ≥ 3",
        "goes to Warm, follow-ups go on when clicks ≥ 1 — no: clicks is 0, needed ≥ 1",
        "goes to Engaged, follow-ups go on when opens ≥ 1 and clicks = 0 — decides",
        "goes to Cold, follow-ups go on — fits, but comes later",
    ]
    assert str(tried[0].rule.at) in str(tried[0])


def test_why_not_previous_and_flags() -> None:
    (back, stay) = why(SHIPPED, "LeadAtRisk", "owner_replied", {}, came_from=None)
    assert back.instead == "there is no state before this one"
    assert stay.decides
    (back, stay) = why(SHIPPED, "LeadAtRisk", "owner_replied", {}, came_from="Hot")
    assert back.decides
    assert stay.fits
    assert not stay.decides
    over, _ = why(SHIPPED, "Cold", "sequence_completed", {"finished": 1}, came_from=None)
    assert over.instead == "it is finished"
    anew, _ = why(SHIPPED, "Cold", "assigned", {"finished": 0}, came_from=None)
    assert anew.instead == "it is not finished"


@given(
    st.sampled_from(sorted(SHIPPED.states)),
    st.sampled_from(sorted({r.trigger for r in SHIPPED.rules if "." not in r.trigger})),
    st.integers(0, 4),
    st.integers(0, 2),
    st.sampled_from([None, "Cold", "Hot"]),
    st.booleans(),
)
def test_the_rule_that_decides_is_the_one_that_fires(
    state: str, trigger: str, opens: int, clicks: int, before: str | None, done: bool
) -> None:
    back = (before, None) if before not in (None, state) else None
    counters = {"opens": opens, "clicks": clicks}
    lead = Lead("p", "1", "1", state, came_from=back, counters=counters, done=done)  # type: ignore[arg-type]
    event = Event(trigger, 0, "test", "1", {"portal": "p", "crm_id": "1", "into": "2"})
    decision = decide(MACHINE, lead, event, 0)
    assert decision is not None
    kind = SHIPPED.events[trigger]
    counted = {
        **counters,
        **({kind.counts: counters.get(kind.counts, 0) + 1} if kind.counts else {}),
    }
    facts = facts_of(lead, counted)
    tried = why(SHIPPED, state, trigger, facts, came_from=back[0] if back else None)
    assert [str(one.rule.at) for one in tried if one.decides] == [decision.rule_at] * bool(
        decision.rule_at
    )


def test_what_never_happened() -> None:
    names = [rule.name for rule in SHIPPED.rules]
    everything = coverage(SHIPPED, fired=names, entered=SHIPPED.states, seen=SHIPPED.events)
    assert (everything.rules, everything.states, everything.events) == ((), (), ())
    nearly = coverage(SHIPPED, fired=names[1:], entered=["New", "Gone"], seen=["assigned"])
    assert [rule.name for rule in nearly.rules] == ([] if names[0] in names[1:] else [names[0]])
    assert "Cold" in nearly.states
    assert "New" not in nearly.states
    assert "email_opened" in nearly.events


def test_leads_of_a_vanished_state_need_somewhere_to_go() -> None:
    text = Path("tests/rules/sound.yaml").read_text() + "migrate:\n  Lukewarm: Warm\n"
    rules, findings = parse(text, file="f")
    assert findings == ()
    assert rules is not None
    assert rules.migrate == {"Lukewarm": "Warm"}
    plan = plan_migration({"Lukewarm": 3, "Cold": 5, "Gone": 0, "Nowhere": 0}, rules)
    assert plan.moves == {"Lukewarm": "Warm"}
    assert plan.findings == ()
    (later,) = plan_migration({"Warmish": None}, rules, portal="acme").findings
    assert later.message == (
        "leads of portal acme may come to be in Warmish, which these rules do not have"
    )
    lost = plan_migration({"Warmish": 2}, rules)
    assert lost.moves == {}
    assert [str(finding) for finding in lost.findings] == [
        "f:1:1 R071 2 leads are in Warmish, which these rules do not have — "
        "keep the state, add migrate: {Warmish: Warm} to the file, or apply with "
        "--move Warmish=Warm"
    ]
