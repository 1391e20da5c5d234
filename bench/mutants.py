"""Do the tests notice when the rules or the decisions change? cosmic-ray's mutants, our runner.

    python -m bench.mutants --sample 200 --seed 1 [--minutes 60] [--only FILE:LINE] [MODULE …]

The tree is copied, so that it may be worked on meanwhile. All tests run once there, and it is
noted which lines each of them executes; then a mutant meets only the tests that reach it, the
quickest first, until one fails. One that no test reaches has survived. The sample is the same for
the same tree and seed, and --minutes takes it from its beginning as far as the time goes. Prints
how many were killed, and every one that survived; those belong into docs/explain/mutants.md with
a reason, or a test is missing.
"""

import argparse
import ast
import difflib
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.commands.init import _all_work_items
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

from bench.mutant_tests import TREES, Outcome, Reach, record, run, warm_up

ROOT = Path(__file__).resolve().parents[1]
TESTS = (
    "tests/rules", "tests/lead", "tests/oracle", "tests/service/test_missed_timers.py",
    "tests/service/test_replay.py", "tests/service/test_versions.py", "tests/service/test_why.py",
)  # fmt: skip
COPIED = ("engine", "plugins", "docs", "rules", "tests", "examples", "pyproject.toml", "runner.py")


@dataclass(frozen=True)
class Mutant:
    """One small change. span: the lines of the statement that it is in."""

    file: str
    line: int
    column: int
    operator: str
    occurrence: int
    span: range

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column + 1} {self.operator.removeprefix('core/')}"


def main() -> None:
    asked = argparse.ArgumentParser(description="Mutation testing of the pure core.")
    asked.add_argument("modules", nargs="*", default=TREES)
    asked.add_argument("--sample", type=int, default=200)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--minutes", type=float, default=float("inf"))
    asked.add_argument("--only", action="append", help="not a sample, but those that begin so")
    asked.add_argument("--tests", nargs="*", default=list(TESTS))
    given = asked.parse_args()
    until = time.monotonic() + 60 * given.minutes
    warm_up()
    with tempfile.TemporaryDirectory(prefix="leadback-mutants-") as name:
        folder = Path(name).resolve()
        copy_to(folder)
        every = [m for file in _files(given.modules) for m in mutants_of(file)]
        chosen = random.Random(given.seed).sample(every, min(given.sample, len(every)))
        if given.only:
            chosen = [m for m in every if str(m).startswith(tuple(given.only))]
        reach = record(folder, given.tests)
        _say(f"{len(reach.seconds)} tests, {sum(reach.seconds.values()):.0f} s of them all")
        results = []
        for mutant in chosen:
            if time.monotonic() >= until:
                break
            results.append(meet(folder, mutant, reach))
    report(results, len(chosen), len(every), given.seed)


def copy_to(folder: Path) -> None:
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name)
        else:
            shutil.copy2(ROOT / name, folder / name)


def _files(modules: list[str]) -> list[str]:
    return [f for m in modules for f in ([m] if m.endswith(".py") else _in_tree(m))]


def _in_tree(tree: str) -> list[str]:
    return sorted(str(p.relative_to(ROOT)) for p in (ROOT / tree).glob("*.py") if p.stat().st_size)


def mutants_of(file: str) -> list[Mutant]:
    """All of one file, in the order of the text. Types are left out: at run time they are air; and
    the stars of parameters and arguments, which cosmic-ray takes for products and powers."""
    tree = ast.parse((ROOT / file).read_text())
    types = {place for node in ast.walk(tree) for place in _types_of(node)}
    between = [gap for node in ast.walk(tree) for gap in _operator_of(node)]
    spans = sorted(_spans(tree), key=len)
    found = []
    for item in _all_work_items([ROOT / file], {}):
        change = item.mutations[0]
        line, column = change.start_pos
        is_star = "BinaryOperator" in change.operator_name and not any(
            start <= (line, column) < end for start, end in between
        )
        if (line, column) not in types and not is_star:
            span = next(s for s in spans if line in s)
            found.append(Mutant(file, line, column, change.operator_name, change.occurrence, span))
    return sorted(found, key=lambda m: (m.line, m.column, m.operator, m.occurrence))


def _types_of(node: ast.AST) -> Iterator[tuple[int, int]]:
    """The places inside of annotations."""
    for types in (getattr(node, "annotation", None), getattr(node, "returns", None)):
        for part in ast.walk(types) if types is not None else ():
            if isinstance(part, ast.expr):
                lines = range(part.lineno, (part.end_lineno or part.lineno) + 1)
                if len(lines) == 1:
                    yield from ((part.lineno, c) for c in range(part.col_offset, _end(part)))


def _operator_of(node: ast.AST) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Where the operator of a calculation stands: after its left side, before its right one."""
    match node:
        case ast.BinOp(left=left, right=right) | ast.AugAssign(target=left, value=right):
            yield (left.end_lineno or 0, _end(left)), (right.lineno, right.col_offset)


def _end(part: ast.expr) -> int:
    return part.end_col_offset or part.col_offset


def _spans(tree: ast.Module) -> Iterator[range]:
    """The lines of each statement, of one with a body those before the body."""
    for node in ast.walk(tree):
        if not isinstance(node, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            continue
        body = getattr(node, "body", None)
        first = node.pattern if isinstance(node, ast.match_case) else node
        start = min([first.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        end = body[0].lineno if body else (first.end_lineno or first.lineno) + 1
        yield range(start, max(end, start + 1))


def meet(folder: Path, mutant: Mutant, reach: Reach) -> Outcome:
    """Let the tests meet it; one that lives is shown."""
    path = folder / mutant.file
    before, stat = path.read_text(), path.stat()
    after = mutate_code(before, get_operator(mutant.operator)(), mutant.occurrence)
    assert after is not None, mutant
    path.write_text(after)
    try:
        tests = reach.tests(mutant.file, mutant.span)
        start = time.monotonic()
        outcome, by = run(folder, reach, tests)
    finally:
        path.write_text(before)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # its bytecode is good again
    took = f"{len(tests)} tests, {time.monotonic() - start:.1f} s"
    _say(f"{outcome:11} {mutant} ({took}) {by}")
    if outcome in ("survived", "not reached"):
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
        _say("\n".join(list(lines)[3:]))
    return outcome


def report(results: list[Outcome], chosen: int, every: int, seed: int) -> None:
    counts = Counter(results)
    killed = counts["killed"] + counts["endless"]
    share = 100 * killed / len(results) if results else 0.0
    _say(
        f"\n{killed} of {len(results)} killed ({share:.1f} %), {counts['endless']} of them because "
        f"a test never ended; {counts['survived']} survived, {counts['not reached']} not reached; "
        f"the first of {chosen} sampled from {every} by seed {seed}"
    )


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
