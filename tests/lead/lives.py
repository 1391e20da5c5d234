"""Generated lives of leads: any event, in any order, as often as it likes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from leadback.base.clock import HOUR
from leadback.lead.decide import decide
from leadback.lead.machine import LeadMachine
from leadback.lead.records import Decision, Event, Lead
from leadback.rules.loader import load

SHIPPED = Path(__file__).resolve().parents[2] / "rules" / "lead_states.yaml"
START = 1_800_000_000_000
FACTS: Mapping[str, Any] = {
    "portal": "acme",
    "crm_id": "501",
    "assistant": "tara@example.com",
    "assistant_name": "Tara",
    "email": "ann@example.org",
    "name": "Ann",
    "context": "spring offer",
    "previous_owner": "77",
}
INTENTS = (
    "OutOfOffice", "AskedToStop", "AgreedToMeet", "InterestedToProceed", "BrochureRequested",
    "ConnectLater", "Unsubscribe", "ReferredSomeone", "MovedOut", "Retired", "SeekingMoreInfo",
    "SupportAutoResponse", "SomethingElse",
)  # fmt: skip
MARKS = ("hot", "cold", "responded", "moved_out", "unsubscribed", "not_at_risk")
REASONS = ("BounceRisk", "ServerUnreachable", "SpamTrap", "Disposable", "NoSuchUser")
PLAIN = (
    "unassigned", "capacity_available", "email_verified", "email_unverifiable", "email_sent",
    "email_opened", "link_clicked", "email_bounced", "unsubscribed", "owner_replied",
    "sequence_completed", "followup_stopped", "followup_continued", "followup_restarted",
    "contact_deleted", "contact_restored", "contact_erased", "handback_kept",
)  # fmt: skip

Step = tuple[str, dict[str, Any]]

steps: st.SearchStrategy[Step] = st.one_of(
    st.sampled_from(PLAIN).map(lambda name: (name, {})),
    st.just(("assigned", dict(FACTS))),
    st.sampled_from(INTENTS).map(lambda intent: ("replied", {"intent": intent})),
    st.sampled_from(MARKS).map(lambda action: ("marked", {"action": action})),
    st.sampled_from(REASONS).map(lambda reason: ("email_invalid", {"reason": reason})),
    st.sampled_from(("timer.owner_silent", "timer.returned", "timer.reminder")).map(
        lambda name: (name, {"number": 1})
    ),
    st.just(("contact_merged", {"into": "502"})),
)
lives = st.lists(steps, max_size=40)

mail_steps: st.SearchStrategy[Step] = st.one_of(
    st.sampled_from(("email_sent", "email_opened", "link_clicked")).map(lambda name: (name, {})),
    st.just(("replied", {"intent": "SupportAutoResponse"})),
)
"""What a mailer repeats, delays and shuffles."""


def machine() -> LeadMachine:
    return LeadMachine(load(SHIPPED))


def event(step: Step, number: int) -> Event:
    """The step as the number-th event of one source."""
    kind, data = step
    return Event(kind, START + number * HOUR, "test", str(number), data)


def live(rules: LeadMachine, life: list[Step], lead: Lead | None = None) -> list[Decision]:
    """Decide a life step by step; steps before the first assignment decide nothing."""
    made: list[Decision] = []
    for number, step in enumerate(life):
        decision = decide(rules, lead, event(step, number), START + number * HOUR)
        if decision is not None:
            made.append(decision)
            lead = decision.lead
    return made


def assigned(rules: LeadMachine) -> Lead:
    decision = decide(rules, None, event(("assigned", dict(FACTS)), 0), START)
    assert decision is not None
    return decision.lead
