"""Who is there before the day begins: two portals with their owners, assistants and contacts."""

from dataclasses import dataclass, field
from typing import Any

from dice import Dice

FIRST_NAMES = """
    Ada Adam Aiko Amir Ana Anton Bea Bjørn Carla Chen Clara Dan Diego Elif Emma Erik Eva Farah
    Femi Finn Grace Hana Hugo Ida Ines Ivan Jana Jo José Jun Kai Karin Lars Lea Leo Lin Lucía
    Maja Marc Mia Mohan Nadia Nils Noor Olga Omar Paul Priya Ravi Rita Rosa Ruth Said Sara Siv
    Sofia Tariq Tim Uma Vera Wei Yusuf Zoë
"""
LAST_NAMES = """
    Adler Ahmed Alvarez Baker Bauer Berg Brown Castro Chandra Cohen Costa Diaz Dubois Evans
    Fischer Garcia Gupta Haas Hansen Ito Jensen Kaya Khan Kim Klein Kovač Laine Lang Larsen Lopez
    Meyer Mori Müller Nagy Nowak Okafor Olsen O'Brien Patel Peeters Popov Rao Reyes Rossi Sato
    Schmidt Silva Singh Smith Suzuki Tanaka Torres Vega Vogel Wang Weber Wolf Young Zhang
"""
COMPANIES = ("alder", "birch", "cedar", "dune", "ember", "fjord", "grove", "harbor")
CONTEXTS = (
    "Asked for a demo at the trade fair",
    "Trial ends this month; two seats",
    "Wants <prices> & terms for 40 seats",
    "Renewal in January",
    "Met at the Köln meetup — follow up gently",
)
OTHER_STATUSES = ("NEW", "OPEN", "OPEN_DEAL", "ATTEMPTED_TO_CONTACT", "BAD_TIMING")


@dataclass(frozen=True, slots=True)
class Owner:
    """A user of the portal, as its owners API shows it."""

    id: str
    user_id: int
    email: str
    first_name: str
    last_name: str
    archived: bool = False


@dataclass(slots=True)
class Portal:
    """One portal under construction. `regulars` own most contacts and stay active all day.

    gone: is deactivated as the day begins, leaver: during it. former: was before it, owns nothing.
    """

    name: str
    portal_id: int
    token_env: str
    regulars: tuple[str, ...]
    leaver: str
    gone: str
    former: str
    first_contact: int
    assistants: list[dict[str, Any]]
    owners: dict[str, Owner] = field(default_factory=dict)
    contacts: list[dict[str, Any]] = field(default_factory=list)

    def add_contact(self, dice: Dice, owner: str | None, context: str | None = None) -> str:
        """A new contact with this owner (an email address, None for nobody); its id."""
        number = len(self.contacts)
        contact_id = str(self.first_contact + 37 * number)
        first, last = dice.pick(FIRST_NAMES.split()), dice.pick(LAST_NAMES.split())
        company = dice.pick(COMPANIES)
        properties = {
            "email": f"contact{number + 1:03d}@{company}.example",
            "firstname": first,
            "lastname": last,
        }
        if dice.chance(0.15):
            properties["hs_lead_status"] = dice.pick(OTHER_STATUSES)
        if owner is not None:
            properties["hubspot_owner_id"] = self.owners[owner].id
        contact: dict[str, Any] = {"id": contact_id, "properties": properties}
        if context is not None:
            contact["context"] = context
        self.contacts.append(contact)
        return contact_id

    def email_of(self, contact_id: str) -> str:
        position = (int(contact_id) - self.first_contact) // 37
        email: str = self.contacts[position]["properties"]["email"]
        return email

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "portal_id": self.portal_id,
            "token_env": self.token_env,
            "owners": [
                {
                    "id": owner.id,
                    "user_id": owner.user_id,
                    "email": owner.email,
                    "first_name": owner.first_name,
                    "last_name": owner.last_name,
                    "archived": owner.archived,
                }
                for owner in self.owners.values()
            ],
            "assistants": self.assistants,
            "contacts": self.contacts,
        }


def _assistant(email: str, name: str, context: str, fallback: str | None) -> dict[str, Any]:
    return {"email": email, "name": name, "context": context, "fallback_owner": fallback}


def acme() -> Portal:
    portal = Portal(
        name="acme",
        portal_id=24100417,
        token_env="LEADBACK_ACME_TOKEN",  # noqa: S106 - the name of a variable, no secret
        regulars=tuple(f"{who}@acme.example" for who in ("olivia", "peter", "quinn", "rosa")),
        leaver="dora@acme.example",
        gone="alan@acme.example",
        former="cleo@acme.example",
        first_contact=17_159_100_011,
        assistants=[
            _assistant(
                "tara@acme.example", "Tara", "Follow-up on your enquiry", "fran@acme.example"
            ),
            _assistant("ben@acme.example", "Ben", "News about your trial", None),
        ],
    )
    people = (*portal.regulars, portal.leaver, portal.gone, portal.former, "fran@acme.example")
    return _with_owners(portal, people, first_owner=41_200_101, first_user=7_300_501)


def globex() -> Portal:
    portal = Portal(
        name="globex",
        portal_id=24977002,
        token_env="LEADBACK_GLOBEX_TOKEN",  # noqa: S106 - the name of a variable, no secret
        regulars=tuple(f"{who}@globex.example" for who in ("uma", "viktor", "wes", "xena", "yara")),
        leaver="dean@globex.example",
        gone="amy@globex.example",
        former="carl@globex.example",
        first_contact=9_007_100_254_003,
        assistants=[
            _assistant("gina@globex.example", "Gina", "Your quote", "frank@globex.example"),
            _assistant("hugo@globex.example", "Hugo", "Webinar attendance", None),
        ],
    )
    people = (*portal.regulars, portal.leaver, portal.gone, portal.former, "frank@globex.example")
    # the user ids of this portal are the owner ids of the other: they must never be mixed up
    return _with_owners(portal, people, first_owner=58_400_201, first_user=41_200_101)


def _with_owners(
    portal: Portal, people: tuple[str, ...], *, first_owner: int, first_user: int
) -> Portal:
    emails = (*people, *(str(assistant["email"]) for assistant in portal.assistants))
    for number, email in enumerate(emails):
        portal.owners[email] = Owner(
            id=str(first_owner + 13 * number),
            user_id=first_user + 13 * number,
            email=email,
            first_name=email.split("@")[0].capitalize(),
            last_name="Assistant" if number >= len(people) else LAST_NAMES.split()[5 * number],
            archived=email == portal.former,
        )
    return portal
