"""Finds CRM plugins and hands out one at a time. The only importer of pluggy besides the specs.

A plugin that raises can stop nobody else: there is no fan-out, one plugin is called per portal.
"""

import importlib
from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import cast

import pluggy

from engine.base.errors import ConfigurationError
from engine.hooks.specs import PROJECT, CrmSpecs

ENTRY_POINTS = "handback.plugins"


class Plugins:
    """The plugins of this process. for_crm() loads one by its entry point or as `plugins.NAME`."""

    def __init__(self) -> None:
        self._callers: dict[str, CrmSpecs] = {}

    def register(self, crm: str, plugin: object) -> None:
        """Add a plugin by hand. Raises ConfigurationError for a hook that no specification has."""
        manager = pluggy.PluginManager(PROJECT)
        manager.add_hookspecs(CrmSpecs)
        manager.register(plugin, crm)
        try:
            manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise ConfigurationError(
                f"the plugin for {crm!r} has a hook that does not exist: {error}",
                fix="spell it as in engine/hooks/specs.py",
            ) from error
        missing = [name for name in _hooks() if not getattr(manager.hook, name).get_hookimpls()]
        if missing:
            raise ConfigurationError(
                f"the plugin for {crm!r} lacks {', '.join(missing)}",
                fix="implement every hook of engine/hooks/specs.py",
            )
        self._callers[crm] = cast(CrmSpecs, manager.hook)

    def for_crm(self, crm: str) -> CrmSpecs:
        """The hooks of one plugin, to be called with keyword arguments.

        Raises ConfigurationError when there is none of this name.
        """
        if crm not in self._callers:
            self.register(crm, _find(crm))
        return self._callers[crm]


def _hooks() -> tuple[str, ...]:
    return tuple(name for name in vars(CrmSpecs) if name.startswith("crm_"))


def _find(crm: str) -> object:
    installed = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if crm in installed:
        module = installed[crm].load()
    else:
        if not crm.isidentifier():
            raise ConfigurationError(f"{crm!r} is not the name of a plugin", fix=_known(installed))
        try:
            module = importlib.import_module(f"plugins.{crm}")
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"there is no plugin for the CRM {crm!r}", fix=_known(installed)
            ) from error
    return getattr(module, "plugin", module)


def _known(installed: Iterable[str]) -> str:
    return f"use one of: {', '.join(sorted(installed)) or 'none is installed'}"
