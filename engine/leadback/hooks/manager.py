"""Finds CRM plugins and hands out one at a time. The only importer of pluggy besides the specs.

A plugin that raises can stop nobody else: there is no fan-out, one plugin is called per portal.
"""

from importlib.metadata import EntryPoints, entry_points
from typing import cast

import pluggy

from leadback.base.errors import ConfigurationError
from leadback.hooks.specs import PROJECT, CrmSpecs
from leadback.rules.shapes import known_names, nearest

ENTRY_POINTS = "leadback.plugins"


class Plugins:
    """The plugins of this process. for_crm() loads one by its entry point."""

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
                fix="spell it as in leadback.hooks.specs",
            ) from error
        missing = [name for name in _hooks() if not getattr(manager.hook, name).get_hookimpls()]
        if missing:
            raise ConfigurationError(
                f"the plugin for {crm!r} lacks {', '.join(missing)}",
                fix="implement every hook of leadback.hooks.specs",
            )
        self._callers[crm] = cast(CrmSpecs, manager.hook)

    def look_for(self, crm: str) -> None:
        """Raises ConfigurationError when no plugin of this name is installed. Imports none."""
        if crm in self._callers or crm in _installed().names:
            return
        names = sorted({*self._callers, *_installed().names})
        near = nearest(crm, names)
        fix = f"did you mean {near}?" if near else f"use {known_names(names) or 'an installed one'}"
        raise ConfigurationError(f"there is no CRM {crm}: no plugin has this name", fix=fix)

    def for_crm(self, crm: str) -> CrmSpecs:
        """The hooks of one plugin, to be called with keyword arguments.

        Raises ConfigurationError when there is none of this name.
        """
        if crm not in self._callers:
            self.look_for(crm)
            self.register(crm, _load(crm))
        return self._callers[crm]


def _hooks() -> tuple[str, ...]:
    return tuple(name for name in vars(CrmSpecs) if name.startswith("crm_"))


def _installed() -> EntryPoints:
    return entry_points(group=ENTRY_POINTS)


def _load(crm: str) -> object:
    try:
        module = _installed()[crm].load()
    except ImportError as error:
        raise ConfigurationError(
            f"the plugin for {crm!r} cannot be loaded: {error}", fix="install what it needs"
        ) from error
    return getattr(module, "plugin", module)
