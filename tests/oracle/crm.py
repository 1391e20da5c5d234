"""A portal on paper: contacts with their owner history, owners, and what lies on the timelines."""

import csv
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.oracle.recorded import ROOT

MAPPING_FILE = ROOT / "tests" / "data" / "state-mapping.csv"

LEAD_STATUSES = (
    "NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "UNQUALIFIED", "ATTEMPTED_TO_CONTACT", "CONNECTED",
    "BAD_TIMING", "QUALIFIED",
)  # fmt: skip
"""HubSpot's default options of hs_lead_status, and the one that set-up adds."""

OWNER, STATUS, CONNECTION = "hubspot_owner_id", "hs_lead_status", "lead_connection_status"


def contract() -> dict[str, tuple[str, str]]:
    """State to (lead status, connection status), as the contract spells them."""
    with MAPPING_FILE.open(newline="") as file:
        return {
            row["lead_state"]: (row["hubspot_contact_status"], row["lead_connection_status"])
            for row in csv.DictReader(file)
        }


def shown(value: str) -> str:
    """The portal's option for a mapped lead status: exact, else the one that differs in case."""
    if value in LEAD_STATUSES:
        return value
    (only,) = [option for option in LEAD_STATUSES if option.lower() == value.lower()]
    return only


@dataclass(slots=True)
class Contact:
    """owners: newest first, "" is nobody. gone: deleted, erased or merged."""

    id: str
    properties: dict[str, str]
    owners: list[str]
    gone: str | None = None
    timeline: Counter[str] = field(default_factory=Counter)

    @property
    def owner(self) -> str:
        return self.owners[0]

    def give(self, owner: str) -> bool:
        """True when the owner is another one now."""
        if owner == self.owner:
            return False
        self.owners.insert(0, owner)
        return True


@dataclass(slots=True)
class Portal:
    """owners: email to owner id. inactive: ids of those who were deactivated."""

    name: str
    owners: dict[str, str]
    inactive: set[str]
    assistants: dict[str, dict[str, Any]]
    fallback_owner: str | None
    contacts: dict[str, Contact]

    def is_assistant(self, owner: str) -> str | None:
        """The assistant's email address, None for people and nobody."""
        return next((email for email in self.assistants if self.owners[email] == owner), None)

    def previous_owner(self, contact: Contact) -> str | None:
        """The last one in the history before the owner now who is a person."""
        return next(
            (owner for owner in contact.owners[1:] if owner and not self.is_assistant(owner)), None
        )

    def context(self, contact: Contact, assistant: str) -> str:
        return contact.properties.get("context") or str(self.assistants[assistant]["context"])

    def fallback(self, assistant: str) -> str | None:
        """Owner id of the active fallback owner: the assistant's, else the portal's."""
        for email in (self.assistants[assistant]["fallback_owner"], self.fallback_owner):
            if email is not None and self.owners[email] not in self.inactive:
                return self.owners[email]
        return None

    def fallback_is_inactive(self, assistant: str) -> bool:
        emails = (self.assistants[assistant]["fallback_owner"], self.fallback_owner)
        return any(email and self.owners[email] in self.inactive for email in emails)

    def find(self, target: str) -> str:
        """The id of a contact that is named by its id or its email address."""
        if "@" not in target:
            return target
        for contact in self.contacts.values():
            if contact.properties["email"] == target.lower() and contact.gone is None:
                return contact.id
        return target

    def merge(self, winner: Contact, loser: Contact) -> None:
        """The winner keeps its values, takes the loser's where it has none, and its timeline."""
        for name, value in loser.properties.items():
            if not winner.properties.get(name):
                winner.properties[name] = value
        if not winner.owner and loser.owner:
            winner.give(loser.owner)
        winner.timeline += loser.timeline
        loser.gone = "merged"


def read_portal(document: dict[str, Any]) -> Portal:
    """One entry of portal.json."""
    contacts = {}
    for entry in document["contacts"]:
        properties = dict(entry["properties"])
        owner = properties.pop(OWNER, "")
        if "context" in entry:
            properties["context"] = entry["context"]
        contacts[entry["id"]] = Contact(entry["id"], properties, [owner])
    return Portal(
        name=document["name"],
        owners={owner["email"]: owner["id"] for owner in document["owners"]},
        inactive={owner["id"] for owner in document["owners"] if owner["archived"]},
        assistants={entry["email"]: entry for entry in document["assistants"]},
        fallback_owner=document.get("fallback_owner"),
        contacts=contacts,
    )
