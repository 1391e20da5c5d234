"""A rules file as this installation can use it: sound, and about CRMs whose plugins are here.

leadback.rules reads a file and knows no plugin; whatever has rules in use, keeps them or looks at
them asks here instead. No plugin is imported for it.
"""

from collections.abc import Iterator
from pathlib import Path

from leadback.base.errors import ConfigurationError
from leadback.hooks.manager import Plugins
from leadback.rules import loader
from leadback.rules.findings import Finding, RulesError, finding, in_order
from leadback.rules.model import Rules


def parse(text: str, *, file: str) -> tuple[Rules | None, tuple[Finding, ...]]:
    """As leadback.rules.loader.parse, with R059 for each CRM that no plugin has."""
    return _with_crms(*loader.parse(text, file=file))


def parse_file(path: Path) -> tuple[Rules | None, tuple[Finding, ...]]:
    """As leadback.rules.loader.parse_file, with R059 for each CRM that no plugin has."""
    return _with_crms(*loader.parse_file(path))


def load(path: Path) -> Rules:
    """The rules of a file. Raises RulesError, which carries every finding, if one is an error."""
    rules, findings = parse_file(path)
    if rules is None:
        raise RulesError(findings)
    return rules


def unknown_crms(rules: Rules) -> Iterator[Finding]:
    """R059 for each CRM of the file that no plugin has."""
    plugins = Plugins()
    for mapping in rules.crm.values():
        try:
            plugins.look_for(mapping.crm)
        except ConfigurationError as error:
            yield finding("R059", mapping.at, error.what, fix=error.fix)


def _with_crms(
    rules: Rules | None, findings: tuple[Finding, ...]
) -> tuple[Rules | None, tuple[Finding, ...]]:
    unknown = () if rules is None else tuple(unknown_crms(rules))
    return (None, in_order((*findings, *unknown))) if unknown else (rules, findings)
