"""Property definitions: what a portal knows about each property, and how it shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from leadback_hubspot_sandbox.clock import format_iso


@dataclass(slots=True)
class Option:
    """One allowed value of an enumeration; ``value`` is matched exactly."""

    label: str
    value: str
    display_order: int = -1
    hidden: bool = False
    description: str = ""

    def render(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "value": self.value,
            "description": self.description,
            "displayOrder": self.display_order,
            "hidden": self.hidden,
        }

    def prose(self) -> str:
        """As HubSpot lists options inside an INVALID_OPTION message."""
        return (
            f'label: "{self.label}"\nvalue: "{self.value}"\ndisplay_order: {self.display_order}\n'
            f"hidden: {str(self.hidden).lower()}\nread_only: false\n"
        )


@dataclass(slots=True)
class Definition:
    """A property of one object type. ``visible_from`` is monotonic: new ones appear with a lag."""

    name: str
    label: str
    type: str
    field_type: str
    group: str
    description: str = ""
    options: list[Option] = field(default_factory=list)
    display_order: int = -1
    has_unique_value: bool = False
    hidden: bool = False
    form_field: bool = True
    hubspot_defined: bool = False
    read_only_value: bool = False
    calculated: bool = False
    external_options: bool = False
    referenced_object_type: str | None = None
    data_sensitivity: str = "non_sensitive"
    created_ms: int = 0
    updated_ms: int = 0
    archived_ms: int | None = None
    visible_from: float = 0.0

    def allows(self, value: str, *, hidden_too: bool) -> bool:
        """Exact and case-sensitive, on the internal value."""
        return any(
            option.value == value and (hidden_too or not option.hidden) for option in self.options
        )

    def render(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "updatedAt": format_iso(self.updated_ms),
            "createdAt": format_iso(self.created_ms),
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group,
            "options": [option.render() for option in self.options],
            "displayOrder": self.display_order,
            "calculated": self.calculated,
            "externalOptions": self.external_options,
            "archived": self.archived_ms is not None,
            "hasUniqueValue": self.has_unique_value,
            "hidden": self.hidden,
            "hubspotDefined": self.hubspot_defined,
            "modificationMetadata": {
                "archivable": not self.hubspot_defined,
                "readOnlyDefinition": self.hubspot_defined and not self.options,
                "readOnlyOptions": self.hubspot_defined and self.read_only_value,
                "readOnlyValue": self.read_only_value,
            },
            "formField": self.form_field,
            "dataSensitivity": self.data_sensitivity,
        }
        if self.referenced_object_type is not None:
            body["referencedObjectType"] = self.referenced_object_type
        if self.archived_ms is not None:
            body["archivedAt"] = format_iso(self.archived_ms)
        return body


@dataclass(slots=True)
class Group:
    """A named group of properties."""

    name: str
    label: str
    display_order: int = -1
    archived: bool = False

    def render(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "label": self.label,
            "displayOrder": self.display_order,
            "archived": self.archived,
        }
