"""How long checking takes: the shipped file, and a generated one of 200 states and 2,000 rules.

Process time of a fresh interpreter, with its imports, best of several.
"""

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from bench.figures import Figure

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "rules/lead_states.yaml"
PROGRAM = """
import json, sys, time
from pathlib import Path
began = time.process_time()
from leadback.rules.loader import parse_file
loaded = time.process_time()
rules, findings = parse_file(Path(sys.argv[1]))
ended = time.process_time()
assert rules is not None, findings[:3]
print(json.dumps({"seconds": ended - began, "import": loaded - began, "check": ended - loaded,
                  "states": len(rules.states), "rules": len(rules.rules),
                  "transitions": sum(len(r.sources) for r in rules.rules if r.to),
                  "findings": len(findings)}))
"""


def large(states: int = 200, transitions: int = 2_000, seed: int = 7) -> str:
    """A sound file: a chain that reaches every state, and random guarded moves."""
    chance = random.Random(seed)
    names = [f"S{number}" for number in range(states)]
    done = names[-20:]
    going = names[:-20]
    lines = ["format: 1", "start: {state: S0, on: assigned}", "states:"]
    lines += [f"  {name}: {{work: {'done' if name in done else 'goes_on'}}}" for name in names]
    lines += ["counters:", "  opens: x", "  clicks: x", "events:", "  assigned: {}"]
    lines += ["  opened: {counts: opens}", "  clicked: {counts: clicks}", "  onward: {}"]
    events = [f"e{number}" for number in range(20)]
    lines += [f"  {event}: {{}}" for event in events]
    lines += ["rules:", "  assigned:", "    - {from: any, to: S0, when: finished}"]
    lines += ['    - {from: any, stay: "goes on"}']
    for event in ("opened", "clicked"):
        lines += [f"  {event}:", '    - {from: everywhere, stay: "counted"}']
    lines += ["  onward:"]
    lines += [f"    - {{from: {a}, to: {b}}}" for a, b in pairwise(names)]
    lines += [f'    - {{from: {names[-1]}, stay: "the end"}}']
    per_event = (transitions - states) // len(events)
    for event in events:
        lines.append(f"  {event}:")
        for source in chance.sample(going, per_event // 2):
            limit = chance.randint(1, 5)
            goals = chance.sample(names, 2)
            lines.append(f"    - {{from: {source}, to: {goals[0]}, when: opens >= {limit}}}")
            lines.append(f"    - {{from: {source}, to: {goals[1]}, when: opens < {limit}}}")
        lines.append('    - {from: everywhere, stay: "nothing to do"}')
    lines += [
        "invariants:",
        f"  stays: {{state: {names[0]}, left_only_by: [onward, {', '.join(events)}]}}",
    ]
    lines += ["crm:", "  hubspot:", "    columns: [hs_lead_status]", "    states:"]
    lines += [f"      {name}: [OPEN]" for name in names]
    return "\n".join(lines) + "\n"


def timed(path: Path, *, times: int) -> dict[str, float]:
    """The best of several runs, each in an interpreter of its own."""
    runs = []
    for _ in range(times):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        runs.append(json.loads(done.stdout))
    best: dict[str, float] = min(runs, key=lambda run: run["seconds"])
    return best


def measure() -> Iterator[Figure]:
    """Seconds to check the shipped file, and a large one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.yaml"
        path.write_text(large())
        shipped, big = timed(SHIPPED, times=5), timed(path, times=2)
    size = f"{big['states']} states, {big['transitions']} transitions"
    yield Figure("checking the shipped rules", shipped["seconds"], "s process time", "< 0.3")
    yield Figure("checking large rules", big["seconds"], "s process time", "< 5", size)
