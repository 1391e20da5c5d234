"""HubSpot's refusals, body by body, as its API and recorded answers show them.

https://developers.hubspot.com/docs/api-reference/error-handling
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

SCOPES_LINK = "https://developers.hubspot.com/scopes"


class ApiError(Exception):
    """A refusal: status, JSON body (the gateway adds the correlation id) and extra headers."""

    def __init__(
        self, status: int, body: dict[str, Any] | str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(str(status))
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class Problem:
    """One property value that HubSpot would not take."""

    name: str
    code: str
    message: str


def refusal(
    status: int,
    category: str | None,
    message: str,
    *,
    headers: Mapping[str, str] | None = None,
    **fields: Any,
) -> ApiError:
    """The generic body; ``category=None`` leaves it out, as some real answers do."""
    body: dict[str, Any] = {"status": "error", "message": message}
    if category is not None:
        body["category"] = category
    body.update(fields)
    return ApiError(status, body, headers=headers)


def invalid(message: str, **fields: Any) -> ApiError:
    return refusal(400, "VALIDATION_ERROR", message, **fields)


def wrong_type(path: str, expected: str, value: object) -> ApiError:
    """A JSON value of the wrong type: HubSpot's reader refuses it before any rule runs."""
    found = {dict: "Object", list: "Array", str: "String", bool: "Boolean", type(None): "Null"}
    kind = found.get(type(value), "Number")
    return invalid(
        f"Invalid input JSON: Cannot deserialize value of type `{expected}` from {kind} value"
        f" at `{path}`"
    )


def problems_message(problems: Sequence[Problem], portal_id: int) -> str:
    """Prose with the problems embedded as a JSON array, as HubSpot words it."""
    listed = [
        {
            "isValid": False,
            "message": problem.message,
            "error": problem.code,
            "name": problem.name,
            "localizedErrorMessage": problem.message,
            "portalId": portal_id,
        }
        for problem in problems
    ]
    return f"Property values were not valid: {orjson.dumps(listed).decode()}"


def invalid_values(problems: Sequence[Problem], portal_id: int) -> ApiError:
    """400 for refused property values. Several records' problems share one body, unindexed."""
    return invalid(
        problems_message(problems, portal_id),
        errors=[
            {
                "message": problem.message,
                "code": problem.code,
                "context": {"propertyName": [problem.name]},
            }
            for problem in problems
        ],
    )


def missing_required(noun: str, names: Sequence[str]) -> ApiError:
    return invalid(
        f"Error creating {noun.upper()}.  Some required properties were not set.",
        context={"properties": list(names)},
    )


def record_not_found(record_id: str, *, shape: str, accept: str) -> ApiError:
    """A missing record by its id, as it was recorded: JSON for what is no number, else the page of
    the web server, or nothing at all for who prefers JSON. ``shape``: the switch of this name."""
    if shape == "auto":
        shape = "json" if not _is_number(record_id) else "empty" if "json" in accept else "html"
    if shape == "json":
        return object_not_found(record_id)
    body = "" if shape == "empty" else NOT_FOUND_PAGE
    return ApiError(404, body, headers={"X-HubSpot-NotFound": "true"})


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def object_not_found(object_id: str) -> ApiError:
    return refusal(
        404,
        "OBJECT_NOT_FOUND",
        "Object not found.  objectId are usually numeric.",
        context={"id": [object_id]},
    )


def contact_exists(contact_id: str) -> ApiError:
    return refusal(409, "CONFLICT", f"Contact already exists. Existing ID: {contact_id}")


def unknown_object_type(name: str) -> ApiError:
    return refusal(400, None, f"Unable to infer object type from: {name}")


def missing_scopes(scopes: Sequence[str], *, in_context: bool) -> ApiError:
    """403; the list of scopes sits in ``errors`` or, in other answers, in ``context``."""
    message = (
        "This app hasn't been granted all required scopes to make this call."
        f" Read more about required scopes here: {SCOPES_LINK}."
    )
    links = {"scopes": SCOPES_LINK}
    if in_context:
        return refusal(
            403,
            "MISSING_SCOPES",
            message,
            context={"requiredGranularScopes": list(scopes)},
            links=links,
        )
    words = "One or more" if len(scopes) == 1 else "All"
    return refusal(
        403,
        "MISSING_SCOPES",
        message,
        errors=[
            {
                "message": f"{words} of the following scopes are required.",
                "context": {"requiredGranularScopes": list(scopes)},
            }
        ],
        links=links,
    )


NOT_FOUND_PAGE = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Error 404 Not Found</title></head>
<body><h2>HTTP ERROR 404 Not Found</h2><p>The requested URL was not found on this server.</p></body>
</html>
"""


def no_such_path() -> ApiError:
    """A wrong path is answered by the web server, not the API: an HTML page."""
    return ApiError(404, NOT_FOUND_PAGE)
