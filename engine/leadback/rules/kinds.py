"""Kinds of lead: a lead as far as the rules can tell leads apart, and what an event makes of it."""

from typing import NamedTuple

from leadback.rules.model import Rule

HELD, TAKEN_BACK, DELETED, GONE = range(4)
"""Who has the contact: the assistant (or whom it went back to), a person, nobody, nobody ever."""


class Kind(NamedTuple):
    """A lead as far as the rules can tell leads apart. back: where `previous` leads to."""

    state: str
    sub_state: str | None
    back: tuple[str, str | None] | None
    counters: tuple[int, ...]
    done: bool
    stopped: bool
    ended: int


class Step(NamedTuple):
    """What one trigger did to one kind. ordered: handback, note, task. rule None: none fits."""

    before: Kind | None
    trigger: str
    rule: Rule | None
    after: Kind
    ordered: frozenset[str] = frozenset()


def after_action(kind: Kind, action: str) -> Kind:
    """What an action that is neither text nor counting makes of a lead."""
    match action:
        case "start_anew":
            zero = (0,) * len(kind.counters)
            return Kind(kind.state, None, kind.back, zero, False, False, HELD)
        case "release":
            return kind._replace(ended=TAKEN_BACK)
        case "handback":
            return kind._replace(done=True, ended=HELD)
        case "close":
            return kind._replace(ended=DELETED)
        case "reopen":
            return kind._replace(ended=TAKEN_BACK) if kind.ended == DELETED else kind
        case "erase":
            return kind._replace(ended=GONE, sub_state=None, back=None)
        case _:
            return kind
