"""One API call as a handler sees it, and strict readers for its query and JSON body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from leadback_hubspot_sandbox.catalog import Kind
from leadback_hubspot_sandbox.errors import ApiError, invalid, record_not_found, wrong_type
from leadback_hubspot_sandbox.history import Source, from_app
from leadback_hubspot_sandbox.portal import Access, Portal
from leadback_hubspot_sandbox.records import RecordStore

BATCH_LIMIT = 100
HISTORY_BATCH_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Call:
    """``version`` is ``v3``, ``v4`` or a date; ``args`` are the path's variable segments."""

    portal: Portal
    access: Access
    version: str
    path: str
    route: str
    args: tuple[str, ...] = ()
    query: Mapping[str, list[str]] = field(default_factory=dict)
    body: Any = None
    kind: Kind | None = None
    origin: str = ""
    accept: str = ""

    @property
    def store(self) -> RecordStore:
        assert self.kind is not None, "the router sets the kind of every object route"  # noqa: S101
        return self.portal.stores[self.kind.name]

    @property
    def source(self) -> Source:
        return from_app(self.access.app_id)

    @property
    def enforces_write_rules(self) -> bool:
        """Admin-made rules hold for API writes from 2026-09 on."""
        return self.version[:1].isdigit() and self.version >= "2026-09"

    def not_found(self, record_id: str) -> ApiError:
        """There is no such record, in the shape that the caller gets."""
        shape = self.portal.switches.missing_record
        return record_not_found(record_id, shape=shape, accept=self.accept)

    def text(self, name: str, default: str = "") -> str:
        values = self.query.get(name)
        return values[-1] if values else default

    def listed(self, name: str) -> list[str]:
        """A list parameter: repeated, comma-separated, or both."""
        return [part for text in self.query.get(name, []) for part in text.split(",") if part]

    def flag(self, name: str) -> bool:
        text = self.text(name, "false").lower()
        if text not in ("true", "false"):
            raise invalid(f"{name} must be true or false, not {text!r}")
        return text == "true"

    def limit(self, default: int, most: int) -> int:
        text = self.text("limit", str(default))
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
            raise invalid(f"Invalid limit {text!r}: must be a number from 1 to {most}")
        return int(text)

    def object(self) -> dict[str, Any]:
        """The body, which must be a JSON object."""
        return as_object(self.body, "$")

    def inputs(self, *, most: int = BATCH_LIMIT, histories: bool = False) -> list[dict[str, Any]]:
        """The ``inputs`` of a batch call, each an object; too many or none is refused."""
        raw = as_list(self.object().get("inputs"), "$.inputs")
        if not raw:
            raise invalid("inputs must not be empty")
        if len(raw) > most:
            subject = " for property histories" if histories else ""
            raise invalid(
                f"The maximum number of inputs supported in a batch request{subject} is {most}."
                f" Received {len(raw)}."
            )
        return [as_object(item, f"$.inputs[{index}]") for index, item in enumerate(raw)]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler answers; ``body=None`` means no content."""

    status: int
    body: Any = None


Handler: TypeAlias = Callable[[Call], Reply]


def as_object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong_type(path, "java.util.LinkedHashMap", value)
    return value


def as_list(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise wrong_type(path, "java.util.ArrayList", value)
    return value


def as_text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise wrong_type(path, "java.lang.String", value)
    return value


def as_value(value: Any, path: str) -> str:
    """Text; a number or a boolean is read as its text, as HubSpot's reader does."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else as_text(value, path)


def as_texts(value: Any, path: str) -> list[str]:
    """A list of strings; absent counts as empty."""
    if value is None:
        return []
    return [as_value(item, f"{path}[{index}]") for index, item in enumerate(as_list(value, path))]


def text_or_none(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    return None if value is None else as_text(value, f"$.{name}")


def properties_of(body: Mapping[str, Any]) -> dict[str, str]:
    """The ``properties`` object of a write: everything as text."""
    raw = as_object(body.get("properties"), "$.properties")
    return {name: as_value(value, f"$.properties.{name}") for name, value in raw.items()}
