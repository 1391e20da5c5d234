"""Who held which contact, when and why: as a table, as JSON, as CSV."""

import csv
import io

from leadback.service.ledger import COLUMNS, write_csv
from tests.acceptance.conftest import Program, event, write_events

HANNA, TARA = "hanna@example.com", "tara@example.com"


def rows(printed: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(printed.decode(), newline="")))


def test_the_ledger_as_csv(ready: Program) -> None:
    ids = [ready.new_contact(number, HANNA) for number in range(2)]
    ready.act(*({"action": "assign", "contact": i, "owner": TARA} for i in ids))
    ready.run("run", "--until-idle")
    done = event(1, "replied", f"acme/{ids[0]}", intent="AgreedToMeet")
    ready.run("events", "add", str(write_events(ready.folder / "day.jsonl", [done])))
    ready.run("run", "--until-idle")

    of_one = rows(ready.run("lead", "owners", f"acme/{ids[0]}", "--csv").stdout)
    assert tuple(of_one[0]) == COLUMNS
    assert [(r["contact"], r["what"]) for r in of_one] == [
        (ids[0], "assigned"),
        (ids[0], "handed_back"),
    ]
    assert of_one[1]["owner_after"] == ready.owners()[HANNA]
    assert of_one[1]["why"] == "given back to its previous owner"

    of_all = rows(ready.run("lead", "owners", "--portal", "acme", "--csv").stdout)
    assert [r for r in of_all if r["contact"] == ids[0]] == of_one
    assert {r["contact"] for r in of_all} >= set(ids)
    assert ready.json("lead", "owners", "--portal", "acme")[0]["portal"] == "acme"


def test_wrong_use_is_told(ready: Program) -> None:
    for arguments in ((), ("acme/1", "--portal", "acme"), ("--portal", "nobody", "--csv")):
        failed = ready.run("lead", "owners", *arguments, code=2)
        assert failed.stdout == b""
        assert failed.stderr


def test_a_cell_that_a_spreadsheet_would_calculate_is_quoted() -> None:
    file = io.StringIO()
    row = dict.fromkeys(COLUMNS, "x") | {"why": "=1+1", "by": "-7", "owner_before": None}
    write_csv([row], file)
    (read,) = rows(file.getvalue().encode())
    assert (read["why"], read["by"], read["owner_before"]) == ("'=1+1", "'-7", "")
