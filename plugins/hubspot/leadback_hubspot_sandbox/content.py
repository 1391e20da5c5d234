"""The default portal's people and contacts, with fixed ids that scripts may rely on."""

from __future__ import annotations

from typing import Any, Final

from leadback_hubspot_sandbox import writing
from leadback_hubspot_sandbox.clock import MILLISECONDS_A_DAY
from leadback_hubspot_sandbox.history import Source, from_user
from leadback_hubspot_sandbox.portal import Portal
from leadback_hubspot_sandbox.world import add_owners

TARA, HANNA, OMAR, MEI, PAUL, QUEUE = (
    "71500001", "71500011", "71500012", "71500013", "71500014", "71500020",
)  # fmt: skip

OWNERS: Final[tuple[dict[str, Any], ...]] = (
    {"id": TARA, "email": "tara@example.com", "first_name": "Tara", "last_name": "Assistant",
     "user_id": 52100001},
    {"id": HANNA, "email": "hanna@example.com", "first_name": "Hanna", "last_name": "Berg",
     "user_id": 52100011},
    {"id": OMAR, "email": "omar@example.com", "first_name": "Omar", "last_name": "Diaz",
     "user_id": 52100012},
    {"id": MEI, "email": "mei@example.com", "first_name": "Mei", "last_name": "Lin",
     "user_id": 52100013},
    {"id": PAUL, "email": "paul@example.com", "first_name": "Paul", "last_name": "Former",
     "user_id": 52100014, "archived": True},
    {"id": QUEUE, "email": "inbound-queue@example.com", "first_name": "Inbound",
     "last_name": "Queue", "user_id": 52100020, "type": "QUEUE"},
)  # fmt: skip

# id, first name, last name, company, lead status, owners from first to present ("" = none)
CONTACTS: Final[tuple[tuple[str, str, str, str, str, tuple[str, ...]], ...]] = (
    ("171590000101", "Ada", "Byrne", "Northwind Mills", "NEW", (HANNA,)),
    ("171590000102", "Ben", "Castro", "Alder & Sons", "NEW", (OMAR,)),
    ("171590000103", "Carla", "Dietz", "Bluefin Logistics", "OPEN", (MEI,)),
    ("171590000104", "Dev", "Eapen", "Harbour Foods", "NEW", ("",)),
    ("171590000105", "Elif", "Fuchs", "Kite Studios", "ATTEMPTED_TO_CONTACT", (HANNA, OMAR)),
    ("171590000106", "Femi", "Garcia", "Larch Energy", "NEW", (MEI, HANNA)),
    ("171590000107", "Greta", "Hall", "Mosaic Labs", "", (OMAR,)),
    ("171590000108", "Hugo", "Ito", "Quarry Stone", "NEW", ("",)),
    ("171590000109", "Ines", "Jensen", "Redwood Clinics", "CONNECTED", (PAUL,)),
    ("171590000110", "Jun", "Kaya", "Saffron Travel", "NEW", (HANNA, MEI, OMAR)),
    ("171590000111", "Kofi", "Lopez", "Tern Robotics", "OPEN", (MEI,)),
    ("171590000112", "Lena", "Moreau", "Umber Press", "NEW", (OMAR, "", HANNA)),
)


def people(portal: Portal) -> None:
    """Owners exist even in an empty portal: the API cannot create them."""
    add_owners(portal, OWNERS)


def contacts(portal: Portal) -> None:
    """A dozen contacts, some of which changed hands before; created some weeks ago."""
    start = portal.clock.now_ms() - 40 * MILLISECONDS_A_DAY
    kind = portal.contacts.kind
    hand = from_user(portal.owners[HANNA].user_id)
    source = Source("IMPORT", "import-1", hand.user_id)
    for position, (record_id, first, last, company, status, held) in enumerate(CONTACTS):
        at = start + position * 3_600_000
        properties = {
            "firstname": first,
            "lastname": last,
            "company": company,
            "email": f"{first}.{last}@{company.split()[0].lower()}.example.com",
            "lifecyclestage": "lead",
            "hs_lead_status": status,
        }
        draft = writing.prepare(portal, kind, properties)
        record = writing.create(portal, draft, source, at_ms=at, record_id=record_id)
        for step, owner_id in enumerate(held):
            moment = at + (step + 1) * MILLISECONDS_A_DAY
            writing.change(portal, record, {"hubspot_owner_id": owner_id}, hand, at_ms=moment)
        portal.index(record, lag=0.0)
