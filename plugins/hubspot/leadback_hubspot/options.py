"""New options for a dropdown: one for each value, and a label that no other option has. Pure.

HubSpot compares an option's value exactly, and wants the labels of a property's options unique
(https://developers.hubspot.com/docs/api-reference/crm-properties-v3/guide).
"""

from collections.abc import Iterator, Sequence
from itertools import count

from leadback_hubspot.fields import STARTING_OPTIONS, Option


def one_spelling(column: str, values: Sequence[str]) -> list[str]:
    """Of values that differ in upper and lower case alone only one, which all of them find:
    HubSpot's own spelling where it has one."""
    own = STARTING_OPTIONS.get(column, ())
    chosen: dict[str, str] = {}
    for value in values:
        if value.casefold() not in chosen or value in own:
            chosen[value.casefold()] = value
    return list(chosen.values())


def labels_for(values: Sequence[str], options: Sequence[Option]) -> dict[str, str]:
    """A label for each new option that none of the others has: HubSpot wants them unique, those of
    hidden options among them."""
    taken = {option.label.strip().casefold() for option in options}
    labels: dict[str, str] = {}
    for value in values:
        label = next(one for one in _label_ideas(value) if one.casefold() not in taken)
        taken.add(label.casefold())
        labels[value] = label
    return labels


def _label_ideas(value: str) -> Iterator[str]:
    label = label_of(value)
    yield label
    yield f"{label} ({value})"
    for number in count(2):
        yield f"{label} ({value} {number})"


def label_of(value: str) -> str:
    """QUALIFIED → Qualified, lead_connection_status → Lead Connection Status, LeadAtRisk stays."""
    words = value.replace("_", " ").split()
    label = " ".join(
        word.capitalize() if word.isupper() or word.islower() else word for word in words
    )
    return label or value
