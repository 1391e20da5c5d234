"""Mapped values against the options that a CRM's field has: its defaults, or a live portal's.

The CRM plugin brings the options; nothing here knows a CRM. Exact matches first, then a unique
match that ignores case, as the plugin resolves them when it writes.
"""

from collections.abc import Collection, Iterator, Mapping

from leadback.rules.findings import Finding, finding, in_order
from leadback.rules.model import NOWHERE, CrmMapping, Rules
from leadback.rules.shapes import known_names, nearest
from leadback.rules.values import has_words
from leadback.rules.wording import FACTS


def check_options(
    rules: Rules, crm: str, options: Mapping[str, Collection[str]], *, can_add: Collection[str] = ()
) -> tuple[Finding, ...]:
    """R053 to R057 for one CRM's mapping, sorted.

    options: for each field that has a closed list, its options; other fields take any text.
    can_add: fields to which set-up adds options that are missing.
    """
    table = rules.crm.get(crm)
    if table is None:
        return ()
    found: list[Finding] = []
    seen: set[tuple[str, str]] = set()
    for mapping in (table, *table.portals.values()):
        for state, values in mapping.states.items():
            for column, value in zip(mapping.columns, values, strict=True):
                if value is None or column not in options or has_words(value):
                    continue
                if (column, value) not in seen:
                    seen.add((column, value))
                    found += _check(
                        mapping, state, column, value, options[column], column in can_add
                    )
    return in_order(found)


def check_facts(rules: Rules) -> tuple[Finding, ...]:
    """R058 for a file that is used with a CRM, which tells what became of contacts."""
    told = {event.contact for event in rules.events.values()}
    return tuple(
        finding(
            "R058",
            mapping.at,
            f"no event tells that {says}",
            fix=f"add contact: {fact} to the event for it, and rules that say what is done then",
        )
        for mapping in list(rules.crm.values())[:1]
        for fact, says in FACTS.items()
        if fact not in told
    )


def _check(
    mapping: CrmMapping,
    state: str,
    column: str,
    value: str,
    options: Collection[str],
    can_add: bool,
) -> Iterator[Finding]:
    if value in options:
        return
    at = mapping.value_at.get((state, column), NOWHERE)
    alike = [option for option in options if option.lower() == value.lower()]
    if len(alike) > 1:
        message = f"{value} could be any of {known_names(alike)} of {column}"
        yield finding("R054", at, message, fix="spell it exactly as one of them")
    elif alike:
        message = f"{value} is written to {column} as {alike[0]}, its option of that name"
        yield finding("R056", at, message, fix="nothing has to be done")
    elif not can_add:
        near = nearest(value, options)
        fix = f"did you mean {near}?" if near else f"use one of {known_names(options)}"
        yield finding("R053", at, f"{column} has no option {value}", fix=fix)
    elif (near := nearest(value, options)) and not _a_word_of_its_own(value, near):
        fix = f"did you mean {near}? Otherwise set-up adds {value}"
        yield finding("R057", at, f"{column} has no option {value}", fix=fix)
    else:
        message = f"{value} is none of the options that {column} starts with"
        yield finding("R055", at, message, fix="run set-up for each portal: it adds the option")


def _a_word_of_its_own(value: str, near: str) -> bool:
    """QUALIFIED is not UNQUALIFIED misspelt: one holds the other whole."""
    return value.lower() in near.lower() or near.lower() in value.lower()
