"""Any order of people's and apps' changes: the portal agrees with a small model of it."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

OWNERS = st.sampled_from(["", "501", "502", "503"])
PICK = st.integers(0, 999)


class Contacts(RuleBasedStateMachine):
    """``owners``: contact → the owners it had; ``merged``: old id → the id it went into."""

    make_portal = None

    def __init__(self):
        super().__init__()
        self.portal = type(self).make_portal()
        self.owners = {}
        self.notes = {}
        self.merged = {}
        self.gone = []

    @property
    def live(self):
        return [contact for contact in self.owners if contact not in self.gone]

    def pick(self, number):
        return self.live[number % len(self.live)]

    def changed(self, contact, owner):
        held = self.owners[contact]
        if owner != (held[-1] if held else ""):
            held.append(owner)

    @rule(owner=OWNERS)
    def create(self, owner):
        contact = self.portal.contact(hubspot_owner_id=owner)
        self.owners[contact] = [owner] if owner else []
        self.notes[contact] = set()

    @precondition(lambda self: self.live)
    @rule(number=PICK, owner=OWNERS)
    def person_assigns(self, number, owner):
        contact = self.pick(number)
        self.portal.act("assign", contact=contact, owner=owner)
        self.changed(contact, owner)

    @precondition(lambda self: self.live)
    @rule(numbers=st.lists(PICK, min_size=1, max_size=4), owner=OWNERS)
    def app_assigns(self, numbers, owner):
        contacts = {self.pick(number) for number in numbers}
        inputs = [{"id": key, "properties": {"hubspot_owner_id": owner}} for key in contacts]
        answer = self.portal.objects("POST", "contacts/batch/update", {"inputs": inputs})
        assert answer.status_code == 200
        assert {one["id"] for one in answer.json()["results"]} == contacts
        for contact in contacts:
            self.changed(contact, owner)

    @precondition(lambda self: self.live)
    @rule(number=PICK)
    def app_notes(self, number):
        contact = self.pick(number)
        types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 202}]
        body = {
            "properties": {"hs_timestamp": "2026-11-03T10:00:00Z"},
            "associations": [{"to": {"id": contact}, "types": types}],
        }
        self.notes[contact].add(self.portal.objects("POST", "notes", body).json()["id"])

    @precondition(lambda self: len(self.live) > 1)
    @rule(first=PICK, second=PICK, new_id=st.booleans())
    def merge(self, first, second, new_id):
        primary, loser = self.pick(first), self.pick(second)
        if primary == loser:
            return
        winner = self.portal.act("merge", primary=primary, merged=loser, new_id=new_id)["contact"]
        given, kept = self.owners.pop(loser), self.owners[primary]
        if given and given[-1] and not (kept and kept[-1]):
            kept.append(given[-1])
        self.notes[primary] |= self.notes.pop(loser)
        self.merged[loser] = winner
        if winner != primary:
            self.merged[primary] = winner
            self.owners[winner] = self.owners.pop(primary)
            self.notes[winner] = self.notes.pop(primary)

    @precondition(lambda self: self.live)
    @rule(number=PICK)
    def delete(self, number):
        contact = self.pick(number)
        self.portal.act("delete", contact=contact)
        self.gone.append(contact)

    @precondition(lambda self: self.gone)
    @rule(number=PICK)
    def restore(self, number):
        contact = self.gone.pop(number % len(self.gone))
        self.portal.act("restore", contact=contact)

    def final(self, contact):
        while contact in self.merged:
            contact = self.merged[contact]
        return contact

    @invariant()
    def reads_agree(self):
        asked = [*self.owners, *self.merged]
        if not asked:
            return
        body = {
            "inputs": [{"id": key} for key in asked[:50]],
            "propertiesWithHistory": ["hubspot_owner_id"],
        }
        answer = self.portal.objects("POST", "contacts/batch/read", body).json()
        found = {one["id"]: one for one in answer["results"]}
        wanted = {self.final(key) for key in asked[:50]}
        assert set(found) == wanted - set(self.gone)
        missing = {key for entry in answer.get("errors", []) for key in entry["context"]["ids"]}
        assert missing == {key for key in asked[:50] if self.final(key) in self.gone}
        for key, record in found.items():
            entries = record["propertiesWithHistory"]["hubspot_owner_id"]
            assert [one["value"] for one in reversed(entries)] == self.owners[key]

    @invariant()
    def notes_agree(self):
        held = self.portal.control("GET", "dump")["contacts"]
        assert {key: set(held[key]["notes"]) for key in self.notes} == self.notes


@pytest.mark.slow
def test_contacts_agree_with_the_model(make_portal):
    case = type("Case", (Contacts,), {"make_portal": staticmethod(make_portal)}).TestCase
    case.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
    case().runTest()
