"""A rules file while it is being understood: what is declared so far, and how names are looked up.

A name that is unknown but close to a known one is taken for it after it was reported, so that one
slip of the pen does not make five findings.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from leadback.rules.model import (
    ANY,
    EVERYWHERE,
    OTHER,
    CrmMapping,
    Event,
    Invariant,
    Position,
    Rule,
    Rules,
    State,
    Timer,
    Work,
)
from leadback.rules.reader import Items, Node, Scalar
from leadback.rules.shapes import Report, is_refused, nearest, suggestion, text, wrong_kind


@dataclass(slots=True)
class Draft:
    """Everything understood so far. Unknown names may be in it; `states` has only known ones."""

    report: Report
    states: dict[str, State] = field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    group_at: dict[str, Position] = field(default_factory=dict)
    counters: dict[str, str] = field(default_factory=dict)
    counter_at: dict[str, Position] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    text_at: dict[str, Position] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    timers: dict[str, Timer] = field(default_factory=dict)
    start: Rule | None = None
    start_event: str = ""
    crm: dict[str, CrmMapping] = field(default_factory=dict)
    invariants: dict[str, Invariant] = field(default_factory=dict)
    migrate: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    """Texts and groups that something refers to, as `text NAME` and `group NAME`."""

    def sources(self, node: Node, what: str) -> tuple[str, ...]:
        """`from` and `in`: a name or a list of names, groups resolved, each state once."""
        parts = node.items if isinstance(node, Items) else (node,)
        if not parts:
            wrong_kind(self.report, node, what, expected="at least one state")
        found: dict[str, None] = {}
        for part in parts:
            name = self.name(part, what)
            if name is not None:
                found.update(dict.fromkeys(self._resolve(name, part.at, what)))
        return tuple(found)

    def _resolve(self, name: str, at: Position, what: str) -> tuple[str, ...]:
        if name == EVERYWHERE:
            return tuple(self.states)
        if name == ANY:
            return tuple(n for n, s in self.states.items() if s.work is not Work.FINAL)
        if name in self.groups:
            self.used.add(f"group {name}")
            return self.groups[name]
        words = (ANY, EVERYWHERE)
        known = self.known(name, (*self.states, *self.groups), at, what, words=words)
        if known in words or known in self.groups:
            return self._resolve(known, at, what)
        return (known,)

    def name(self, node: Node, what: str) -> str | None:
        """A name as text, not looked up yet."""
        if is_refused(node):
            return None
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value:
            return node.value
        wrong_kind(self.report, node, what, expected="a name")
        return None

    def known(
        self,
        name: str,
        names: Collection[str],
        at: Position,
        what: str,
        *,
        words: Collection[str] = (),
    ) -> str:
        """The state of this name; an unknown one is reported, and replaced if one is close.

        words: what else may stand here, with a meaning of its own.
        """
        if name in names:
            return name
        near = nearest(name, (*names, *words))
        fix = suggestion(near, names, kind="states")
        if name in (EVERYWHERE, ANY):
            fix = "name one state here"
        self.report.add("R011", at, f"{what}: there is no state {name[:64]}", fix=fix)
        if near is None:
            self.report.doubt("R043")
        return near or name

    def state(self, node: Node, what: str) -> str | None:
        """The name of one state."""
        name = self.name(node, what)
        return None if name is None else self.known(name, self.states, node.at, what)

    def event(self, node: Node, what: str) -> str | None:
        """The name of one event."""
        name = self.name(node, what)
        return None if name is None else self.known_event(name, node.at, what)

    def known_event(self, name: str, at: Position, what: str) -> str:
        """As known(), for events."""
        if name in self.events:
            return name
        near = nearest(name, self.events)
        fix = suggestion(near, self.events, kind="events")
        self.report.add("R012", at, f"{what}: there is no event {name[:64]}", fix=fix)
        if near is None:
            self.report.doubt("R026", "R034", "R041")
        return near or name

    def counter(self, node: Node, what: str) -> str | None:
        """The name of one counter."""
        name = self.name(node, what)
        return None if name is None else self.known_counter(name, node.at, what)

    def known_counter(self, name: str, at: Position, what: str) -> str:
        """As known(), for counters."""
        if name in self.counters:
            return name
        near = nearest(name, self.counters)
        fix = suggestion(near, self.counters, kind="counters")
        self.report.add("R013", at, f"{what}: there is no counter {name[:64]}", fix=fix)
        if near is None:
            self.report.doubt("R041")
        return near or name

    def text(self, node: Node, what: str) -> str | None:
        """The name of one text."""
        name = text(self.report, node, what)
        if name is None:
            return None
        if name not in self.texts:
            near = nearest(name, self.texts)
            fix = suggestion(near, self.texts, kind="texts")
            self.report.add("R014", node.at, f"{what}: there is no text {name[:64]}", fix=fix)
            if near is None:
                self.report.doubt("R042")
            name = near or name
        self.used.add(f"text {name}")
        return name

    def trigger(self, name: str, at: Position, what: str) -> str:
        """`email_opened` or `replied.AgreedToMeet`: both halves checked; what was meant."""
        event, dot, variant = name.partition(".")
        known = self.known_event(event, at, what)
        if known != event:
            self.report.opaque.add(f"{known}{dot}{variant}")
        kind = self.events.get(known)
        if kind is None:
            return name
        if dot and kind.by is None:
            fix = f"write {known}, or give the event a `by`"
            message = f"{what}: {known} has no variants, its rules are not chosen by a field"
            self.report.add("R024", at, message, fix=fix)
            self.report.opaque.add(known)
            return known
        return f"{known}{dot}{variant}"

    def variants(self, event: str) -> tuple[str, ...]:
        """The variants of an event that have rules, in file order."""
        prefix = f"{event}."
        found = (r.trigger for r in self.rules if r.trigger.startswith(prefix))
        return tuple(dict.fromkeys(trigger[len(prefix) :] for trigger in found))

    def finished(self, version: str, source: str) -> Rules:
        """The model, when nothing is wrong with it."""
        assert self.start is not None  # noqa: S101 — loading without a start is an error finding
        return Rules(
            version=version,
            start=self.start,
            start_event=self.start_event,
            states=self.states,
            counters=self.counters,
            events=self.events,
            groups=self.groups,
            rules=tuple(self.rules),
            timers=self.timers,
            texts=self.texts,
            crm=self.crm,
            invariants=self.invariants,
            migrate=self.migrate,
            text=source,
        )


def other_of(event: str) -> str:
    """The trigger for all values without rules of their own."""
    return f"{event}.{OTHER}"
