"""Whatever the effects: every one goes out once, in its lead's order, in batches that fit."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from leadback.lead.records import EffectKind
from leadback.store import ClaimedEffect
from leadback.work.batches import ONE_PER_LEAD, Lanes

LIMIT = 5
kinds = st.sampled_from(list(EffectKind))
claims = st.lists(st.tuples(st.sampled_from("abcdef"), kinds), max_size=60)


def effects(claim: list[tuple[str, EffectKind]]) -> list[ClaimedEffect]:
    return [
        ClaimedEffect(number, lead, lead, kind, {}, f"lb-{number}", 1, False, 0)
        for number, (lead, kind) in enumerate(claim)
    ]


@given(claims, st.randoms(use_true_random=False))
def test_all_go_out_once_in_their_leads_order(
    claim: list[tuple[str, EffectKind]], random: Random
) -> None:
    wanted = effects(claim)
    lanes = Lanes(wanted, lambda _: LIMIT)
    sent: list[ClaimedEffect] = []
    under_way: list[list[ClaimedEffect]] = []
    while True:
        batch = lanes.next_batch()
        if batch:
            assert len(batch) <= LIMIT
            assert len({e.kind for e in batch}) == 1
            if batch[0].kind in ONE_PER_LEAD:
                assert len({e.lead_id for e in batch}) == len(batch)
            busy = {e.lead_id for b in under_way for e in b}
            assert not busy & {e.lead_id for e in batch}
            under_way.append(batch)
            sent += batch
        if under_way and (not batch or random.random() < 0.5):
            lanes.settled(under_way.pop(random.randrange(len(under_way))), ())
        elif not batch:
            break
    assert sorted(e.id for e in sent) == [e.id for e in wanted]
    for lead in "abcdef":
        order = [e.id for e in sent if e.lead_id == lead]
        assert order == sorted(order)


@given(claims)
def test_a_lead_that_has_to_wait_gives_back_the_rest(
    claim: list[tuple[str, EffectKind]],
) -> None:
    wanted = effects(claim)
    lanes = Lanes(wanted, lambda _: LIMIT)
    batch = lanes.next_batch()
    stopped = {e.lead_id for e in batch}
    back = lanes.settled(batch, stopped)
    assert {e.id for e in back} == {e.id for e in wanted if e.lead_id in stopped} - {
        e.id for e in batch
    }
    assert {e.id for e in lanes.rest()} == {e.id for e in wanted if e.lead_id not in stopped}
