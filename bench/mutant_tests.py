"""Which tests reach a line, and whether they notice a change: each run in a process of its own.

The runs are forked from a process that has imported everything but the project, so that a run
costs little more than its tests. They are the same every time: Hypothesis takes the same examples,
and what is limited is the process' own time, not that of a busy machine.
"""

import importlib
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import dataclass
from functools import _lru_cache_wrapper
from pathlib import Path
from typing import Any, Literal

import pytest
from coverage import Coverage

WARM = (
    "alembic.command", "authlib", "cryptography.fernet", "httptools", "hypothesis.stateful",
    "jsonschema", "orjson", "prometheus_client", "pydantic_settings", "requests", "rich.console",
    "sqlalchemy.orm", "starlette.applications", "structlog", "transitions", "typer.testing",
    "uvicorn", "yaml",
)  # fmt: skip
"""What the tests import of others: imported once, before anything is forked."""

AT_IMPORT = ""
"""The context of lines that run when a module of the project is imported, not in a test."""

TREES = ("engine/leadback/rules", "engine/leadback/lead")
"""What is looked at."""

SLOWER = 4
GRACE = 5
"""A test may take SLOWER times what it took, and GRACE seconds more, before it never ends."""

MEMORY = 4 << 30
UNENDING = (signal.SIGPROF, signal.SIGXCPU)

Outcome = Literal["killed", "endless", "survived", "not reached"]


@dataclass(frozen=True)
class Reach:
    """seconds: of each test. lines: which tests execute (file, line); AT_IMPORT stands for all."""

    seconds: Mapping[str, float]
    lines: Mapping[tuple[str, int], frozenset[str]]

    def tests(self, file: str, span: range) -> list[str]:
        """The tests that execute any of these lines, quickest first."""
        found = frozenset[str]().union(*(self.lines.get((file, n), ()) for n in span))
        chosen = self.seconds if AT_IMPORT in found else found
        return sorted(chosen, key=lambda test: (self.seconds[test], test))


def warm_up() -> None:
    for name in WARM:
        importlib.import_module(name)


def record(folder: Path, where: list[str]) -> Reach:
    """Run all tests once, unchanged. They must pass: else every mutant would seem to be killed."""
    into = folder / "reach.json"
    if code := _forked(folder, lambda: _record(folder, where, into)):
        said = (folder / "output").read_text()[-4000:]
        raise SystemExit(f"{said}\nthe tests fail before anything is changed (exit code {code})")
    found = json.loads(into.read_text())
    lines = {(f, n): frozenset(tests) for f, n, tests in found["lines"]}
    return Reach(found["seconds"], lines)


def run(folder: Path, reach: Reach, tests: list[str]) -> tuple[Outcome, str]:
    """Whether one of the tests fails, and which did."""
    if not tests:
        return "not reached", ""
    said = folder / "killer"
    said.write_text("")
    code = _forked(folder, lambda: _run(tests, reach.seconds, said))
    if code == pytest.ExitCode.OK:
        return "survived", ""
    outcome: Outcome = "endless" if -code in UNENDING else "killed"
    return outcome, said.read_text() or "at import"


def _forked(folder: Path, call: Callable[[], int]) -> int:
    """The exit code of the call in a child of its own, negative when a signal ended it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 99
    try:
        os.setpgid(0, 0)
        os.chdir(folder)
        sys.path[:] = [
            str(folder),
            str(folder / "engine"),
            *(p for p in sys.path if p not in ("", str(_ROOT))),
        ]
        os.environ["HYPOTHESIS_PROFILE"] = "repeatable"
        quiet = os.open(folder / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        code = call()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


_ROOT = Path(__file__).resolve().parents[1]


def _pytest(where: Collection[str], *plugins: object) -> int:
    arguments = ["-q", "-x", "-p", "no:cacheprovider", "-m", "not slow"]
    arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of what is warm already
    return int(pytest.main([*arguments, *where], plugins=list(plugins)))


def _record(folder: Path, where: list[str], into: Path) -> int:
    looked_at = [f"{folder}/{tree}/*" for tree in TREES]
    coverage = Coverage(data_file=None, include=looked_at, config_file=False)
    coverage.start()
    for tree in TREES:  # here, lest a module seem to belong to the test that imports it first
        for path in sorted(Path(tree).glob("*.py")):
            importlib.import_module(".".join(path.relative_to("engine").with_suffix("").parts))
    recorder = _Recorder(coverage)
    code = _pytest(where, recorder)
    coverage.stop()
    data = coverage.get_data()
    lines = [
        (str(Path(file).relative_to(folder)), line, sorted(recorder.tests_of(contexts)))
        for file in data.measured_files()
        for line, contexts in data.contexts_by_lineno(file).items()
    ]
    into.write_text(json.dumps({"seconds": recorder.seconds, "lines": lines}))
    return code


class _Recorder:
    """Tells coverage what runs: a test, a fixture that several tests share, or an import."""

    def __init__(self, coverage: Coverage) -> None:
        self._coverage = coverage
        self.seconds: dict[str, float] = {}
        self._users: defaultdict[str, set[str]] = defaultdict(set)
        self._caches: list[Any] = []

    def tests_of(self, contexts: Collection[str]) -> set[str]:
        return {test for context in contexts for test in self._users.get(context, {context})}

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, object, object]:
        """What a module of tests does when it is imported concerns its tests."""
        if not isinstance(collector, pytest.Module):
            return (yield)
        self._coverage.switch_context(f"module {collector.nodeid}")
        try:
            return (yield)
        finally:
            self._coverage.switch_context(AT_IMPORT)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            for name in getattr(item, "fixturenames", ()):
                self._users[f"fixture {name}"].add(item.nodeid)
            self._users[f"module {item.nodeid.partition('::')[0]}"].add(item.nodeid)
        modules = [m for n, m in sys.modules.items() if n.startswith(("leadback.", "tests."))]
        values = [value for module in modules for value in vars(module).values()]
        self._caches = [value for value in values if isinstance(value, _lru_cache_wrapper)]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        for cache in self._caches:  # whoever comes first would seem to be the only one
            cache.cache_clear()
        self._coverage.switch_context(item.nodeid)
        start = time.process_time()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.process_time() - start
            self._coverage.switch_context(AT_IMPORT)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        if fixturedef.scope == "function":
            return (yield)
        self._coverage.switch_context(f"fixture {fixturedef.argname}")
        try:
            return (yield)
        finally:
            self._coverage.switch_context(request._pyfuncitem.nodeid)


def _run(tests: list[str], seconds: Mapping[str, float], said: Path) -> int:
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    whole = int(SLOWER * sum(seconds[test] for test in tests)) + 60
    resource.setrlimit(resource.RLIMIT_CPU, (whole, whole))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    files = dict.fromkeys(test.partition("::")[0] for test in tests)
    return _pytest(files, _Chosen(tests, seconds, said))


class _Chosen:
    """Only these tests, in this order; notes down which one runs, and ends one that never does."""

    def __init__(self, tests: list[str], seconds: Mapping[str, float], said: Path) -> None:
        self._order = {test: number for number, test in enumerate(tests)}
        self._seconds = seconds
        self._said = said

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = [item for item in items if item.nodeid in self._order]
        items[:] = sorted(chosen, key=lambda item: self._order[item.nodeid])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._said.write_text(item.nodeid)
        limit = SLOWER * self._seconds[item.nodeid] + GRACE
        signal.setitimer(signal.ITIMER_PROF, limit)
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
