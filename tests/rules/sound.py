"""Sound rules models, whole ones, for Hypothesis: every way to write a rule, and nothing wrong."""

import string
from dataclasses import dataclass, replace
from itertools import pairwise

from hypothesis import strategies as st

from leadback.base.clock import DAY, HOUR, MINUTE, SECOND
from leadback.rules.model import (
    KEEP,
    OTHER,
    PREVIOUS,
    SUB_STATE,
    TEXT_WORDS,
    Action,
    Comparison,
    CrmMapping,
    Event,
    Invariant,
    Rule,
    Rules,
    State,
    Timer,
    Work,
)
from leadback.rules.version import version_of

PLAIN = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="{}"),
    min_size=1,
    max_size=12,
).filter(lambda text: text.strip() != "")
VALUES = PLAIN.map(str.strip).filter(
    lambda text: (
        text and text.isprintable() and not set(text) & set("\u115f\u1160\u2800\u3164\uffa0")
    )
)
"""What a field of a CRM can take and a person can see."""
DURATIONS = st.builds(
    lambda n, unit: n * unit, st.integers(1, 90), st.sampled_from([SECOND, MINUTE, HOUR, DAY])
)
SUB_NAMES = ("Asked", "Bounced", "Curious")
COUNTERS = ("opens", "answers")
CONTACT = ("taken_back", "deleted", "restored", "merged", "erased", "kept")
MEANT = {
    "taken_back": ("release",),
    "deleted": ("close",),
    "restored": ("reopen",),
    "merged": ("follow_merge",),
    "erased": ("erase",),
}


@dataclass(frozen=True)
class Bones:
    """What the rest of a model hangs on: states in an order in which each can be reached."""

    states: dict[str, State]
    counters: dict[str, str]
    texts: dict[str, str]

    def names(self) -> list[str]:
        return list(self.states)

    def open(self) -> list[str]:
        return [name for name, state in self.states.items() if state.work is not Work.FINAL]

    def finals(self) -> tuple[str, ...]:
        return tuple(n for n, state in self.states.items() if state.work is Work.FINAL)


@st.composite
def bones(draw: st.DrawFn) -> Bones:
    waiting = draw(st.integers(1, 4))
    works = [draw(st.sampled_from([Work.WAITS, Work.GOES_ON])) for _ in range(waiting)]
    works += [Work.DONE] * draw(st.integers(1, 2)) + [Work.FINAL] * draw(st.integers(0, 1))
    states = {}
    for name, work in zip(string.ascii_uppercase, works, strict=False):
        allowed = draw(st.sampled_from([None, (), SUB_NAMES, SUB_NAMES[:1]]))
        states[name] = State(name, work, draw(st.one_of(st.just(""), PLAIN)), allowed)
    counters = {name: draw(PLAIN) for name in COUNTERS[: draw(st.integers(0, 2))]}
    words = st.sampled_from([f"{{{word}}}" for word in TEXT_WORDS])
    texts = {"hello": draw(PLAIN) + draw(words), "remind": draw(PLAIN)}
    return Bones(states, counters, texts)


def _stay(trigger: str, sources: tuple[str, ...], **more: object) -> Rule:
    return replace(Rule(trigger, sources, stay="because"), **more)  # type: ignore[arg-type]


def _assigned(found: Bones) -> list[Rule]:
    """Leads that are over start anew, or go straight back."""
    rules = []
    if found.finals():
        rules.append(_stay("assigned", found.finals(), actions=(Action("handback"),)))
    anew = (Action("start_anew"), Action("note", "hello"))
    over = Comparison("finished", "==", 1)
    open_ = tuple(found.open())
    rules.append(Rule("assigned", open_, to="A", guard=(over,), actions=anew))
    return [*rules, _stay("assigned", open_)]


def _onward(found: Bones) -> list[Rule]:
    """Every state is reached from the one before it; the last one is an end."""
    names = found.names()
    moves = [
        Rule("onward", (here,), to=there)
        for here, there in pairwise(names)
        if found.states[here].work is not Work.FINAL
    ]
    return [*moves, _stay("onward", (names[-1],), actions=(Action("task", "remind"),))]


@st.composite
def _move(draw: st.DrawFn, found: Bones, trigger: str, source: str) -> Rule:
    target = found.states[draw(st.sampled_from(found.names()))]
    going = found.states[source]
    choices: list[str | None] = [None, *(target.sub_states or ())]
    if target.sub_states == () or going.sub_states is None:
        choices.append(KEEP)
    rule = Rule(trigger, (source,), to=target.name, sub_state=draw(st.sampled_from(choices)))
    if source != "A" and draw(st.integers(0, 4)) == 0:
        rule = replace(rule, to=PREVIOUS, sub_state=draw(st.sampled_from([None, KEEP])))
        if rule.sub_state == KEEP and any(s.sub_states != () for s in found.states.values()):
            rule = replace(rule, sub_state=None)
    rule = replace(rule, done=draw(st.booleans()), actions=draw(_actions(found)))
    if any(action.kind == "start_anew" for action in rule.actions):
        rule = replace(rule, done=False, sub_state=None)
    return rule


def _actions(found: Bones) -> st.SearchStrategy[tuple[Action, ...]]:
    kinds = ["stop", "resume", "release", "close", "reopen", "erase", "start_anew", "handback"]
    kinds += ["follow_merge"]
    counting = [Action("count", counter=name) for name in found.counters]
    one = st.sampled_from([Action("note", "hello"), *map(Action, kinds), *counting])
    return st.one_of(st.just(()), st.lists(one, max_size=2, unique=True).map(tuple))


@st.composite
def _guards(draw: st.DrawFn, found: Bones, state: State) -> list[tuple[Comparison, ...]]:
    """Guards of rows for one state, none shadowed by those before, none covering everything."""
    ladder: list[tuple[Comparison, ...]] = []
    if found.counters and draw(st.booleans()):
        counter = draw(st.sampled_from(sorted(found.counters)))
        limits = sorted(draw(st.lists(st.integers(2, 9), min_size=1, max_size=3, unique=True)))
        match draw(st.sampled_from(["from", "below", "at"])):
            case "from":
                steps = [(">=", n) if draw(st.booleans()) else (">", n - 1) for n in limits[::-1]]
            case "below":
                steps = [("<", n) if draw(st.booleans()) else ("<=", n - 1) for n in limits]
            case _:
                steps = [(draw(st.sampled_from(["==", "!="])), limits[0])]
        ladder = [(Comparison(counter, op, n),) for op, n in steps]
    elif draw(st.booleans()):
        ladder = [(Comparison("stopped", "==", draw(st.integers(0, 1))),)]
    elif state.sub_states is not None:
        names = state.sub_states or SUB_NAMES
        ladder = [(Comparison(SUB_STATE, draw(st.sampled_from(["in", "not in"])), names[:1]),)]
    return ladder


@st.composite
def event_rules(
    draw: st.DrawFn, found: Bones, trigger: str, contact: str | None = None
) -> list[Rule]:
    """Rows of one event that decide about every state; for a fact, mostly what it is for."""
    fact = tuple(map(Action, draw(st.sampled_from([MEANT.get(contact or "", ()), ()]))))
    if fact:
        return [_stay(trigger, tuple(found.names()), actions=fact)]
    rules: list[Rule] = []
    rest = []
    for name, state in found.states.items():
        if state.work is Work.FINAL:
            rest.append(name)
            continue
        for guard in draw(_guards(found, state)):
            rules.append(replace(draw(_move(found, trigger, name)), guard=guard))
        if draw(st.booleans()):
            rest.append(name)
        else:
            rules.append(draw(_move(found, trigger, name)))
    if rest:
        rules.append(_stay(trigger, tuple(rest)))
    return rules


@st.composite
def _timers(draw: st.DrawFn, found: Bones) -> tuple[dict[str, Timer], list[Rule]]:
    """Timers only lead onward, so that they cannot loop."""
    timers: dict[str, Timer] = {}
    rules: list[Rule] = []
    names = found.names()
    for number in range(draw(st.integers(0, 3))):
        index = draw(st.integers(0, len(found.open()) - 1))
        if index + 1 >= len(names):
            continue
        name, states = f"timer{number}", (names[index],)
        missed = draw(st.sampled_from(["fire", "skip", "restart"]))
        kind = draw(st.sampled_from(["after", "at", "every"]))
        length = draw(DURATIONS)
        if kind == "every":
            times = draw(st.integers(1, 20))
            timers[name] = Timer(name, states, every=length, times=times, missed=missed)
            guard = draw(st.sampled_from([(), (Comparison("stopped", "==", 0),)]))
            rules.append(_stay(f"timer.{name}", states, guard=guard))
            continue
        if kind == "after":
            timers[name] = Timer(name, states, after=length, missed=missed)
        else:
            timers[name] = Timer(name, states, at_field="when", default=length, missed=missed)
        later = draw(st.sampled_from(names[index + 1 :]))
        rules.append(Rule(f"timer.{name}", states, to=later))
    return timers, rules


@st.composite
def _crm(draw: st.DrawFn, found: Bones) -> dict[str, CrmMapping]:
    mappings = {}
    for crm in draw(st.sampled_from([(), ("hubspot",), ("hubspot", "other_crm")])):
        columns = ("hs_lead_status", "stage")[: draw(st.integers(1, 2))]
        value = st.one_of(st.none(), VALUES, st.just("{assistant_email} works on it"))
        states = {name: tuple(draw(value) for _ in columns) for name in found.states}
        table = CrmMapping(crm, columns, states)
        own = draw(st.lists(st.sampled_from(["acme", "globex-eu", "7"]), unique=True))
        shown = {portal: _own(draw, table, value) for portal in own}
        portals = {portal: theirs for portal, theirs in shown.items() if theirs != table}
        mappings[crm] = replace(table, portals=portals)
    return mappings


def _own(draw: st.DrawFn, table: CrmMapping, value: st.SearchStrategy[str | None]) -> CrmMapping:
    """The table with some cells of a portal's own."""
    states = dict(table.states)
    for state in draw(st.lists(st.sampled_from(sorted(states)), unique=True, max_size=3)):
        values = list(states[state])
        values[draw(st.integers(0, len(values) - 1))] = draw(value)
        states[state] = tuple(values)
    return replace(table, states=states)


def _invariants(found: Bones, triggers: tuple[str, ...]) -> dict[str, Invariant]:
    """One of each form that holds whatever the rules are."""
    ends = tuple(name for name, state in found.states.items() if state.work.is_done)
    made = [
        Invariant("leaving", "left_only_by", found.finals() or ("A",), events=triggers),
        Invariant("jump", "never", ("A",), tuple(found.states), triggers),
        Invariant("over", "then", ends[:1], then=ends[0], within=DAY),
    ]
    for counter in found.counters:
        guard = (Comparison(counter, ">=", 0),)
        made.append(Invariant(f"counted_{counter}", "always", tuple(found.states), guard=guard))
    return {one.name: one for one in made}


@st.composite
def rules_models(draw: st.DrawFn) -> Rules:
    """A whole sound model: no error finding, and most of them no finding at all."""
    found = draw(bones())
    events = {"assigned": Event("assigned"), "onward": Event("onward", draw(PLAIN))}
    rules = _assigned(found) + _onward(found)
    facts = draw(st.permutations(CONTACT))
    for number in range(draw(st.integers(0, 4))):
        name = f"event{number}"
        by = draw(st.sampled_from([None, "kind"]))
        counts = draw(st.sampled_from([None, *found.counters]))
        logs = draw(st.sampled_from([None, "incoming_email"]))
        resets = tuple(
            draw(st.sets(st.sampled_from(sorted(found.counters)))) if found.counters else ()
        )
        resets = tuple(sorted(set(resets) - {counts}))
        keeps = by is not None and all(s.sub_states == () for s in found.states.values())
        contact = draw(st.sampled_from([None, facts[number]]))
        automatic = ("hot",) if by is not None and draw(st.booleans()) else ()
        events[name] = Event(name, "", by, keeps, counts, resets, logs, contact, automatic)
        variants = [""] if by is None else [".hot", f".{OTHER}"]
        for variant in variants:
            rows = draw(event_rules(found, name + variant, contact))
            rules += _without_always_true(rows, events[name])
    timers, timer_rules = draw(_timers(found))
    rules += timer_rules
    triggers = tuple(dict.fromkeys(rule.trigger for rule in rules))
    model = Rules(
        version="",
        start=Rule("start", (), to="A", actions=(Action("note", "hello"),)),
        start_event="assigned",
        states=found.states,
        counters=found.counters,
        events=events,
        groups={"some": ("A",)},
        rules=tuple(rules),
        timers=timers,
        texts=found.texts,
        crm=draw(_crm(found)),
        invariants=_invariants(found, triggers) if draw(st.booleans()) else {},
        migrate={"Old": "A"} if draw(st.booleans()) else {},
    )
    return replace(model, version=version_of(model))


def _without_always_true(rules: list[Rule], event: Event) -> list[Rule]:
    """A counter that the event has just set to 0 or 1 is never 2: such rows would be shadowed."""
    return [rule for rule in rules if not any(part.fact in event.resets for part in rule.guard)]
