"""What the sandbox's dump of a portal shows, in the form that diff() compares."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tests.oracle.crm import CONNECTION, OWNER, STATUS

_DIRECTIONS = {"EMAIL": "emails_outgoing", "INCOMING_EMAIL": "emails_incoming"}


def contacts(dump: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """One portal of diff()'s `portals`; archived contacts and engagements are left out."""
    found = {}
    for id_, contact in dump["contacts"].items():
        if contact["archived"]:
            continue
        counts: Counter[str] = Counter()
        for kind in ("notes", "emails", "tasks"):
            for engagement_id in contact[kind]:
                engagement = dump[kind].get(engagement_id)
                if engagement is None or engagement["archived"]:
                    continue
                counts[kind] += 1
                direction = engagement["properties"].get("hs_email_direction")
                if kind == "emails" and direction is not None:
                    counts[_DIRECTIONS[direction]] += 1
        names = ("notes", "emails", "tasks", *_DIRECTIONS.values())
        properties = {name: contact["properties"].get(name) for name in (STATUS, CONNECTION, OWNER)}
        found[id_] = {**properties, **{name: counts[name] for name in names}}
    return found
