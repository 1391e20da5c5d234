"""What a CRM shows for a state: the mapped values, with their words in braces filled in. Pure.

The only place that fills words, for what is written, compared, replayed and played in examples.
"""

import re
from collections.abc import Mapping

from leadback.rules.model import CrmMapping

_WORD = re.compile(r"\{([a-z_]+)\}")


def fill(text: str, words: Mapping[str, str]) -> str:
    """Replace {word} by its value; a word without a value stays as it is."""
    return _WORD.sub(lambda match: words.get(match.group(1), match.group(0)), text)


def has_words(text: str) -> bool:
    """Whether the text reads otherwise for one lead than for another."""
    return _WORD.search(text) is not None


def differs_by_lead(mapping: CrmMapping | None, state: str) -> bool:
    """Whether one lead in the state is shown otherwise than another."""
    values = () if mapping is None else mapping.states.get(state, ())
    return any(value is not None and has_words(value) for value in values)


def own_cells(mapping: CrmMapping, portal: str) -> dict[str, dict[str, str | None]]:
    """state → column → value: what one portal is shown instead of what the table says."""
    own = mapping.of(portal)
    found: dict[str, dict[str, str | None]] = {}
    for state, values in own.states.items():
        table = mapping.states.get(state, (None,) * len(values))
        for column, value, usual in zip(own.columns, values, table, strict=True):
            if value != usual:
                found.setdefault(state, {})[column] = value
    return found


def values_for(mapping: CrmMapping | None, state: str, words: Mapping[str, str]) -> dict[str, str]:
    """column → value that says `state`; {} where nothing is shown.

    A column that writes nothing (~) is left out. words: see leadback.lead.effects.words.
    """
    if mapping is None:
        return {}
    return {
        column: fill(value, words) if "{" in value else value
        for column, value in zip(mapping.columns, mapping.states.get(state, ()), strict=False)
        if value is not None
    }
