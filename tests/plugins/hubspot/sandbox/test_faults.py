"""The fault menu: each fault does what it says, to the wire and to the store."""

import pytest
import requests

NOTES = "notes/batch/create"


def arm(portal, kind, **settings):
    return portal.control("POST", "faults", {"kind": kind, **settings})


def post_note(portal):
    body = {"inputs": [{"properties": {"hs_timestamp": "2026-11-03T10:00:00Z"}}]}
    return portal.objects("POST", NOTES, body)


def notes(portal):
    return len(portal.control("GET", "dump")["notes"])


@pytest.mark.parametrize("kind", ["401", "423", "429", "477", "502", "503", "521", "523", "html"])
def test_refusals_do_no_work(portal, kind):
    arm(portal, kind, count=1)
    answer = post_note(portal)
    assert answer.status_code == (500 if kind == "html" else int(kind))
    assert notes(portal) == 0
    assert post_note(portal).status_code == 201


@pytest.mark.parametrize("kind", ["504", "524"])
@pytest.mark.parametrize("commit", [True, False])
def test_timeouts_may_have_done_the_work(portal, kind, commit):
    arm(portal, kind, count=1, commit=commit)
    assert post_note(portal).status_code == int(kind)
    assert notes(portal) == int(commit)


@pytest.mark.parametrize(("kind", "done"), [("reset", 0), ("commit-then-drop", 1)])
def test_broken_connections(portal, kind, done):
    arm(portal, kind, count=1)
    with pytest.raises(requests.ConnectionError):
        post_note(portal)
    assert notes(portal) == done
    assert post_note(portal).status_code == 201


def test_2xx_without_effect(portal):
    arm(portal, "no-effect")
    answer = post_note(portal)
    assert answer.status_code == 200
    assert (answer.json()["results"], answer.json()["errors"]) == ([], [])
    assert notes(portal) == 0
    assert portal.objects("GET", "notes").status_code == 200


def test_spoilt_bodies(portal):
    arm(portal, "empty", count=1)
    answer = post_note(portal)
    assert (answer.status_code, answer.content, notes(portal)) == (201, b"", 1)
    arm(portal, "cut-off", count=1)
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        post_note(portal)
    assert notes(portal) == 2


def test_moving_portal_says_when(portal):
    arm(portal, "477", seconds=7)
    assert post_note(portal).headers["Retry-After"] == "7"


def test_slow_answer_is_still_right(portal):
    arm(portal, "slow", seconds=0.05)
    answer = post_note(portal)
    assert answer.status_code == 201
    assert answer.elapsed.total_seconds() >= 0.05


def test_route_filter_and_probability(portal):
    fault = arm(portal, "503", route="contacts/batch", probability=0.5, seed=3)
    assert {post_note(portal).status_code for _ in range(5)} == {201}
    body = {"inputs": [{"id": "1"}]}
    first = [portal.objects("POST", "contacts/batch/read", body).status_code for _ in range(40)]
    assert set(first) == {207, 503}
    assert portal.control("GET", "stats")["faults"][str(fault["id"])] == first.count(503)
    portal.control("DELETE", "faults")
    arm(portal, "503", route="contacts/batch", probability=0.5, seed=3)
    again = [portal.objects("POST", "contacts/batch/read", body).status_code for _ in range(40)]
    assert again == first


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "gremlins"},
        {"kind": "503", "probability": 2},
        {"kind": "503", "count": 0},
        {"kind": "503", "colour": "red"},
        {"kind": "owner_race", "when": "later"},
    ],
)
def test_faults_that_do_not_exist(portal, fault):
    answer = portal.call("POST", "/_sandbox/faults", fault)
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_faults_from_the_command_line(private_sandbox):
    portal = private_sandbox("--fault", "503:1:notes", "--fault", "423:1:PATCH*")
    assert portal.objects("GET", "notes").status_code == 503
    assert portal.objects("GET", "contacts").status_code == 200
    assert portal.objects("PATCH", "contacts/1", {"properties": {}}).status_code == 423
