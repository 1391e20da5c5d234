"""Finds the bad input when HubSpot refuses a whole batch for it. Pure but for `send`.

A refusal that names its inputs costs one more call; otherwise halves are tried: at most 14 more
calls for one bad input in 100.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from leadback_hubspot.answers import Answer, Refusal, Verdict

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class End(Generic[T]):
    """What became of some inputs: the answer to the last call that carried them (or would have)."""

    inputs: tuple[T, ...]
    answer: Answer


def send_isolating(
    inputs: Sequence[T],
    send: Callable[[Sequence[T]], Answer],
    blame: Callable[[Sequence[T], Refusal], Sequence[T]],
) -> list[End[T]]:
    """Send all inputs; every input is in exactly one End.

    blame: the inputs that a refusal names, () when it names none. REFUSED ends with a single
    input, or with inputs that were named; WAIT stops the search, the rest shares its answer.
    """
    search = _Search(send, blame)
    search.run(tuple(inputs), known_bad=False)
    return search.ends


class _Search(Generic[T]):
    def __init__(
        self,
        send: Callable[[Sequence[T]], Answer],
        blame: Callable[[Sequence[T], Refusal], Sequence[T]],
    ) -> None:
        self._send, self._blame = send, blame
        self._stop: Answer | None = None
        self.ends: list[End[T]] = []

    def run(self, group: tuple[T, ...], *, known_bad: bool) -> bool:
        """Whether the whole group went through. known_bad: a refusal was about one of these."""
        if not group:
            return True
        if self._stop is not None:
            self.ends.append(End(group, self._stop))
            return False
        if known_bad and len(group) > 1:
            return self._halve(group)
        answer = self._send(group)
        if answer.verdict in (Verdict.WAIT, Verdict.UNSENT):
            self._stop = answer
        if not answer.about_records or len(group) == 1:
            self.ends.append(End(group, answer))
            return answer.ok
        named = tuple(self._blame(group, answer.refusal)) if answer.refusal else ()
        if not named:
            return self._halve(group)
        self.ends.append(End(named, answer))
        self.run(tuple(item for item in group if item not in named), known_bad=False)
        return False

    def _halve(self, group: tuple[T, ...]) -> bool:
        middle = (len(group) + 1) // 2
        left_went = self.run(group[:middle], known_bad=False)
        self.run(group[middle:], known_bad=left_went)
        return False
