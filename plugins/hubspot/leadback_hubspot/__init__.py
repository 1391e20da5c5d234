"""The HubSpot plugin; the engine finds `plugin` through the entry point group leadback.plugins.

It is imported when somebody asks for it: the sandbox beside it starts without.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leadback_hubspot.hooks import HubSpotPlugin

    plugin: HubSpotPlugin


def __getattr__(name: str) -> Any:
    if name != "plugin":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from leadback_hubspot.hooks import HubSpotPlugin

    return globals().setdefault(name, HubSpotPlugin())
