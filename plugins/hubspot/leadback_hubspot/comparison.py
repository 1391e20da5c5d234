"""What a contact should show, and which records it has: for comparing leads with the portal."""

from collections.abc import Mapping, Sequence

from leadback.api import ConfigurationError, Delivery, EffectKind
from leadback_hubspot.answers import Answer
from leadback_hubspot.engagements import KINDS
from leadback_hubspot.fields import Unresolved, resolve_all
from leadback_hubspot.portals import Desk
from leadback_hubspot.readback import look_up
from leadback_hubspot.verdicts import unavailable

AT_ONCE = 100


def resolve_fields(desk: Desk, mapped: Mapping[str, str]) -> Mapping[str, str]:
    """Raises ConfigurationError or PortalUnavailable."""
    definitions = desk.memory.properties.get(desk.api, desk.now())
    if isinstance(definitions, Answer):
        raise unavailable(definitions, desk.portal.name)
    values = resolve_all(definitions, mapped)
    if isinstance(values, Unresolved):
        raise ConfigurationError(values.message, where=f"portal {desk.portal.name}", fix=values.fix)
    return values


def find_records(
    desk: Desk, kind: EffectKind, deliveries: Sequence[Delivery]
) -> Mapping[int, str | None]:
    """What could not be settled is left out."""
    keyed = desk.memory.keys.has_key(desk.api, KINDS[kind].objects, desk.now())
    found: dict[int, str | None] = {}
    for start in range(0, len(deliveries), AT_ONCE):
        looked_at = look_up(desk.api, deliveries[start : start + AT_ONCE], keyed=keyed)
        found.update(looked_at.records)
        found.update(dict.fromkeys(looked_at.absent))
    return found
