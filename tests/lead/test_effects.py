"""The order of what one decision writes."""

from dataclasses import replace
from itertools import permutations

import pytest

from leadback.lead.effects import fill, order, words
from leadback.lead.records import Effect, EffectKind, Lead

WANTED = ["email", "fields", "note", "task", "handback"]


def test_the_contact_changes_hands_last_and_its_email_is_logged_first() -> None:
    assert sorted(WANTED) == sorted(kind.value for kind in EffectKind)
    for kinds in permutations(EffectKind):
        ordered = order(Effect(kind, {}, kind.value) for kind in kinds)
        assert [effect.kind.value for effect in ordered] == WANTED


LEAD = Lead(
    "acme", "501", "502", "Hot", "Met", email="ann@example.org", name="Ann",
    assistant="tara@example.com", assistant_name="Tara", context="spring offer",
)  # fmt: skip
ALL = "{assistant}|{assistant_email}|{context}|{lead}|{state}|{sub_state}|{other}"


@pytest.mark.parametrize(
    ("without", "says"),
    [
        ((), "Tara|tara@example.com|spring offer|Ann|Hot|Met|{other}"),
        (("assistant_name",), "tara@example.com|tara@example.com|spring offer|Ann|Hot|Met|{other}"),
        (
            ("assistant_name", "assistant"),
            "The assistant||spring offer|Ann|Hot|Met|{other}",
        ),
        (("context",), "Tara|tara@example.com|none|Ann|Hot|Met|{other}"),
        (("name",), "Tara|tara@example.com|spring offer|ann@example.org|Hot|Met|{other}"),
        (("name", "email"), "Tara|tara@example.com|spring offer|502|Hot|Met|{other}"),
        (("sub_state",), "Tara|tara@example.com|spring offer|Ann|Hot|Hot|{other}"),
    ],
)
def test_every_word_has_something_to_say(without: tuple[str, ...], says: str) -> None:
    known = replace(LEAD, **dict.fromkeys(without))
    assert fill(ALL, words(known)) == says
