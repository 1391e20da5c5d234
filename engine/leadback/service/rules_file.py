"""What the rules file on disk says now; read again only when it changes."""

from collections.abc import Iterable
from pathlib import Path

from leadback.rules.findings import Finding, Severity
from leadback.service.sound import parse_file


class RulesFile:
    """The rules file of the settings."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[tuple[int, int], str, int] | None = None

    def look(self) -> tuple[str, int]:
        """(version, errors); ("", 1) without a file."""
        try:
            stat = self._path.stat()
            key = (stat.st_mtime_ns, stat.st_size)
        except OSError:
            return "", 1
        if self._seen is None or self._seen[0] != key:
            rules, findings = parse_file(self._path)
            version = "" if rules is None else rules.version
            self._seen = (key, version, errors_of(findings) if rules is None else 0)
        return self._seen[1], self._seen[2]


def errors_of(findings: Iterable[Finding]) -> int:
    """How many of the findings are errors."""
    return sum(finding.severity is Severity.ERROR for finding in findings)
