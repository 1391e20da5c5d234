"""The process: one ready line, a quick and clean end, helpful refusals, the default content."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests import warm

COMMAND = [sys.executable, "-m", "leadback_hubspot_sandbox"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ready_line_and_clean_end(number):
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", "--portal-id", "42"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    ready = json.loads(process.stdout.readline())
    assert ready["portal_id"] == 42
    host, port = ready["url"].removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60):
        started = time.monotonic()
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert time.monotonic() - started < 3
    assert process.returncode == 0
    assert output == ""
    assert errors == ""


def run(*options):
    done = warm.run("sandbox", *options, cwd=warm.ROOT, env=os.environ)
    out, err = done.stdout.decode(), done.stderr.decode()
    return subprocess.CompletedProcess(options, done.returncode, out, err)


def test_help_has_an_example():
    shown = run("--help")
    assert shown.returncode == 0
    assert "leadback sandbox --port 8765 --token sandbox-token" in shown.stdout


def test_taken_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused = run("--port", str(taken.getsockname()[1]))
    assert refused.returncode == 2
    assert "--port 0" in refused.stderr
    assert refused.stdout == ""


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--clock", "noon"), "noon"),
        (("--fault", "gremlins:0.1"), "commit-then-drop"),
        (("--fault", "503:often"), "KIND:PROBABILITY"),
        (("--fault", "503:2"), "0 to 1"),
        (("--time-zone", "Mars/Base"), "Europe/Berlin"),
    ],
)
def test_options_that_cannot_work(options, word):
    refused = run("--port", "0", *options)
    assert refused.returncode == 2
    assert word in refused.stderr
    assert "Traceback" not in refused.stderr


def test_default_content(private_sandbox):
    portal = private_sandbox()
    dump = portal.control("GET", "dump")
    emails = {owner["email"]: owner["archived"] for owner in dump["owners"].values()}
    assert emails["tara@example.com"] is False
    assert sum(emails.values()) == 1
    assert len(dump["contacts"]) == 12
    assert all(key.isdigit() and len(key) >= 11 for key in dump["contacts"])
    owner_ids = {owner["id"] for owner in dump["owners"].values()}
    user_ids = {str(owner["userIdIncludingInactive"]) for owner in dump["owners"].values()}
    assert not owner_ids & user_ids
    ada = portal.read("171590000101", "hubspot_owner_id")
    assert ada["properties"]["hubspot_owner_id"] == "71500011"
    assert portal.objects("POST", "contacts/search", {}).json()["total"] == 12


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"portal_id": 8001001}, "exists already"),
        ({"token": "root-token"}, "another portal"),
        ({"token": ""}, "empty"),
        ({"tier": "gold"}, "professional"),
        ({"time_zone": "Mars/Base"}, "Europe/Berlin"),
        ({"colour": "red"}, "allowed"),
        ({"like": 4}, "4 is missing or unknown"),
        ({"owners": [{"first_name": "A"}]}, "email"),
        ({"owners": [{"email": "a@b.co", "id": "x"}]}, "not a number"),
        ({"owners": [{"email": "a@b.co"}, {"email": "A@b.co"}]}, "already"),
    ],
)
def test_portals_that_cannot_be(portal, change, word):
    body = {"portal_id": 5, "token": "five", **change}
    refused = portal.call("POST", "/_sandbox/portals", body)
    assert refused.status_code == 400
    assert word in refused.json()["message"]
    assert 5 not in portal.control("GET", "health")["portals"]


def test_portals_are_apart(make_portal):
    first, second = make_portal(), make_portal()
    contact = second.contact(city="Ulm")
    assert first.objects("GET", f"contacts/{contact}").status_code == 404
    assert second.objects("GET", f"contacts/{contact}").status_code == 200
    assert first.call("GET", "/account-info/v3/details").json()["portalId"] == first.id


def test_empty_portal_keeps_its_owners(private_sandbox):
    portal = private_sandbox("--empty")
    assert portal.objects("GET", "contacts").json() == {"results": []}
    assert len(portal.call("GET", "/crm/owners/2026-09").json()["results"]) == 5


def test_same_seed_same_portal(private_sandbox):
    ids = []
    for _ in range(2):
        portal = private_sandbox("--empty", "--seed", "7")
        ids.append([portal.contact(city=str(number)) for number in range(5)])
    assert ids[0] == ids[1]
