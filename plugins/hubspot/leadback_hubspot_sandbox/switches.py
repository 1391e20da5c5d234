"""Switches for the points where HubSpot's real behaviour is unconfirmed, or varies.

Each default is the stricter reading. A portal's switches are read and set over the control API.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any


class SwitchError(ValueError):
    """An unknown switch, or a value of the wrong type; the text says what is allowed."""


def _switch(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(slots=True)
class Switches:
    """One portal's behaviour. Times are real seconds; probabilities are 0 to 1."""

    shuffle_results: bool = _switch(True, "batch results come in random order")
    omit_optional_fields: bool = _switch(
        True, "numErrors, links, subCategory and errors[] are left out at random"
    )
    update_trace_207: bool = _switch(
        False, "batch/update with unique trace ids answers 207 per bad input, not 400 for all"
    )
    email_upsert_trace_ids: bool = _switch(
        False, "batch/upsert by email takes objectWriteTraceId (refused in 2025)"
    )
    noop_write_history: bool = _switch(
        False, "setting a property to its present value makes history and a webhook"
    )
    hidden_options_accepted: bool = _switch(False, "API writes may use hidden options")
    deactivated_owner_accepted: bool = _switch(
        False, "a deactivated owner's id may be written to hubspot_owner_id"
    )
    merge_new_id: bool = _switch(
        True, "a merge makes a new record id (false: as in the beta of primary id preservation)"
    )
    merge_history: str = _switch(
        "primary", "'primary': the primary's history only; 'union': both, by time"
    )
    merged_association_accepted: bool = _switch(
        False, "an association may name a merged-away contact"
    )
    association_delay: float = _switch(0.0, "seconds until a new association can be read")
    duplicate_reads_accepted: bool = _switch(
        False, "batch/read answers an id that is asked for twice once, instead of 400"
    )
    strip_note_comments: bool = _switch(True, "HTML comments are stripped from note bodies")
    association_none_as_error: bool = _switch(
        True, "associations batch/read lists a record without associations as an error entry"
    )
    gdpr_blocks_recreate: bool = _switch(True, "an erased email address cannot be created again")
    engagement_properties: str = _switch(
        "forbidden", "'allowed' or 'forbidden': apps may create properties on notes/emails/tasks"
    )
    lead_status_options_editable: bool = _switch(
        True, "an app may PATCH the options of hs_lead_status"
    )
    property_lag: tuple[float, float] = _switch(
        (0.25, 0.7),
        "a new property becomes visible after a time in this range",
    )
    property_lag_on_write: bool = _switch(
        True, "a record write within that time gets PROPERTY_DOESNT_EXIST"
    )
    search_lag: tuple[float, float] = _switch(
        (3.0, 20.0),
        "a write reaches the search index after this",
    )
    retry_after: bool = _switch(False, "429 answers carry Retry-After")
    count_rejected_calls: bool = _switch(False, "calls answered 429 use up the window too")
    limits_clock: str = _switch("real", "'real' or 'virtual': the clock of the rate windows")
    missing_record: str = _switch(
        "auto",
        "404 of a record: 'auto' (JSON for what is no number, else empty for who accepts JSON and"
        " an HTML page for others), 'html', 'empty' or 'json'",
    )
    new_contacts_are_leads: bool = _switch(
        True, "a new contact gets the lifecycle stage lead and its pipeline, as accounts are set up"
    )
    archived_patch: str = _switch("404", "'404': PATCH of an archived record is not found")
    secondary_email_lookup: bool = _switch(
        False, "idProperty=email also finds a contact by an additional address"
    )
    uninstalled_category: str = _switch(
        "INVALID_AUTHENTICATION", "the 401 category after the app was uninstalled"
    )
    rotate_refresh_token: bool = _switch(
        False, "each refresh gives a new refresh token and ends the old one"
    )
    introspect_field: str = _switch(
        "token", "'token', or 'hint': introspection also reads the field named by token_type_hint"
    )
    scopes_named: bool = _switch(True, "a 403 for missing scopes names them")
    unavailable_scopes: tuple[str, ...] = _switch((), "scopes this account cannot grant")
    conditional_required: tuple[dict[str, Any], ...] = _switch(
        (),
        'rules {"property","value","required":[…]} that 2026-09 and later enforce on writes',
    )
    creator_required: tuple[str, ...] = _switch(
        (),
        "properties that 2026-09 and later require when a contact is created",
    )
    workflow_owner: str = _switch(
        "", "owner id that a workflow sets right after an API write of the owner"
    )
    workflow_source: str = _switch(
        "AUTOMATION_PLATFORM",
        "source type that histories show for the workflow; any of HubSpot's 119",
    )
    webhook_delay: tuple[float, float] = _switch(
        (0.05, 0.3),
        "a webhook leaves after a time in this range",
    )
    webhook_duplicates: float = _switch(0.02, "probability that a notification is sent twice")
    webhook_time_compression: float = _switch(
        600.0, "webhook retries, spread over a day at HubSpot, come this many times faster"
    )
    webhook_timestamp: str = _switch(
        "real", "'real' or 'clock': the time in the webhook signature's timestamp header"
    )
    webhook_generic: bool = _switch(False, "send object.* subscriptions instead of contact.*")

    def describe(self) -> dict[str, dict[str, Any]]:
        return {
            item.name: {"value": getattr(self, item.name), "meaning": item.metadata["meaning"]}
            for item in fields(self)
        }

    def change(self, wanted: dict[str, Any]) -> None:
        """Set all of ``wanted`` or, when one is wrong, nothing."""
        known = {item.name for item in fields(self)}
        for name, value in wanted.items():
            if name not in known:
                raise SwitchError(f"Unknown switch {name!r}; known: {', '.join(sorted(known))}")
            self._check(name, value)
        for name, value in wanted.items():
            present = getattr(self, name)
            if isinstance(present, float):
                value = float(value)
            setattr(self, name, tuple(value) if isinstance(value, list) else value)

    def _check(self, name: str, value: Any) -> None:
        present = getattr(self, name)
        allowed = _WORDS.get(name)
        if allowed is not None and value not in allowed:
            raise SwitchError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
        if isinstance(present, float):
            fits = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        elif name in _RANGES:
            fits = (
                isinstance(value, list)
                and len(value) == 2
                and all(isinstance(part, int | float) and part >= 0 for part in value)
                and value[0] <= value[1]
            )
        elif isinstance(present, tuple):
            fits = isinstance(value, list) and all(_fits(name, part) for part in value)
        else:
            fits = type(value) is type(present)
        if not fits:
            raise SwitchError(f"{name} must look like {present!r}, not {value!r}")


def _fits(name: str, part: Any) -> bool:
    if name != "conditional_required":
        return isinstance(part, str)
    return (
        isinstance(part, dict)
        and isinstance(part.get("property"), str)
        and isinstance(part.get("value"), str)
        and isinstance(part.get("required"), list)
    )


_RANGES = frozenset({"property_lag", "search_lag", "webhook_delay"})
_WORDS = {
    "merge_history": ("primary", "union"),
    "engagement_properties": ("allowed", "forbidden"),
    "limits_clock": ("real", "virtual"),
    "missing_record": ("auto", "html", "empty", "json"),
    "archived_patch": ("404", "200"),
    "webhook_timestamp": ("real", "clock"),
    "introspect_field": ("token", "hint"),
}
