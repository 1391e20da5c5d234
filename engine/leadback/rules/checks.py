"""Does the file make sense as a whole? Runs every check over what was understood of it.

Each check is a generator of findings over the draft; none stops another, none repeats one.
"""

from collections.abc import Callable, Iterator

from leadback.rules.check_graph import (
    dead_ends,
    final_left,
    never_handed_back,
    timer_loops,
    unreached,
)
from leadback.rules.check_names import sub_states, unused, variants
from leadback.rules.check_rows import rows
from leadback.rules.draft import Draft
from leadback.rules.findings import Finding

CHECKS: tuple[Callable[[Draft], Iterator[Finding]], ...] = (
    sub_states,
    variants,
    unused,
    rows,
    unreached,
    dead_ends,
    final_left,
    never_handed_back,
    timer_loops,
)


def check(draft: Draft) -> None:
    """Add what the checks find, but nothing that an earlier finding already explains."""
    for one in CHECKS:
        found = [finding for finding in one(draft) if finding.code not in draft.report.doubted]
        draft.report.findings.extend(found)
