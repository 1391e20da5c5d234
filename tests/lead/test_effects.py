"""The order of what one decision writes."""

from itertools import permutations

from engine.lead.effects import order
from engine.lead.records import Effect, EffectKind

WANTED = ["email", "fields", "note", "task", "handback"]


def test_the_contact_changes_hands_last_and_its_email_is_logged_first() -> None:
    assert sorted(WANTED) == sorted(kind.value for kind in EffectKind)
    for kinds in permutations(EffectKind):
        ordered = order(Effect(kind, {}, kind.value) for kind in kinds)
        assert [effect.kind.value for effect in ordered] == WANTED
