"""The look at every request is worth something: wrong ones are seen, whoever sends them."""

import json
from typing import Any

import jsonschema
import pytest

from tests.plugins.hubspot.rig import Rig
from tests.plugins.hubspot.sdk_models import check_body
from tests.plugins.hubspot.shapes import check_request

UPDATE = "/crm/objects/2026-09/contacts/batch/update"
CREATE = "/crm/objects/2026-09/notes/batch/create"
GOOD = {"id": "1", "properties": {"hs_lead_status": "NEW"}}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (UPDATE, {"inputs": [{**GOOD, "propertys": {}}]}),
        (UPDATE, {"inputs": [{**GOOD, "id": 1}]}),
        (UPDATE, {"inputs": [{"id": "1", "properties": {"hs_lead_status": None}}]}),
        (UPDATE, {"inputs": [GOOD, GOOD]}),
        (UPDATE, {"inputs": [{**GOOD, "id": str(n)} for n in range(101)]}),
        (UPDATE, {}),
        (UPDATE, {"inputs": [{"id": "1"}]}),
        (CREATE, {"inputs": [{"properties": {}, "associations": [{"to": {"id": "1"}}]}]}),
        ("/crm/objects/2026-09/contacts/batch/upgrade", {"inputs": [GOOD]}),
    ],
)
def test_a_request_that_hubspot_does_not_document_is_seen(path: str, body: Any) -> None:
    with pytest.raises((AssertionError, jsonschema.ValidationError)):
        check_request("POST", f"http://crm.example{path}", json.dumps(body))


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": [{**GOOD, "unknown": "1"}]},
        {"inputs": [{**GOOD, "id": 1}]},
        {"inputs": {}},
        {"input": []},
    ],
)
def test_the_sdk_alone_sees_it_too(body: Any) -> None:
    check_body("POST", UPDATE, {"inputs": [GOOD]})
    with pytest.raises((AssertionError, ValueError)):
        check_body("POST", UPDATE, body)


def test_what_the_plugin_sends_is_looked_at(ready: Rig, requests_sent: list[str]) -> None:
    requests_sent.clear()
    ready.deliver(ready.fields(ready.contact(), "Cold"))
    assert f"POST {UPDATE}" in requests_sent
