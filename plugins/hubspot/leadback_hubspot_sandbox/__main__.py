"""The sandbox's command line: ``python -m leadback_hubspot_sandbox``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence

from leadback_hubspot_sandbox import app, content, server
from leadback_hubspot_sandbox.clock import SandboxClock, parse_iso
from leadback_hubspot_sandbox.faults import FaultError, parse_option
from leadback_hubspot_sandbox.limits import TIERS
from leadback_hubspot_sandbox.portal import Portal
from leadback_hubspot_sandbox.switches import SwitchError
from leadback_hubspot_sandbox.world import PortalError, PortalRequest, World

EXAMPLE = """\
example:
  leadback sandbox --port 8765 --token sandbox-token
  curl -H 'Authorization: Bearer sandbox-token' \\
       http://127.0.0.1:8765/crm/objects/2026-09/contacts

Open the printed URL in a browser to see the portal as its users do. The control API lives
under /_sandbox/ (actions, clock, switches, faults, stats, dump).
"""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="leadback sandbox",
        description="A local HubSpot portal over HTTP. When it is ready it prints one JSON line"
        ' {"url": …, "portal_id": …}.',
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--port", type=int, default=8765, help="port; 0 takes a free one (default 8765)")
    add("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    add("--token", default="sandbox-token", help="bearer token (default sandbox-token)")
    add("--portal-id", type=int, default=8001001, help="portal id (default 8001001)")
    add("--empty", action="store_true", help="start without contacts; owners stay")
    add("--webhook-url", help="where to send webhooks (default: nowhere)")
    add("--webhook-secret", help="the app's client secret that signs them")
    add("--tier", choices=sorted(TIERS), default="professional",
        help="whose rate limits apply (default professional: 190 calls/10 s)")  # fmt: skip
    add("--time-zone", default="UTC", help="the account's time zone (default UTC)")
    add("--no-rate-limit", action="store_true", help="answer every call")
    add("--search-lag", type=float, metavar="SECONDS",
        help="lag of the search index (default: 3 to 20 s at random)")  # fmt: skip
    add("--seed", type=int, default=1, help="seed of everything random (default 1)")
    add("--clock", metavar="ISO-TIME", help="the portal's time at the start (default: now)")
    add("--fault", action="append", default=[], metavar="KIND:PROBABILITY[:ROUTE]",
        help="arm a fault, e.g. 503:0.02:notes/batch; may be repeated")  # fmt: skip
    add("--until-stdin-ends", action="store_true",
        help="end with standard input, and so with the program that has it")  # fmt: skip
    return made


def build_world(options: argparse.Namespace, url: str) -> World:
    """The process's world with its first portal; raises ValueError on options that can't work."""
    start = None if options.clock is None else parse_iso(options.clock)
    world = World(SandboxClock(start), url)
    portal = world.add(
        PortalRequest(
            options.portal_id,
            options.token,
            options.tier,
            options.time_zone,
            options.webhook_url,
            options.webhook_secret,
            rate_limited=not options.no_rate_limit,
            seed=options.seed,
        )
    )
    _fill(portal, options)
    return world


def _fill(portal: Portal, options: argparse.Namespace) -> None:
    content.people(portal)
    if not options.empty:
        # The default contacts were there before anyone listened: they send no webhooks.
        target, portal.webhooks.settings.url = portal.webhooks.settings.url, None
        content.contacts(portal)
        portal.webhooks.settings.url = target
    if options.search_lag is not None:
        portal.switches.change({"search_lag": [options.search_lag, options.search_lag]})
    for text in options.fault:
        kind, settings = parse_option(text)
        portal.faults.arm(kind, **settings)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        listener = server.listen(options.host, options.port)
    except (OSError, OverflowError) as error:
        print(
            f"leadback sandbox: cannot listen on {options.host}:{options.port}: {error}."
            " Use another --port, or --port 0 for a free one.",
            file=sys.stderr,
        )
        return 2
    with listener:
        host = f"[{options.host}]" if ":" in options.host else options.host
        url = f"http://{host}:{listener.getsockname()[1]}"
        try:
            world = build_world(options, url)
        except (PortalError, SwitchError, FaultError, ValueError) as error:
            print(f"leadback sandbox: {error}", file=sys.stderr)
            return 2
        if options.until_stdin_ends:
            threading.Thread(target=_end_with_stdin, daemon=True).start()
        server.serve(app.build(world), listener, url=url, portal_id=options.portal_id)
    return 0


def _end_with_stdin() -> None:
    """A program that is killed cannot stop what it started, but the kernel closes its pipes.

    Not by sys.stdin: its lock, held by a thread that waits, is a fatal error when Python ends.
    """
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
