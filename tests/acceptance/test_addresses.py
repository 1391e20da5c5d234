"""Events that name their contact by an address, through the whole program."""

from typing import Any

import pytest

from tests.acceptance.conftest import Program, event, write_events

TARA = "tara@example.com"
ADA, BEN = "ada@one.example.com", "ben@two.example.com"


@pytest.fixture
def two(ready: Program) -> tuple[Program, str, str]:
    """Ada and Ben, both leads."""
    ada, ben = (ready.new_contact(n, TARA, email=mail) for n, mail in enumerate((ADA, BEN)))
    ready.run("run", "--until-idle")
    return ready, ada, ben


def told(program: Program, kind: str, subject: str, number: int = 7, /, **data: Any) -> None:
    file = write_events(program.folder / "e.jsonl", [event(number, kind, subject, **data)])
    assert program.run("events", "add", str(file)).stdout.startswith(b"accepted 1")
    program.run("run", "--until-idle")


def state(program: Program, crm_id: str) -> str:
    lead: dict[str, Any] = program.json("lead", "show", f"acme/{crm_id}")
    return str(lead["state"])


def test_an_additional_address_is_its_contacts(two: tuple[Program, str, str]) -> None:
    program, ada, _ = two
    other = program.new_contact(3, email="second@one.example.com")
    program.act({"action": "merge", "primary": ada, "merged": other, "new_id": False})
    told(program, "unsubscribed", "acme/Second@one.example.com")
    assert state(program, ada) == "UnSubscribed"


def test_an_address_is_whose_it_is_in_the_crm_now(two: tuple[Program, str, str]) -> None:
    program, ada, ben = two
    program.act(
        {"action": "set", "contact": ada, "properties": {"email": "ada@new.example.com"}},
        {"action": "set", "contact": ben, "properties": {"email": ADA}},
    )
    told(program, "unsubscribed", f"acme/{ADA}")
    assert (state(program, ada), state(program, ben)) == ("New", "UnSubscribed")


def test_the_lead_follows_its_contacts_address_without_any_webhook(
    two: tuple[Program, str, str],
) -> None:
    program, ada, ben = two
    new = "ada@new.example.com"
    program.act({"action": "set", "contact": ada, "properties": {"email": new, "lastname": "New"}})
    (step,) = program.json("portal", "reconcile", "acme", code=1)["steps"]
    assert step["contact"] == f"acme/{ada}"
    assert step["repair"] == "look up"
    assert "email" in step["what"]
    assert new not in step["what"]
    program.run("run", "--until-idle")
    told(program, "email_sent", f"acme/{ada}", 7, subject="hello", body="again")
    told(program, "email_sent", f"acme/{ada}", 8, subject="hello", body="once more")
    (lead, other) = (program.json("lead", "show", f"acme/{one}") for one in (ada, ben))
    assert (lead["email"], lead["name"]) == (new, "Lead0 New")
    assert other["email"] == BEN
    assert [h["event"] for h in lead["history"]].count("contact.changed") == 1
    assert "contact.changed" not in [h["event"] for h in other["history"]]
    sent = [e["properties"] for e in program.dump()["emails"].values()]
    assert [e["hs_email_to_email"] for e in sent] == [new, new]
    assert program.json("portal", "reconcile", "acme")["steps"] == []


def test_an_address_that_no_contact_has_ends_in_quarantine(two: tuple[Program, str, str]) -> None:
    program, *_ = two
    told(program, "unsubscribed", "acme/nobody@nowhere.example")
    (row,) = program.json("queue", "list", "--quarantined")
    assert row["reason"].startswith("acme has no contact with the address nobody@nowhere.example")
    assert program.json("queue", "retry", row["id"])["retried"] == 1
    program.run("run", "--until-idle")
    assert len(program.json("queue", "list", "--quarantined")) == 1
