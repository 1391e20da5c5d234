"""The options that many commands share, spelled once."""

from pathlib import Path
from typing import Annotated

import typer

Database = Annotated[
    str | None,
    typer.Option("--database", metavar="URL", help="sqlite:///FILE or postgresql://…"),
]
RulesFile = Annotated[Path | None, typer.Option("--rules", metavar="FILE", help="The rules file.")]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings as YAML.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
AtClock = Annotated[
    str | None,
    typer.Option("--clock", metavar="ISO-TIME", hidden=True, help="Start the clock at this time."),
]
