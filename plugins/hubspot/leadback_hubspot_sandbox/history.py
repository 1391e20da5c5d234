"""Who changed which property when: the history entries HubSpot keeps for every property."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from leadback_hubspot_sandbox.clock import format_iso


@dataclass(frozen=True, slots=True)
class Source:
    """The author of a change, as history and webhooks name it."""

    type: str
    id: str | None = None
    user_id: int | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One value a property had from ``at_ms`` on; an empty value means cleared."""

    value: str
    at_ms: int
    source: Source

    def render(self) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "value": self.value,
            "timestamp": format_iso(self.at_ms),
            "sourceType": self.source.type,
        }
        if self.source.id is not None:
            entry["sourceId"] = self.source.id
        if self.source.label is not None:
            entry["sourceLabel"] = self.source.label
        if self.source.user_id is not None:
            entry["updatedByUserId"] = self.source.user_id
        return entry


def from_user(user_id: int) -> Source:
    """A person in HubSpot's pages."""
    return Source(type="CRM_UI", id=f"userId:{user_id}", user_id=user_id)


def from_app(app_id: int) -> Source:
    """An app's or private app's API call."""
    return Source(type="INTEGRATION", id=str(app_id))


def from_automation(type_: str, flow_id: int) -> Source:
    """The portal's own automation: a workflow, a journey, an agent, a sync, …"""
    label = "Workflow" if type_ == "AUTOMATION_PLATFORM" else None
    return Source(type=type_, id=f"enrollmentId:{flow_id};actionExecutionIndex:0", label=label)
