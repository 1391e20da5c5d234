"""`leadback sandbox`: a local HubSpot."""

import os
import sys

import typer

SANDBOX = "leadback_hubspot_sandbox"


def sandbox(context: typer.Context) -> None:
    """A local HubSpot portal to try things on; see its own --help.

    Example: `leadback sandbox --port 8765 --token sandbox-token`
    """
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", SANDBOX, *context.args])  # noqa: S606 — our own module, no shell
