"""What HubSpot's answer means: status, headers and bytes become one typed Answer. Pure.

Every field of an error body is optional (https://developers.hubspot.com/docs/api-reference/error-handling),
texts are not part of the contract: decisions rest on the status, the category and error codes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from leadback.api import Millis

MAX_TEXT = 400
NO_ANSWER = 0
DAY: Millis = 86_400_000
_EMBEDDED = "Property values were not valid: "
_REFUSED_VALUE = re.compile(r"(.{0,200}?) was not (?:one of the allowed options|a valid )", re.S)


class Verdict(StrEnum):
    """OK: 2xx with a JSON object. REFUSED: HubSpot understood and did nothing. WAIT: it did
    nothing and says when to come back. LOST: it may have happened. UNSENT: it never got there."""

    OK = "ok"
    REFUSED = "refused"
    WAIT = "wait"
    LOST = "lost"
    UNSENT = "unsent"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing HubSpot found wrong. property: the field's name; value: what it refused."""

    code: str
    message: str
    property: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error body, or one entry of a batch's `errors`. ids, traces: the inputs it names."""

    category: str
    message: str
    faults: tuple[Fault, ...] = ()
    ids: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    dead_targets: tuple[str, ...] = ()
    existing_id: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One call's end. status 0: no answer. after: when to come back, in ms (WAIT, LOST, UNSENT).

    reason: one sentence, safe to log and to show. daily: the account's daily limit is used up.
    needs: the scopes that the call needs, where a 403 names none.
    """

    verdict: Verdict
    status: int
    reason: str = ""
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    refusal: Refusal | None = None
    after: Millis = 0
    whole_portal: bool = False
    daily: bool = False
    timed_out: bool = False
    needs: tuple[str, ...] = ()

    @property
    def scopes(self) -> tuple[str, ...]:
        """What a 403 is about: the scopes that it names, else those that the call needs."""
        return (self.refusal.scopes if self.refusal else ()) or self.needs

    @property
    def ok(self) -> bool:
        return self.verdict is Verdict.OK

    @property
    def about_records(self) -> bool:
        """Refused for records or values that the call names. Any other refusal is about the path,
        the app or the account, and meets every record alike."""
        if self.verdict is not Verdict.REFUSED:
            return False
        not_found = self.refusal is not None and self.refusal.category == "OBJECT_NOT_FOUND"
        return self.status in (400, 409) or (self.status == 404 and not_found)

    @property
    def results(self) -> list[Mapping[str, Any]]:
        """A batch's or list's records; what is no object is left out."""
        return [item for item in _list(self.body.get("results")) if isinstance(item, Mapping)]

    @property
    def errors(self) -> list[Refusal]:
        """A batch's error entries."""
        return [read_refusal(item) for item in _list(self.body.get("errors"))]

    @property
    def next_page(self) -> str | None:
        after = _object(_object(self.body.get("paging")).get("next")).get("after")
        return str(after) if after else None


def read_answer(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """headers: with lower-case names. Never raises, whatever the body is."""
    content = _json(body)
    if 200 <= status < 300:
        if content is not None or (status == 204 and not body):
            return Answer(Verdict.OK, status, body=content or {})
        what = "empty" if not body else "not JSON"
        return Answer(
            Verdict.LOST, status, f"HubSpot answered {status}, but the body is {what}", after=5_000
        )
    refusal = read_refusal(content) if content is not None else None
    if status in (429, 477, 423, 401):
        return _wait(status, headers, refusal, content or {})
    if status >= 500 or status == 408:
        return Answer(
            Verdict.LOST, status, f"HubSpot answered {status}", refusal=refusal, after=5_000
        )
    said = refusal.message if refusal and refusal.message else "without saying why"
    return Answer(
        Verdict.REFUSED,
        status,
        f"HubSpot refused ({status}): {said}",
        body=content or {},
        refusal=refusal,
    )


def read_refusal(raw: object) -> Refusal:
    """An error body or error entry of any shape."""
    body = _object(raw)
    context = _object(body.get("context"))
    nested = [_object(item) for item in _list(body.get("errors"))]
    message = _text(body.get("message"))
    return Refusal(
        category=_text(body.get("category")) or _text(body.get("errorType")),
        message=_brief(message),
        faults=_faults(message, nested),
        ids=_first_texts(context, "ids", "id", "fromObjectId"),
        traces=_texts(context.get("objectWriteTraceId")),
        scopes=_scopes([context, *(_object(item.get("context")) for item in nested)]),
        dead_targets=_dead(context, message),
        existing_id=_existing(context, message),
    )


def _wait(
    status: int, headers: Mapping[str, str], refusal: Refusal | None, body: Mapping[str, Any]
) -> Answer:
    asked = _retry_after(headers)
    said = refusal.message if refusal else ""
    if status == 423:
        reason = "HubSpot has locked the record for a moment (423)"
        return Answer(Verdict.WAIT, status, reason, refusal=refusal, after=max(asked, 2_000))
    if status == 477:
        reason = "HubSpot is moving this account to another data centre (477)"
        after = min(asked or 60_000, DAY)
        return Answer(Verdict.WAIT, status, reason, refusal=refusal, after=after, whole_portal=True)
    if status == 401:
        expired = refusal is not None and refusal.category == "EXPIRED_AUTHENTICATION"
        reason = "HubSpot says the access token " + (
            "has expired (401); refresh it or connect the portal again"
            if expired
            else "is not valid (401); check the token, or connect the portal again"
        )
        return Answer(
            Verdict.WAIT, status, reason, refusal=refusal, after=60_000, whole_portal=True
        )
    policy = _text(body.get("policyName")).upper()
    daily = policy == "DAILY" or (not policy and "daily" in said.lower())
    secondly = policy == "SECONDLY" or (not policy and " secondly" in said.lower())
    reason = f"HubSpot's rate limit is reached (429): {said or 'no reason given'}"
    after = asked or (3_600_000 if daily else 1_000 if secondly else 10_000)
    return Answer(
        Verdict.WAIT,
        status,
        reason,
        refusal=refusal,
        after=min(after, DAY),
        whole_portal=True,
        daily=daily and not asked,
    )


def _retry_after(headers: Mapping[str, str]) -> Millis:
    text = headers.get("retry-after", "").strip()
    return int(text) * 1000 if text.isascii() and text.isdigit() and len(text) < 8 else 0


def _faults(message: str, nested: Sequence[Mapping[str, Any]]) -> tuple[Fault, ...]:
    """From `errors[]` and from the JSON inside the message: either may hold more than the other."""
    found: dict[tuple[str, str | None, str], Fault] = {}
    for item in nested:
        names = _texts(_object(item.get("context")).get("propertyName")) or (None,)
        for name in names:
            fault = _fault(_text(item.get("code")), _text(item.get("message")), name)
            found[fault.code, fault.property, fault.message] = fault
    for raw in _list(_embedded(message)):
        item = _object(raw)
        fault = _fault(
            _text(item.get("error")), _text(item.get("message")), _text(item.get("name")) or None
        )
        found[fault.code, fault.property, fault.message] = fault
    return tuple(found.values())


def _fault(code: str, message: str, name: str | None) -> Fault:
    match = _REFUSED_VALUE.match(message)
    return Fault(code, _brief(message), name, match.group(1) if match else None)


def _embedded(message: str) -> object:
    start = message.find("[")
    if _EMBEDDED not in message or start < 0:
        return None
    try:
        return orjson.loads(message[start:])
    except orjson.JSONDecodeError:
        return None


def _scopes(contexts: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    names: list[str] = []
    for context in contexts:
        names += _texts(context.get("requiredGranularScopes"))
        names += _texts(context.get("requiredScopes"))
    return tuple(dict.fromkeys(names))


def _dead(context: Mapping[str, Any], message: str) -> tuple[str, ...]:
    """Ids of records that an association cannot point to."""
    texts = (*_texts(context.get("INVALID_OBJECT_IDS")), message)
    return tuple(found for text in texts for found in re.findall(r"[A-Z_]+=(\d+) is not", text))


def _existing(context: Mapping[str, Any], message: str) -> str | None:
    given = _texts(context.get("existingId"))
    if given:
        return given[0]
    match = re.search(r"Existing ID: (\d+)", message)
    return match.group(1) if match else None


def _json(body: bytes) -> dict[str, Any] | None:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return (str(value),)
    return tuple(str(item) for item in _list(value) if isinstance(item, str | int))


def _first_texts(context: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    return next((texts for name in names if (texts := _texts(context.get(name)))), ())


def _brief(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
