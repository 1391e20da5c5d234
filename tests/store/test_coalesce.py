"""Laws of coalescing: one write of field values per lead and claim, saying all that was ordered."""

from hypothesis import given
from hypothesis import strategies as st

from leadback.lead.records import EffectKind
from leadback.store import ClaimedEffect
from leadback.store.coalesce import coalesce

kinds = st.sampled_from([EffectKind.FIELDS, EffectKind.NOTE, EffectKind.HANDBACK])
payloads = st.dictionaries(st.sampled_from("abc"), st.integers(0, 3), max_size=3)


@st.composite
def lanes(draw: st.DrawFn) -> list[ClaimedEffect]:
    rows = draw(st.lists(st.tuples(st.sampled_from("xyz"), kinds, payloads), max_size=12))
    rows.sort(key=lambda row: row[0])
    return [
        ClaimedEffect(number, lead, lead, kind, payload, f"r{number}", 1, False, 0)
        for number, (lead, kind, payload) in enumerate(rows)
    ]


@given(lanes())
def test_every_effect_is_sent_or_superseded_by_one_that_is(effects: list[ClaimedEffect]) -> None:
    found = coalesce(effects)
    sent = {effect.id: effect for effect in found.effects}
    assert sent.keys() | found.superseded.keys() == {effect.id for effect in effects}
    assert not sent.keys() & found.superseded.keys()
    for old, newer in found.superseded.items():
        assert newer > old
        assert sent[newer].lead_id == effects[old].lead_id


@given(lanes())
def test_one_write_per_lead_says_what_all_would_have_said(effects: list[ClaimedEffect]) -> None:
    found = coalesce(effects)
    for lead in "xyz":
        said: dict[str, object] = {}
        for effect in effects:
            if effect.lead_id == lead and effect.kind is EffectKind.FIELDS:
                said |= effect.payload
        writes = [e for e in found.effects if e.lead_id == lead and e.kind is EffectKind.FIELDS]
        assert len(writes) <= 1
        assert [dict(w.payload) for w in writes] == ([said] if writes else [])


@given(lanes())
def test_the_rest_is_untouched_and_in_order(effects: list[ClaimedEffect]) -> None:
    found = coalesce(effects)
    assert [e.id for e in found.effects] == sorted(e.id for e in found.effects)
    others = [e for e in effects if e.kind is not EffectKind.FIELDS]
    assert [e for e in found.effects if e.kind is not EffectKind.FIELDS] == others
    for effect in found.effects:
        changed = effect.payload != effects[effect.id].payload
        assert changed == (effect.id in found.payloads)
