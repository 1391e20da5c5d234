"""`leadback rules …`: check the rules file, look at it from other sides.

What needs a database imports it when it is asked for: a check on every save answers at once.
"""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from leadback.base.words import many
from leadback.cli.lazy import Later, LazyGroup
from leadback.cli.options import AsJson, Config, Database, RulesFile
from leadback.cli.output import ATTENTION, DONE, difference, print_json, print_text, say
from leadback.rules.findings import Finding, Severity
from leadback.rules.graph import mermaid, svg
from leadback.rules.schema import schema_text
from leadback.service.rules import (
    completeness,
    differences,
    examples_beside,
    explained,
    read_rules,
    rules_file,
    tested,
)
from leadback.service.sound import load


class WithDatabase(LazyGroup):
    """The commands that are about more than a file."""

    later = (
        Later("coverage", "rules_history:coverage"),
        Later("what-if", "rules_history:what_if"),
        Later("apply", "rules_versions:apply"),
        Later("rollback", "rules_versions:rollback"),
        Later("versions", "rules_versions:versions"),
        Later("shadow", "rules_versions:shadow"),
    )


app = typer.Typer(help="The rules file.", no_args_is_help=True, cls=WithDatabase)

File = Annotated[Path | None, typer.Argument(help="Default: the rules in use.")]


class Picture(StrEnum):
    """What a diagram can be."""

    MERMAID = "mermaid"
    SVG = "svg"


@app.command()
def check(
    file: File = None,
    portal: Annotated[
        str | None, typer.Option(metavar="NAME", help="Also ask this portal about mapped values.")
    ] = None,
    database: Database = None,
    rules: RulesFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """All findings, each FILE:LINE:COL CODE message — fix.

    Example: `leadback rules check rules/lead_states.yaml`
    """
    path, model, findings = read_rules(file or rules, config, unasked=portal is None)
    if portal is not None and model is not None:
        from leadback.wiring import open_app

        with open_app(database=database, rules=path, config=config) as opened:
            findings = (*findings, *opened.versions.portal_findings(model, portal))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            say(str(finding))
        say(f"{path}: {_counts(findings)}" + (f"; version {model.version}" if model else ""))
    errors = any(finding.severity is Severity.ERROR for finding in findings)
    raise typer.Exit(ATTENTION if errors else DONE)


def _counts(findings: tuple[Finding, ...]) -> str:
    """`1 error, 2 notes`; a kind that there is none of is not named."""
    counts = [(sum(f.severity is kind for f in findings), kind.value) for kind in Severity]
    named = [f"{count} {kind}{'s' * (count > 1)}" for count, kind in counts if count]
    return ", ".join(named) or "no findings"


@app.command()
def graph(
    file: File = None,
    picture: Annotated[
        Picture, typer.Option("--format", help="Mermaid text, or a drawing.")
    ] = Picture.MERMAID,
    every_label: Annotated[
        bool, typer.Option("--all-events", help="Every event on an arrow, not the first three.")
    ] = False,
    database: Database = None,
    rules: RulesFile = None,
    config: Config = None,
) -> None:
    """A state diagram; with --database also leads per state and moves per arrow.

    Example: `leadback rules graph --format svg --database sqlite:///leadback.db > rules.svg`
    """
    model = load(rules_file(file or rules, config))
    leads = traffic = None
    if database is not None:
        from leadback.wiring import open_database

        with open_database(database, config) as store, store.read() as tx:
            leads, traffic = tx.leads.count_by_state(), tx.views.moves()
    if picture is Picture.SVG:
        print_text(svg(model, leads=leads, traffic=traffic))
    else:
        drawn = mermaid(model, leads=leads, traffic=traffic, every_label=every_label)
        print_text(drawn)


@app.command()
def schema(file: File = None, rules: RulesFile = None, config: Config = None) -> None:
    """JSON Schema of rules files, with the names of this one as completions for editors.

    Example: `leadback rules schema > rules/lead_states.schema.json`
    """
    print_text(schema_text(load(rules_file(file or rules, config))))


@app.command()
def explain(
    file: File = None,
    state: Annotated[str | None, typer.Option(help="Only this state.")] = None,
    rules: RulesFile = None,
    config: Config = None,
) -> None:
    """The rules in plain English, one paragraph per state.

    Example: `leadback rules explain --state Hot`
    """
    print_text(explained(load(rules_file(file or rules, config)), state))


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="The rules as they are.")],
    new: Annotated[Path, typer.Argument(help="The rules as they are to be.")],
    database: Database = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """What NEW does differently: not text, but which leads end elsewhere.

    Example: `leadback rules diff rules/lead_states.yaml draft.yaml --database sqlite:///leadback.db`
    """
    before, after = load(old), load(new)
    if database is None:
        found = differences(before, after)
    else:
        from leadback.service.affected import differences_now
        from leadback.wiring import open_database

        with open_database(database, config) as store, store.read() as tx:
            found = differences_now(before, after, tx)
    if as_json:
        print_json(found)
        return
    for one in found:
        say(difference(one))
    say(many(len(found), "difference") if found else "no difference that a lead could meet")


@app.command("test")
def play_examples(
    file: Annotated[
        Path | None, typer.Argument(help="Examples; default: examples/*.yaml beside the rules.")
    ] = None,
    rules: RulesFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Play the examples that the product team wrote. Exit code 1 when one comes out otherwise.

    Example: `leadback rules test rules/examples/lifecycle.yaml`
    """
    path = rules_file(rules, config)
    results = tested(load(path), [file] if file is not None else examples_beside(path))
    failed = [result for result in results if result.wrong]
    if as_json:
        print_json(
            [
                {
                    "example": result.example.name,
                    "row": result.example.row,
                    "at": str(result.example.at),
                    "wrong": list(result.wrong),
                }
                for result in results
            ]
        )
    else:
        for result in failed:
            print_text(str(result))
        say(f"{len(results)} examples, {len(failed)} come out otherwise")
    raise typer.Exit(ATTENTION if failed else DONE)


@app.command()
def matrix(
    file: File = None,
    rules: RulesFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """What every event may come to in every state: goals in order, `stay` or `refuse`.

    Example: `leadback rules matrix --json`
    """
    model = load(rules_file(file or rules, config))
    rows = completeness(model)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        say(row["event"])
        for goals, states in _alike(row["states"]).items():
            say(f"    {goals or 'NOT DECIDED'}: {', '.join(states)}")


def _alike(cells: dict[str, list[str]]) -> dict[str, list[str]]:
    """States with the same goals together."""
    found: dict[str, list[str]] = {}
    for state, goals in cells.items():
        found.setdefault(" / ".join(goals), []).append(state)
    return found
