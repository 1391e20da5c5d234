"""Requests against the models of HubSpot's own SDK: names and types; what is required: shapes.py.

The SDK knows the v3 paths only; the bodies of the dated versions are the same.
"""

import importlib
import re
from typing import Any

from tests.plugins.hubspot.shapes import OBJECTS, PROPERTIES, VERSION

PRACTICE = frozenset({"sorts"})
"""Where the SDK's model is not what HubSpot documents and takes: `sorts` holds objects."""

MODELS: list[tuple[str, str, str, str]] = [
    ("POST", rf"{OBJECTS}/\w+/batch/read", "contacts", "BatchReadInputSimplePublicObjectId"),
    (
        "POST",
        rf"{OBJECTS}/contacts/batch/update",
        "contacts",
        "BatchInputSimplePublicObjectBatchInput",
    ),
    (
        "POST",
        rf"{OBJECTS}/(notes|emails|tasks)/batch/create",
        "objects.notes",
        "BatchInputSimplePublicObjectBatchInputForCreate",
    ),
    ("POST", rf"{OBJECTS}/contacts/search", "contacts", "PublicObjectSearchRequest"),
    (
        "POST",
        rf"/crm/(?:v4/associations|associations/{VERSION})/contacts/\w+/batch/read",
        "associations.v4",
        "BatchInputPublicFetchAssociationsBatchRequest",
    ),
    ("POST", rf"{PROPERTIES}/groups", "properties", "PropertyGroupCreate"),
    ("POST", PROPERTIES, "properties", "PropertyCreate"),
    ("PATCH", rf"{PROPERTIES}/\w+", "properties", "PropertyUpdate"),
]


def check_body(method: str, path: str, body: Any) -> None:
    """Raises AssertionError or ValueError for a body that the SDK could not have sent."""
    for verb, pattern, package, name in MODELS:
        if verb == method and re.fullmatch(pattern, path):
            _check(importlib.import_module(f"hubspot.crm.{package}"), name, body, path)
            return
    raise AssertionError(f"no model of the SDK for {method} {path}")


def _check(module: Any, kind: str, value: Any, where: str) -> None:
    inner = re.fullmatch(r"(list|dict)\[(?:str, )?(\w+)\]", kind)
    if inner is not None:
        assert isinstance(value, list if inner[1] == "list" else dict), f"{where} is no {kind}"
        for key, item in enumerate(value) if isinstance(value, list) else value.items():
            _check(module, inner[2], item, f"{where}[{key}]")
    elif kind in ("str", "int", "bool"):
        wanted = {"str": str, "int": int, "bool": bool}[kind]
        assert type(value) is wanted, f"{where}: {value!r} is no {kind}"
    else:
        _check_model(module, getattr(module, kind), value, where)


def _check_model(module: Any, model: Any, value: Any, where: str) -> None:
    names = {sent: attribute for attribute, sent in model.attribute_map.items()}
    assert set(value) <= set(names), f"{where}: {model.__name__} has no {set(value) - set(names)}"
    for sent, item in value.items():
        if sent not in PRACTICE:
            _check(module, model.openapi_types[names[sent]], item, f"{where}.{sent}")
    model(
        **{names[sent]: item for sent, item in value.items()}
    )  # ValueError: a value that its setter refuses
