"""`leadback` and `python runner.py` are the same program; this one runs it in a checkout."""

import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent
sys.path[:0] = [str(_ROOT / "engine"), str(_ROOT / "plugins" / "hubspot")]

from leadback.cli.main import main  # noqa: E402 — found by the path above

if __name__ == "__main__":
    main()
