"""Of the field values ordered for a lead only the newest are sent. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from leadback.lead.records import Data, EffectKind
from leadback.store.records import ClaimedEffect


@dataclass(frozen=True, slots=True)
class Coalesced:
    """effects: to send, in order; superseded: id → newer id; payloads: of ids whose values grew."""

    effects: tuple[ClaimedEffect, ...]
    superseded: Mapping[int, int]
    payloads: Mapping[int, Data]


def coalesce(effects: Sequence[ClaimedEffect]) -> Coalesced:
    """Effects in the order of their leads' lanes.

    The newest keeps what only an older one says: a state may map fewer fields than another.
    """
    newest: dict[str, ClaimedEffect] = {}
    superseded: dict[int, int] = {}
    payloads: dict[int, Data] = {}
    for effect in effects:
        if effect.kind is not EffectKind.FIELDS:
            continue
        older = newest.get(effect.lead_id)
        newest[effect.lead_id] = effect
        if older is None:
            continue
        superseded[older.id] = effect.id
        payload = {**older.payload, **effect.payload}
        payloads.pop(older.id, None)
        if payload != effect.payload:
            payloads[effect.id] = payload
            newest[effect.lead_id] = replace(effect, payload=payload)
    last = {effect.id: effect for effect in newest.values()}
    kept = (last.get(effect.id, effect) for effect in effects if effect.id not in superseded)
    ends = {old: _end(superseded, new) for old, new in superseded.items()}
    return Coalesced(tuple(kept), ends, payloads)


def _end(superseded: Mapping[int, int], effect_id: int) -> int:
    while effect_id in superseded:
        effect_id = superseded[effect_id]
    return effect_id
