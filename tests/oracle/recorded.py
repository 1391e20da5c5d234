"""The recorded day's own reader (demo_steps.py), loaded from its file, without the program."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
DAY_FOLDER = ROOT / "examples" / "day"


def _load(file: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


steps = _load(ROOT / "engine/leadback/cli/demo_steps.py", "recorded_day_steps")
