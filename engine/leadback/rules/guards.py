"""Guards: `opens >= 3 and not finished` → comparisons. Parsed into records, never evaluated."""

import re
from dataclasses import dataclass
from difflib import get_close_matches

from leadback.rules.model import FLAGS, SUB_STATE, Comparison, Operator

_NAME = r"[A-Za-z][A-Za-z0-9_]*"
_PART = (
    r"((not\s+)?(finished|stopped)"
    rf"|sub_state\s+(not\s+)?in\s*\[\s*{_NAME}(\s*,\s*{_NAME})*\s*\]"
    rf"|{_NAME}\s*(>=|<=|==|!=|>|<)\s*[0-9]{{1,7}})"
)
PATTERN = rf"\s*{_PART}(\s+and\s+{_PART})*\s*"
"""Guards as a pattern, for the JSON Schema. The parser below says what is wrong."""

MAX_COMPARISONS = 8

_TOKEN = re.compile(r"\s*(?:([A-Za-z][A-Za-z0-9_]*)|([0-9]+)|(>=|<=|==|!=|[<>\[\],])|(\S))")
_NUMBER_OPS: dict[str, Operator] = {
    "==": "==",
    "!=": "!=",
    ">=": ">=",
    "<=": "<=",
    ">": ">",
    "<": "<",
}
_GRAMMAR = "write e.g. opens >= 3, finished, not finished, sub_state in [Retired], joined by and"
_TOO_BIG = 1_000_000


@dataclass(frozen=True, slots=True)
class GuardProblem:
    """Why a text is no guard. message without a full stop; fix in the imperative."""

    message: str
    fix: str


class _NotAGuard(Exception):
    """Carries the problem out of the parser; never leaves this module."""

    def __init__(self, message: str, fix: str = _GRAMMAR) -> None:
        self.problem = GuardProblem(message, fix)
        super().__init__(message)


def parse_guard(text: str) -> tuple[Comparison, ...] | GuardProblem:
    """The comparisons of a guard, all of which must hold, or why it is none.

    Whether counters and sub-states exist is for the loader to say.
    """
    try:
        return _Parser(_tokens(text)).guard()
    except _NotAGuard as error:
        return error.problem


def _tokens(text: str) -> list[str]:
    found = []
    for match in _TOKEN.finditer(text.rstrip()):
        if match.group(4):
            raise _NotAGuard(f"{match.group(4)!r} does not belong in a guard")
        found.append(match.group().strip())
    return found


class _Parser:
    """Recursive descent over a handful of tokens."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._next = 0

    def guard(self) -> tuple[Comparison, ...]:
        found = [self._comparison()]
        while self._peek():
            word = self._take()
            if word == "or":
                raise _NotAGuard("guards have no `or`", "write one rule for each case")
            if word != "and":
                raise _NotAGuard(f"expected `and`, found {word!r}")
            found.append(self._comparison())
        if len(found) > MAX_COMPARISONS:
            raise _NotAGuard(f"a guard has at most {MAX_COMPARISONS} comparisons", "simplify it")
        return tuple(found)

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        if not token:
            raise _NotAGuard("the guard ends too early")
        self._next += 1
        return token

    def _comparison(self) -> Comparison:
        word = self._take()
        if word == "not":
            flag = self._take()
            if flag not in FLAGS:
                raise _NotAGuard(f"`not` goes with {' or '.join(FLAGS)}, found {flag!r}")
            return Comparison(flag, "==", 0)
        if word in FLAGS:
            return Comparison(word, "==", 1)
        if word == SUB_STATE:
            return self._names()
        if not word[0].isalpha():
            raise _NotAGuard(f"expected a counter, found {word!r}")
        return self._number(word)

    def _number(self, counter: str) -> Comparison:
        if self._peek() in ("", "and"):
            near = get_close_matches(counter, FLAGS, n=1, cutoff=0.7)
            fix = f"did you mean {near[0]}?" if near else _GRAMMAR
            raise _NotAGuard(f"{counter} is compared with nothing", fix)
        op = self._take()
        if op not in _NUMBER_OPS:
            raise _NotAGuard(f"expected a comparison after {counter}, found {op!r}")
        number = self._take()
        if not number.isdigit():
            raise _NotAGuard(f"{counter} is compared with a whole number, found {number!r}")
        if len(number) > 7 or int(number) > _TOO_BIG:
            raise _NotAGuard(f"{number[:12]} is more than a counter will ever reach")
        return Comparison(counter, _NUMBER_OPS[op], int(number))

    def _names(self) -> Comparison:
        word = self._take()
        op: Operator = "in"
        if word == "not":
            op, word = "not in", self._take()
        if word != "in":
            raise _NotAGuard(f"expected `in` or `not in` after {SUB_STATE}, found {word!r}")
        if self._take() != "[":
            raise _NotAGuard("expected a list in square brackets")
        names: list[str] = []
        while True:
            name = self._take()
            if not name[0].isalpha():
                raise _NotAGuard(f"expected a sub-state, found {name!r}")
            names.append(name)
            separator = self._take()
            if separator == "]":
                return Comparison(SUB_STATE, op, tuple(names))
            if separator != ",":
                raise _NotAGuard(f"expected a comma or ] after {name}, found {separator!r}")
