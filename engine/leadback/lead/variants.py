"""What chooses among an event's rules: the value of the field that its `by` names. Pure.

Senders spell it in their own way: `unsubscribe`, `asked_to_stop`. A value that differs from exactly
one variant in case, blanks, `-` and `_` alone is that one.
"""

import re
from collections.abc import Mapping

from leadback.lead.event_data import FIELDS, MAX_CHOICE, Reader, day_or_time, line, typed
from leadback.lead.records import Data
from leadback.rules.model import OTHER, Event, Rules

_BETWEEN_WORDS = re.compile(r"[\s_-]+")


class Variants:
    """Of every event of the rules. Safe to share between threads."""

    def __init__(self, rules: Rules) -> None:
        self._by = {event.name: event.by for event in rules.events.values()}
        self._known = _known(rules)
        self._spellings = {name: _spellings(known) for name, known in self._known.items()}
        self._readers = {event.name: _readers(event, rules) for event in rules.events.values()}

    def of(self, event_type: str) -> tuple[str, ...]:
        """The variants that the rules have, `other` among them where it is."""
        return self._known[event_type]

    def meant(self, event_type: str, value: str) -> str | None:
        """The variant that a value stands for; None: none, it is `other`."""
        if value in self._known[event_type]:
            return value if value != OTHER else None
        return self._spellings[event_type].get(_folded(value))

    def typed(self, event_type: str, data: Data) -> Data:
        """The data of an event of the rules, every known field in its normal form, and the variant
        as the rules spell it. Raises UnfitError."""
        found = typed(data, self._readers[event_type])
        by = self._by[event_type]
        value = found.get(by) if by is not None else None
        if by is None or value is None:
            return found
        meant = self.meant(event_type, value)
        return found if meant is None or meant == value else {**found, by: meant}

    def unruled(self, event_type: str, data: Data) -> tuple[str, str] | None:
        """(field, value) of typed data that is taken as `other` because no rule knows the value.

        None: a rule does, or nothing was said, or `other` itself, or the rules have no such event.
        """
        by = self._by.get(event_type)
        value = data.get(by) if by is not None else None
        if by is None or not isinstance(value, str) or value in self._known[event_type]:
            return None
        if _folded(value) == OTHER or self.meant(event_type, value) is not None:
            return None
        return by, value


def _folded(value: str) -> str:
    return _BETWEEN_WORDS.sub("", value[:MAX_CHOICE]).casefold()


def _spellings(variants: tuple[str, ...]) -> dict[str, str]:
    """Folded spelling → the variant, where only one is spelt so."""
    folded = [_folded(variant) for variant in variants]
    return {
        spelling: variant
        for spelling, variant in zip(folded, variants, strict=True)
        if variant != OTHER and folded.count(spelling) == 1
    }


def _known(rules: Rules) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {name: {} for name in rules.events}
    for rule in rules.rules:
        event, dot, variant = rule.trigger.partition(".")
        if dot and event in found:
            found[event][variant] = None
    return {name: tuple(variants) for name, variants in found.items()}


def _readers(event: Event, rules: Rules) -> Mapping[str, Reader]:
    """How the fields of one event's data are read: as everywhere, but what chooses among its rules
    is a word, and what a timer waits for is a time."""
    found = dict(FIELDS)
    for timer in rules.timers.values():
        if timer.at_field is not None:
            found[timer.at_field] = day_or_time
    if event.by is not None:
        found[event.by] = line(MAX_CHOICE)
    return found
