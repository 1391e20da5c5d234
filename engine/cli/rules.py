"""`handback rules …`: check the rules file, look at it from other sides."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.options import AsJson, Config, RulesFile
from engine.cli.output import ATTENTION, DONE, print_json, say
from engine.wiring import read_rules

app = typer.Typer(help="The rules file.", no_args_is_help=True)


@app.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="Default: the rules in use.")] = None,
    rules: RulesFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """All findings, each FILE:LINE:COL CODE message — fix.

    Example: `handback rules check rules/lead_states.yaml`
    """
    path, _, findings = read_rules(file or rules, config)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            say(str(finding))
    errors = sum(finding.severity == "error" for finding in findings)
    if not as_json:
        others = len(findings) - errors
        say(f"{path}: {errors} errors, {others} warnings" if findings else f"{path}: no findings")
    raise typer.Exit(ATTENTION if errors else DONE)
