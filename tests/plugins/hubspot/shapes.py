"""The shapes of the requests that HubSpot's public reference documents, as JSON schemas.

https://developers.hubspot.com/docs/api-reference — nothing that is not listed there may be sent.
"""

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema


def obj(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def inputs(item: dict[str, Any], most: int = 100) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1, "maxItems": most}


TEXT = {"type": "string"}
ID = {"type": "string", "pattern": r"^\d{1,19}$"}
NAME = {"type": "string", "pattern": r"^[a-z][a-z0-9_]*$"}
TEXTS = {"type": "array", "items": TEXT}
VALUES = {"type": "object", "additionalProperties": {"type": "string", "maxLength": 65536}}
OPTION = obj(
    {
        "label": TEXT,
        "value": TEXT,
        "displayOrder": {"type": "integer"},
        "hidden": {"type": "boolean"},
    },
    {"description": TEXT},
)
ASSOCIATION = obj(
    {
        "to": obj({"id": ID}),
        "types": inputs(
            obj(
                {
                    "associationCategory": {"const": "HUBSPOT_DEFINED"},
                    "associationTypeId": {"enum": [198, 202, 204]},
                }
            ),
            1,
        ),
    }
)
CREATION = obj(
    {"properties": VALUES}, {"associations": inputs(ASSOCIATION, 1), "objectWriteTraceId": TEXT}
)
UPDATE = obj({"id": ID, "properties": VALUES}, {"objectWriteTraceId": TEXT})
UPSERT = obj({"id": TEXT, "idProperty": NAME, "properties": VALUES}, {"objectWriteTraceId": TEXT})
FILTER = obj(
    {"propertyName": NAME, "operator": {"enum": ["IN", "NOT_IN", "GT", "GTE", "NOT_HAS_PROPERTY"]}},
    {"value": TEXT, "values": TEXTS},
)
PROPERTY = obj(
    {
        "name": NAME,
        "label": TEXT,
        "groupName": NAME,
        "type": {"enum": ["string", "enumeration"]},
        "fieldType": {"enum": ["textarea", "text", "select"]},
    },
    {"options": inputs(OPTION, 1000), "description": TEXT, "hasUniqueValue": {"type": "boolean"},
     "hidden": {"type": "boolean"}},
)  # fmt: skip
SEARCH = obj(
    {
        "filterGroups": inputs(obj({"filters": inputs(FILTER, 6)}), 5),
        "sorts": inputs(obj({"propertyName": NAME, "direction": TEXT}), 1),
        "limit": {"type": "integer", "minimum": 1, "maximum": 200},
        "properties": TEXTS,
    }
)
VERSION = r"(?:v3|v4|20\d\d-\d\d)"
OBJECTS = rf"/crm/(?:v3/objects|objects/{VERSION})"
PROPERTIES = rf"/crm/(?:v3/properties|properties/{VERSION})/(?:contacts|notes|emails|tasks)"
SHAPES: list[tuple[str, str, dict[str, Any]]] = [
    (
        "POST",
        rf"{OBJECTS}/\w+/batch/read",
        obj(
            {"properties": TEXTS, "inputs": inputs(obj({"id": TEXT}))},
            {"propertiesWithHistory": TEXTS, "idProperty": NAME},
        ),
    ),
    ("POST", rf"{OBJECTS}/contacts/batch/update", obj({"inputs": inputs(UPDATE)})),
    ("POST", rf"{OBJECTS}/(notes|emails|tasks)/batch/create", obj({"inputs": inputs(CREATION)})),
    ("POST", rf"{OBJECTS}/(notes|emails|tasks)/batch/upsert", obj({"inputs": inputs(UPSERT)})),
    ("POST", rf"{OBJECTS}/contacts/search", SEARCH),
    (
        "POST",
        rf"/crm/(?:v4/associations|associations/{VERSION})/contacts/\w+/batch/read",
        obj({"inputs": inputs(obj({"id": ID}, {"after": TEXT}), 1000)}),
    ),
    ("POST", rf"{PROPERTIES}/groups", obj({"name": NAME, "label": TEXT},
                                          {"displayOrder": {"type": "integer"}})),
    ("POST", PROPERTIES, PROPERTY),
    ("PATCH", rf"{PROPERTIES}/\w+", obj({"options": inputs(OPTION, 1000)})),
]  # fmt: skip
SECRETS = {"grant_type": TEXT, "client_id": TEXT, "client_secret": TEXT}
TOKEN_FORMS = {
    "authorization_code": obj(
        {**SECRETS, "code": TEXT, "redirect_uri": TEXT}, {"code_verifier": TEXT}
    ),
    "refresh_token": obj({**SECRETS, "refresh_token": TEXT}),
}
GETS = {
    rf"{PROPERTIES}": {"archived"},
    rf"{PROPERTIES}/groups": set(),
    rf"{PROPERTIES}/\w+": set(),
    rf"/crm/(?:v3/owners|owners/{VERSION})": {"archived", "limit", "after", "email"},
    rf"{OBJECTS}/contacts/\d+": {"properties", "propertiesWithHistory", "archived"},
    rf"{OBJECTS}/(contacts|notes|emails|tasks)": {"limit"},
    rf"/account-info/{VERSION}/details": set(),
}


def check_request(method: str, url: str, body: bytes | str | None) -> None:
    """Raises when HubSpot documents no such request, or its SDK could not have sent it."""
    from tests.plugins.hubspot.sdk_models import check_body

    parts = urlsplit(url)
    if method == "GET":
        allowed = next((a for p, a in GETS.items() if re.fullmatch(p, parts.path)), None)
        assert allowed is not None, f"no documented call: GET {parts.path}"
        assert set(parse_qs(parts.query)) <= allowed, parts.query
        return
    if re.fullmatch(rf"/oauth/{VERSION}/token", parts.path):
        form = {name: values[0] for name, values in parse_qs(str(body)).items()}
        assert not parts.query, "secrets go into the body"
        jsonschema.validate(form, TOKEN_FORMS[form["grant_type"]])
        return
    shape = next((s for m, p, s in SHAPES if m == method and re.fullmatch(p, parts.path)), None)
    assert shape is not None, f"no documented call: {method} {parts.path}"
    asked = set(parse_qs(parts.query))
    assert asked <= ({"archived"} if parts.path.endswith("/batch/read") else set()), parts.query
    content = json.loads(body or b"null")
    jsonschema.validate(content, shape)
    check_body(method, parts.path, content)
    if "propertiesWithHistory" in content:
        assert len(content["inputs"]) <= 50
    if parts.path.endswith("/batch/update"):
        ids = [item["id"] for item in content["inputs"]]
        assert len(set(ids)) == len(ids)
    if parts.path.endswith("/search"):
        assert len(body or b"") <= 3000
