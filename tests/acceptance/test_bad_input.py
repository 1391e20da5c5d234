"""Whatever is wrong: one clear line that says what to do, non-zero exit, nothing accepted lost."""

import json
import os
import sqlite3

import pytest

from tests.acceptance.conftest import Program, event, write_events

SUBJECT = "acme/171590000101"


@pytest.fixture
def connected(program: Program) -> Program:
    program.set_up()
    return program


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (json.dumps(event(1, "email_opend", SUBJECT)), "did you mean 'email_opened'"),
        (json.dumps({**event(1, "email_opened", SUBJECT), "subject": None}), "subject is missing"),
        (json.dumps({**event(1, "email_opened", SUBJECT), "time": "noon"}), "send ISO 8601"),
        ('{"specversion": ', "this is not JSON"),
        ('{"x": "' + "y" * 10_000_000 + '"}', "more than 1,000,000 bytes"),
    ],
)
def test_a_bad_line_is_quarantined_and_the_lines_around_it_are_taken(
    connected: Program, line: str, says: str
) -> None:
    good = [json.dumps(event(n, "email_opened", SUBJECT)) for n in (2, 3)]
    file = connected.folder / "day.jsonl"
    file.write_text("\n".join([good[0], line, good[1]]) + "\n")
    done = connected.run("events", "add", "day.jsonl", code=1)
    assert b"accepted 2, duplicate 0, rejected 1" in done.stdout
    complaint = done.stderr.decode().strip()
    assert complaint.startswith("day.jsonl:2: ")
    assert says in complaint
    assert len(complaint.splitlines()) == 1
    kept = connected.json("queue", "list", "--quarantined")
    assert [says in row["reason"] for row in kept] == [True]


def test_a_binary_file_is_refused_whole(connected: Program) -> None:
    (connected.folder / "day.bin").write_bytes(bytes(range(256)) * 40)
    done = connected.run("events", "add", "day.bin", code=2)
    assert b"day.bin: this is a binary file" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_file_that_is_not_there(connected: Program) -> None:
    done = connected.run("events", "add", "nowhere.jsonl", code=2)
    assert b"nowhere.jsonl: cannot read it" in done.stderr


def test_a_json_array_is_taken_too(connected: Program) -> None:
    array = json.dumps([event(n, "email_opened", SUBJECT) for n in range(3)], indent=1)
    assert connected.run("events", "add", "-", stdin=array.encode()).stdout.startswith(
        b"accepted 3"
    )


def test_a_quarantined_event_can_be_tried_again(program: Program) -> None:
    file = write_events(program.folder / "e.jsonl", [event(1, "email_opened", "acme/171590000101")])
    program.run("events", "add", str(file), code=1)
    program.set_up()
    assert program.json("queue", "retry", "--all") == {"retried": 1, "rejected": 0, "unknown": 0}
    assert program.json("queue", "status")["inbox"]["quarantined"] == 0


def test_a_poisoned_row_stops_nobody_else(connected: Program) -> None:
    """Planted behind the doors, as an earlier version or another program could leave it."""
    subjects = (SUBJECT, "acme/171590000102", "acme/171590000103")
    events = [event(n, "email_opened", subject) for n, subject in enumerate(subjects)]
    connected.run("events", "add", str(write_events(connected.folder / "e.jsonl", events)))
    poisoned = sqlite3.connect(connected.folder / "leadback.db")
    with poisoned:
        poisoned.execute("UPDATE inbox SET data = '[\"a list\"' WHERE crm_id = '171590000102'")
    poisoned.close()
    done = connected.run("run", "--until-idle", code=1)
    assert b"1 event could not be decided: leadback queue list" in done.stderr
    (row,) = connected.json("queue", "list", "--undecided")
    assert row["lead"] == "acme/171590000102"
    held = connected.json("queue", "list", "--held")
    assert [one["lead"] for one in held] == [SUBJECT, "acme/171590000103"]
    assert connected.json("queue", "status", code=1)["inbox"]["undecided"] == 1
    connected.run("queue", "retry", row["id"])
    assert connected.json("run", "--until-idle", code=1)["inbox"]["undecided"] == 1
    connected.run("queue", "drop", row["id"], "--reason", "planted by a test")
    assert connected.json("queue", "status")["inbox"]["undecided"] == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("states: [", "rules.yaml:2:1 R003"),
        ("format: 1\nstates:\n  New: {work: waits}\n  New: {work: waits}\n", "rules.yaml:4:3"),
        ("\tformat: 1", "rules.yaml:1:1"),
    ],
)
def test_a_rules_file_that_does_not_parse(program: Program, text: str, says: str) -> None:
    (program.folder / "rules.yaml").write_text(text)
    assert says in program.run("rules", "check", "rules.yaml", code=1).stdout.decode()
    refused = program.run("lead", "list", "--rules", "rules.yaml", code=2)
    assert says in refused.stderr.decode()
    assert not (program.folder / "leadback.db").exists()


def test_a_database_that_is_locked(connected: Program) -> None:
    holder = sqlite3.connect(connected.folder / "leadback.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        file = write_events(connected.folder / "e.jsonl", [event(1, "email_opened", SUBJECT)])
        impatient = ("--database", "sqlite:///leadback.db?timeout=1")
        done = connected.run("events", "add", str(file), *impatient, code=None)
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    assert done.returncode in (1, 2)
    assert "locked" in done.stderr.decode()
    assert connected.run("events", "add", str(file)).stdout.startswith(b"accepted 1")


def test_a_database_that_is_no_database(program: Program) -> None:
    (program.folder / "leadback.db").write_text("hello, I am a text file, not a database " * 50)
    done = program.run("lead", "list", code=2)
    assert "leadback.db" in done.stderr.decode()
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_database(connected: Program) -> None:
    for path in (*connected.folder.iterdir(), connected.folder):
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        done = connected.run("mark", SUBJECT, "hot", code=2)
    finally:
        connected.folder.chmod(0o700)
    assert "cannot be written" in done.stderr.decode()


def test_a_portal_that_refuses_the_token(program: Program) -> None:
    program.environment["HUBSPOT_TOKEN"] = "wrong-secret-token"
    done = program.run(
        "portal", "connect", "acme", "--base-url", program.url, "--token-env", "HUBSPOT_TOKEN",
        code=2,
    )  # fmt: skip
    assert "token" in done.stderr.decode()
    assert b"wrong-secret-token" not in done.stderr


def test_a_token_that_is_not_set(program: Program) -> None:
    done = program.run(
        "portal", "connect", "acme", "--base-url", program.url, "--token-env", "NO_SUCH_VARIABLE",
        code=2,
    )  # fmt: skip
    assert "NO_SUCH_VARIABLE" in done.stderr.decode()


def test_a_token_that_stops_working_pauses_the_portal_and_loses_nothing(ready: Program) -> None:
    ready.act({"action": "assign", "contact": "171590000101", "owner": "tara@example.com"})
    ready.run("run", "--until-idle")
    file = write_events(ready.folder / "e.jsonl", [event(1, "capacity_available", SUBJECT)])
    ready.run("events", "add", str(file))
    good = ready.environ()["HUBSPOT_TOKEN"]
    ready.environment["HUBSPOT_TOKEN"] = "revoked"
    done = ready.run("run", "--until-idle", code=1)
    assert "token" in done.stderr.decode()
    ready.environment["HUBSPOT_TOKEN"] = good
    ready.run("portal", "connect", "acme", "--base-url", ready.url, "--token-env", "HUBSPOT_TOKEN")
    ready.run("run", "--until-idle", code=None)
    assert ready.json("lead", "show", SUBJECT)["state"] == "Cold"


def test_an_intent_nobody_has_a_rule_for_is_listed_until_it_is_dismissed(
    connected: Program,
) -> None:
    """And people with display names are people in the portal, not header lines."""
    ready = connected
    ready.act({"action": "assign", "contact": "171590000101", "owner": "tara@example.com"})
    ready.run("run", "--until-idle")
    people = {"from": '"Ito, Hugo" <hugo.ito@quarry.example.com>', "to": "Tara <tara@example.com>"}
    odd = event(1, "replied", SUBJECT, intent="WantsLunch", body="lunch?", **people)
    ready.run("events", "add", str(write_events(ready.folder / "e.jsonl", [odd])))
    ready.run("run", "--until-idle")
    said = ready.run("queue", "status", code=1).stdout.decode()
    assert "intents nobody has a rule for: 1" in said
    assert "add rules for replied.WantsLunch, or tell the sender" in said
    (row,) = ready.json("queue", "status", code=1)["unruled"]
    ready.run("queue", "drop", row["id"], "--reason", "a joke")
    assert ready.json("queue", "status")["unruled"] == []
    (email,) = ready.dump()["emails"].values()
    headers = json.loads(email["properties"]["hs_email_headers"])
    hugo = {"email": "hugo.ito@quarry.example.com", "firstName": "Hugo", "lastName": "Ito"}
    assert headers["from"] == hugo
    assert headers["to"] == [{"email": "tara@example.com", "firstName": "Tara"}]


def test_wrong_use_is_exit_code_2(program: Program) -> None:
    for arguments in (
        ("lead",),
        ("nonsense",),
        ("mark", "x"),
        ("queue", "retry"),
        ("queue", "retry", "x"),
        ("lead", "list", "--state", "Warmm"),
        ("mark", "acme/1", "lukewarm"),
        ("rules", "coverage", "--since", "soon"),
        ("run", "--until-idle", "--clock", "noon"),
    ):
        program.run(*arguments, code=2)
    unknown = program.run("lead", "show", "acme/nobody", code=2)
    assert b"there is no lead" in unknown.stderr
