"""Finished answers, optional fields left out at random, and the answers that a fault gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from leadback_hubspot_sandbox.clock import format_iso
from leadback_hubspot_sandbox.faults import Fault
from leadback_hubspot_sandbox.portal import Portal
from leadback_hubspot_sandbox.wire import Wire

OMISSION: Final = 0.2


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer, before a fault may spoil it on the wire."""

    status: int
    body: bytes
    headers: dict[str, str]


async def spoil(wire: Wire, fault: Fault, answer: Answer | None, portal: Portal) -> int:
    """Carry a fault out on the wire; returns the status the caller sees (0: none)."""
    if fault.kind in ("reset", "commit-then-drop"):
        wire.reset()
        return 0
    if fault.kind == "cut-off" and answer is not None:
        await wire.cut_off(answer.status, answer.body, answer.headers)
        return answer.status
    if fault.kind == "empty" and answer is not None:
        await wire.answer(answer.status, b"", {})
        return answer.status
    status, body, headers = spoilt(fault, portal)
    await wire.answer(status, body, headers)
    return status


def omit(body: dict[str, Any], portal: Portal) -> None:
    """Leave optional fields out at random; the message still says everything."""
    for name in ("links", "subCategory"):
        if name in body and portal.chance(OMISSION):
            del body[name]
    embedded = str(body.get("message", "")).startswith("Property values were not valid: [")
    if embedded and portal.chance(OMISSION):
        body.pop("errors", None)


def spoilt(fault: Fault, portal: Portal) -> tuple[int, bytes, dict[str, str]]:
    """The answer that a status fault gives instead of the real one."""
    headers: dict[str, str] = {}
    if fault.kind == "answer":
        return fault.status, fault.body.encode(), {"Content-Type": fault.content_type}
    if fault.kind == "no-effect":
        now = format_iso(portal.clock.now_ms())
        body = {"status": "COMPLETE", "results": [], "errors": [], "startedAt": now,
                "completedAt": now}  # fmt: skip
        return 200, orjson.dumps(body), headers
    if fault.kind in ("html", "502", "504", "521", "523", "524"):
        status = 500 if fault.kind == "html" else int(fault.kind)
        headers["Content-Type"] = "text/html; charset=UTF-8"
        page = f"<!DOCTYPE html><html><head><title>{status}</title></head><body><h1>Error {status}"
        return status, f"{page}</h1></body></html>".encode(), headers
    message, category = {
        "401": ("Authentication credentials not found.", "INVALID_AUTHENTICATION"),
        "423": ("The record is locked by another operation.", "LOCKED"),
        "429": ("You have reached your ten_secondly_rolling limit.", "RATE_LIMITS"),
        "477": ("Migration in progress.", "MIGRATION_IN_PROGRESS"),
        "503": ("Service temporarily unavailable.", "SERVICE_UNAVAILABLE"),
    }[fault.kind]
    if fault.kind == "477":
        headers["Retry-After"] = str(max(1, int(fault.seconds)))
    if fault.kind == "429" and fault.seconds:
        headers["Retry-After"] = str(max(1, int(fault.seconds)))
    return (
        int(fault.kind),
        orjson.dumps({"status": "error", "message": message, "category": category}),
        headers,
    )
