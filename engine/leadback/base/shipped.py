"""Files that come with the program: beside the package where it was installed, and where people
edit them in a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_INSTALLED = _PACKAGE / "shipped"
_CHECKOUT = _PACKAGE.parents[1]


def _folder(installed: str, edited: str) -> Path:
    return _INSTALLED / installed if _INSTALLED.is_dir() else _CHECKOUT / edited


SHIPPED_RULES = _folder("rules", "rules") / "lead_states.yaml"
RECORDED_DAY = _folder("day", "examples/day")
"""What `leadback demo` plays."""
