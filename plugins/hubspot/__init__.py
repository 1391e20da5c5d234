"""The HubSpot plugin; the engine finds `plugin` through the entry point group handback.plugins."""

from plugins.hubspot.plugin import HubSpotPlugin

plugin = HubSpotPlugin()
