"""The properties every portal has from the start, and HubSpot's numbers for object types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from leadback_hubspot_sandbox.definitions import Definition, Group, Option


@dataclass(frozen=True, slots=True)
class Kind:
    """An object type: its plural name is the key everywhere; ids and singular also resolve."""

    name: str
    singular: str
    type_id: str
    modified: str
    created: str
    default_properties: tuple[str, ...]
    required: tuple[str, ...] = ()
    filled: tuple[tuple[str, str], ...] = ()
    """Properties that a new record has though nobody set them."""


CONTACTS: Final = Kind(
    name="contacts",
    singular="contact",
    type_id="0-1",
    modified="lastmodifieddate",
    created="createdate",
    default_properties=(
        "createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname",
    ),
    filled=(("lifecyclestage", "lead"), ("hs_pipeline", "contacts-lifecycle-pipeline")),
)  # fmt: skip
_ENGAGEMENT_DEFAULTS: Final = ("hs_createdate", "hs_lastmodifieddate", "hs_object_id")
NOTES: Final = Kind(
    "notes", "note", "0-46", "hs_lastmodifieddate", "hs_createdate", _ENGAGEMENT_DEFAULTS,
    ("hs_timestamp",),
)  # fmt: skip
EMAILS: Final = Kind(
    "emails", "email", "0-49", "hs_lastmodifieddate", "hs_createdate", _ENGAGEMENT_DEFAULTS,
    ("hs_timestamp", "hs_email_direction"),
)  # fmt: skip
TASKS: Final = Kind(
    "tasks", "task", "0-27", "hs_lastmodifieddate", "hs_createdate", _ENGAGEMENT_DEFAULTS,
    ("hs_timestamp",), (("hs_task_priority", "NONE"),),
)  # fmt: skip
KINDS: Final = (CONTACTS, NOTES, EMAILS, TASKS)
ENGAGEMENTS: Final = ("notes", "emails", "tasks")
PREVIEWS: Final = ("hs_body_preview", "hs_body_preview_html", "hs_body_preview_is_truncated")

# https://developers.hubspot.com/docs/api-reference/crm-associations-v4/guide
ASSOCIATION_TYPES: Final = {
    ("notes", "contacts"): 202, ("contacts", "notes"): 201,
    ("emails", "contacts"): 198, ("contacts", "emails"): 197,
    ("tasks", "contacts"): 204, ("contacts", "tasks"): 203,
}  # fmt: skip

LEAD_STATUSES: Final = (
    ("New", "NEW"), ("Open", "OPEN"), ("In Progress", "IN_PROGRESS"), ("Open Deal", "OPEN_DEAL"),
    ("Unqualified", "UNQUALIFIED"), ("Attempted to Contact", "ATTEMPTED_TO_CONTACT"),
    ("Connected", "CONNECTED"), ("Bad Timing", "BAD_TIMING"),
)  # fmt: skip
LIFECYCLE_STAGES: Final = (
    ("Subscriber", "subscriber"), ("Lead", "lead"),
    ("Marketing Qualified Lead", "marketingqualifiedlead"),
    ("Sales Qualified Lead", "salesqualifiedlead"), ("Opportunity", "opportunity"),
    ("Customer", "customer"), ("Evangelist", "evangelist"), ("Other", "other"),
)  # fmt: skip

_CONTACT_TEXT: Final = (
    ("email", "Email"), ("firstname", "First Name"), ("lastname", "Last Name"),
    ("company", "Company Name"), ("jobtitle", "Job Title"), ("website", "Website URL"),
    ("address", "Street Address"), ("city", "City"), ("state", "State/Region"),
    ("zip", "Postal Code"), ("country", "Country/Region"), ("message", "Message"),
)  # fmt: skip
_CONTACT_READ_ONLY: Final = (
    ("createdate", "Create Date", "datetime"),
    ("lastmodifieddate", "Last Modified Date", "datetime"),
    ("hubspot_owner_assigneddate", "Owner Assigned Date", "datetime"),
    ("notes_last_updated", "Last Activity Date", "datetime"),
    ("hs_additional_emails", "Additional email addresses", "enumeration"),
    ("hs_merged_object_ids", "Merged record IDs", "enumeration"),
    ("hs_calculated_merged_vids", "Merged vids with timestamps", "string"),
    ("hs_email_domain", "Email Domain", "string"),
    ("hs_pipeline", "Pipeline", "string"),
    ("num_notes", "Number of Sales Activities", "number"),
)
_ALL_READ_ONLY: Final = (
    ("hs_object_id", "Record ID", "number"),
    ("hs_object_source", "Record creation source", "string"),
    ("hs_object_source_id", "Record creation source ID", "string"),
    ("hs_object_source_label", "Record source", "string"),
    ("hs_unique_creation_key", "Unique creation key", "string"),
    ("hs_created_by_user_id", "Created by user ID", "number"),
    ("hs_updated_by_user_id", "Updated by user ID", "number"),
)
_EMAIL_PEOPLE: Final = ("from", "sender", "to", "cc", "bcc")


def _text(name: str, label: str, group: str, *, field_type: str = "text") -> Definition:
    return Definition(name, label, "string", field_type, group, hubspot_defined=True)


def _read_only(name: str, label: str, kind: str, group: str) -> Definition:
    field_type = {"datetime": "date", "number": "number", "enumeration": "checkbox"}
    return Definition(
        name,
        label,
        kind,
        field_type.get(kind, "text"),
        group,
        hubspot_defined=True,
        read_only_value=True,
        form_field=False,
    )


def _choice(name: str, label: str, group: str, options: tuple[tuple[str, str], ...]) -> Definition:
    return Definition(
        name,
        label,
        "enumeration",
        "radio",
        group,
        options=[Option(text, value, index) for index, (text, value) in enumerate(options)],
        hubspot_defined=True,
    )


def _same(*values: str) -> tuple[tuple[str, str], ...]:
    return tuple((value.replace("_", " ").capitalize(), value) for value in values)


def _owner(group: str) -> Definition:
    return Definition(
        "hubspot_owner_id",
        "Contact owner",
        "enumeration",
        "select",
        group,
        hubspot_defined=True,
        external_options=True,
        referenced_object_type="OWNER",
    )


def _contact_definitions() -> list[Definition]:
    group = "contactinformation"
    made = [_text(name, label, group) for name, label in _CONTACT_TEXT]
    made += [_read_only(name, label, kind, group) for name, label, kind in _CONTACT_READ_ONLY]
    made += [
        Definition("phone", "Phone Number", "string", "phonenumber", group, hubspot_defined=True),
        Definition(
            "mobilephone", "Mobile Phone", "string", "phonenumber", group, hubspot_defined=True
        ),
        Definition("annualrevenue", "Annual Revenue", "number", "number", group,
                   hubspot_defined=True),
        Definition("closedate", "Close Date", "datetime", "date", group, hubspot_defined=True),
        _owner("sales_properties"),
        _choice("hs_lead_status", "Lead Status", "sales_properties", LEAD_STATUSES),
        _choice("lifecyclestage", "Lifecycle Stage", group, LIFECYCLE_STAGES),
    ]  # fmt: skip
    return made


def _engagement_definitions(kind: Kind) -> list[Definition]:
    group = {"notes": "note", "emails": "email", "tasks": "task"}[kind.name]
    made = [
        Definition(
            "hs_timestamp", "Activity date", "datetime", "date", group, hubspot_defined=True
        ),
        _owner(group),
        _text("hs_attachment_ids", "Attached file IDs", group),
        _read_only("hs_createdate", "Create date", "datetime", group),
        _read_only("hs_lastmodifieddate", "Last modified date", "datetime", group),
        *(_read_only(name, name[3:].replace("_", " "), "string", group) for name in PREVIEWS),
    ]
    if kind is NOTES:
        return [*made, _text("hs_note_body", "Note body", group, field_type="html")]
    if kind is TASKS:
        return made + _task_definitions(group)
    return made + _email_definitions(group)


def _task_definitions(group: str) -> list[Definition]:
    return [
        _text("hs_task_subject", "Task Title", group),
        _text("hs_task_body", "Notes", group, field_type="html"),
        _text("hs_task_reminders", "Reminders", group),
        _choice(
            "hs_task_status",
            "Task Status",
            group,
            _same("NOT_STARTED", "IN_PROGRESS", "WAITING", "COMPLETED", "DEFERRED"),
        ),
        _choice("hs_task_priority", "Priority", group, _same("NONE", "LOW", "MEDIUM", "HIGH")),
        _choice("hs_task_type", "Task Type", group, _same("EMAIL", "CALL", "TODO")),
    ]


def _email_definitions(group: str) -> list[Definition]:
    made = [
        _text("hs_email_subject", "Email subject", group),
        _text("hs_email_text", "Text body", group, field_type="textarea"),
        _text("hs_email_html", "Email HTML", group, field_type="html"),
        _text("hs_email_headers", "Email headers", group, field_type="textarea"),
        _choice("hs_email_direction", "Email direction", group,
                _same("EMAIL", "INCOMING_EMAIL", "FORWARDED_EMAIL")),
        _choice("hs_email_status", "Email send status", group,
                _same("BOUNCED", "FAILED", "SCHEDULED", "SENDING", "SENT")),
    ]  # fmt: skip
    made += [
        _read_only(f"hs_email_{who}_{part}", f"Email {who} {part}", "string", group)
        for who in _EMAIL_PEOPLE
        for part in ("email", "firstname", "lastname")
    ]
    return made


def definitions(kind: Kind, at_ms: int) -> dict[str, Definition]:
    """A fresh set of the built-in definitions, in HubSpot's own words."""
    group = "contactinformation" if kind is CONTACTS else kind.singular
    made = _contact_definitions() if kind is CONTACTS else _engagement_definitions(kind)
    made += [_read_only(name, label, type_, group) for name, label, type_ in _ALL_READ_ONLY]
    for definition in made:
        definition.created_ms = definition.updated_ms = at_ms
    return {definition.name: definition for definition in made}


def groups(kind: Kind) -> dict[str, Group]:
    if kind is not CONTACTS:
        return {kind.singular: Group(kind.singular, f"{kind.singular.capitalize()} information")}
    return {
        "contactinformation": Group("contactinformation", "Contact information", 0),
        "sales_properties": Group("sales_properties", "Sales properties", 1),
    }


def kind_of(name: str) -> Kind | None:
    """The object type of a path segment: plural, singular or type id, in any case."""
    for kind in KINDS:
        if name.lower() in (kind.name, kind.singular, kind.type_id):
            return kind
    return None
