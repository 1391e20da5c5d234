"""Pure decisions per second on one core, and what bare state machines do in the same run."""

import time
from collections.abc import Iterator
from pathlib import Path

from transitions import Machine

from bench.figures import Figure
from leadback.lead.decide import decide
from leadback.lead.machine import LeadMachine
from leadback.lead.records import Event, Lead
from leadback.rules.loader import load

RULES = Path(__file__).resolve().parents[1] / "rules" / "lead_states.yaml"
EVENTS = 60_000
PEER_EVENTS = 10_000
ROUNDS = 3
MIX = ("email_sent", "email_opened", "link_clicked", "email_opened")


def measure() -> Iterator[Figure]:
    """The mix is what a mailer sends: every event is counted, a third is logged as an email."""
    machine = LeadMachine(load(RULES))
    ours = max(_ours(machine) for _ in range(ROUNDS))
    bare = max(_bare() for _ in range(ROUNDS))
    yield Figure("decide_per_s", ours, "decisions/s", ">= 60000")
    peer = max(_statemachine() for _ in range(ROUNDS))
    yield Figure(
        "decide_to_python_statemachine", ours / peer, "ratio", "", "bare: no guard, no effect"
    )
    yield Figure(
        "decide_to_bare_transitions", ours / bare, "ratio", "", "bare: no guard, no effect"
    )


def _ours(machine: LeadMachine) -> float:
    lead = Lead("acme", "501", "501", "Cold", email="a@b.example", assistant="t@b.example")
    events = [Event(MIX[n % 4], n, "mailer", str(n), {"subject": "Hello"}) for n in range(EVENTS)]
    started = time.process_time()
    for event in events:
        decision = decide(machine, lead, event, 5)
        assert decision is not None
        lead = decision.lead
    return EVENTS / (time.process_time() - started)


class _Slot:
    state = "A"


def _bare() -> float:
    machine = Machine(model=None, states=["A", "B"], initial="A", auto_transitions=False)
    machine.add_transition("go", "A", "B")
    machine.add_transition("go", "B", "A")
    trigger = machine.events["go"].trigger
    slot = _Slot()
    started = time.process_time()
    for _ in range(EVENTS):
        trigger(slot)
    return EVENTS / (time.process_time() - started)


def _statemachine() -> float:
    """python-statemachine comes with the extra `bench`."""
    from statemachine import State, StateMachine

    class Toggle(StateMachine):
        a = State(initial=True)
        b = State()
        go = a.to(b) | b.to(a)

    send = Toggle().send
    started = time.process_time()
    for _ in range(PEER_EVENTS):
        send("go")
    return PEER_EVENTS / (time.process_time() - started)
