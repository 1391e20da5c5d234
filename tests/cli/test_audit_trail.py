"""What the command line changes is on the audit trail: one table of all commands, complete."""

import getpass
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from leadback.base.vault import new_key
from leadback.cli.main import app
from leadback.store import open_store
from tests.acceptance.conftest import Program, sandbox
from tests.contracts.reference_page import commands

WHO = getpass.getuser()

DRAFT = "draft.yaml"
STEPS: tuple[tuple[str, str], ...] = (
    ("portal connect acme --base-url URL --token-env HUBSPOT_TOKEN", "connect portal"),
    ("portal setup acme --apply", "set up portal"),
    ("portal set acme budget_share=0.5", "change portal"),
    ("portal reconcile acme --apply", "reconcile portal"),
    ("portal rekey", "rekey tokens"),
    ("assistant add tara --portal acme --email tara@example.com", "add assistant"),
    ("assistant edit tara --portal acme --context spring", "edit assistant"),
    ("apikey add mailer --scope events:write", "add API key"),
    ("apikey revoke mailer", "revoke API key"),
    ("rules apply draft.yaml --yes", "rules applied"),
    ("rules rollback FIRST --yes", "rules rolled back"),
    ("rules shadow draft.yaml", "shadow rules"),
    ("queue retry --all", "retry"),
    ("queue keep event:acme:1", "keep held event"),
    ("queue drop event:acme:1 --reason test", "drop event"),
    ("mark acme/LEAD hot", "mark hot"),
    ("db prune --older-than 90d", "prune"),
    ("portal disconnect acme", "disconnect portal"),
)
"""A command that changes something → its word on the trail; in an order that works."""

CHANGE_NOTHING = {
    "rules coverage", "rules what-if", "rules versions", "rules check", "rules graph",
    "rules schema", "rules explain", "rules diff", "rules test", "rules matrix", "lead list",
    "lead show", "lead why", "lead owners", "queue status", "queue list", "portal check",
    "portal status", "portal list", "keys new", "assistant list", "db status", "apikey list",
    "audit",
}  # fmt: skip
NO_COMMANDS_OF_A_PERSON = {
    "run", "serve", "demo", "sandbox",  # what they decide is in the history of the leads
    "events add", "events consume",  # events are kept themselves, with where they came from
    "db upgrade", "db backup",  # nothing of what is kept changes
}  # fmt: skip


def test_every_command_is_in_the_table() -> None:
    tree = {path.removeprefix("leadback ") for path, _ in commands(_app(), "leadback")}
    known = {" ".join(step.split()[:2]) for step, _ in STEPS} - {"mark acme/LEAD"} | {"mark"}
    assert tree == known | CHANGE_NOTHING | NO_COMMANDS_OF_A_PERSON


def _app() -> object:
    return typer.main.get_command(app)


@pytest.fixture
def portal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    with sandbox("--search-lag", "0", "--no-rate-limit") as url:
        program = Program(tmp_path, url)
        for name, value in program.environ().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("LEADBACK_SECRET_KEYS", new_key())
        monkeypatch.chdir(tmp_path)
        yield program


def test_what_each_command_did_is_on_the_trail_with_who_and_where(portal: Program) -> None:
    shipped = Path(__file__).resolve().parents[2] / "rules" / "lead_states.yaml"
    Path(DRAFT).write_text(
        shipped.read_text().replace("[IN_PROGRESS,     Warm]", "[CONNECTED, Warm]")
    )
    runner = CliRunner()
    stands_for = {"URL": portal.url}
    for step, word in STEPS:
        if step.startswith("mark"):
            stands_for["acme/LEAD"] = f"acme/{portal.new_contact(1, 'tara@example.com')}"
            runner.invoke(app, ["run", "--until-idle"], prog_name="leadback")
        arguments = [stands_for.get(part, part) for part in step.split()]
        done = runner.invoke(app, arguments, prog_name="leadback")
        trail = _trail()
        assert trail[0][:3] == (WHO, "command line", word), (step, done.output, trail[:3])
        stands_for.setdefault("FIRST", _version())


def _trail() -> list[tuple[str, str, str, str]]:
    store = open_store(os.environ.get("LEADBACK_DATABASE_URL", "sqlite:///leadback.db"))
    with store.read() as tx:
        found = [(e.who, e.door, e.what, e.outcome) for e in tx.accounts.audit(limit=9)]
    store.close()
    return found


def _version() -> str:
    store = open_store(os.environ.get("LEADBACK_DATABASE_URL", "sqlite:///leadback.db"))
    with store.read() as tx:
        found = tx.rules.in_use()
    store.close()
    assert found is not None
    return str(found[1])


def test_older_entries_are_shown_page_by_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program = Program(tmp_path, "")
    for number in range(5):
        program.run("apikey", "add", f"k{number}", "--scope", "leads:read")
    page = program.json("audit", "--limit", "2")
    told = [(e["who"], e["door"], e["what"], e["subject"]) for e in page]
    assert told == [(WHO, "command line", "add API key", f"k{n}") for n in (4, 3)]
    older = program.json("audit", "--before", str(page[-1]["id"]))
    assert [e["subject"] for e in older if e["what"] == "add API key"] == ["k2", "k1", "k0"]
    assert program.json("audit", "--since", "2099-01-01T00:00:00Z") == []
    assert program.json("audit", "--log-ins") == []
    assert b"add API key" in program.run("audit", "--limit", "1").stdout
    assert b"--since 'soon'" in program.run("audit", "--since", "soon", code=2).stderr
