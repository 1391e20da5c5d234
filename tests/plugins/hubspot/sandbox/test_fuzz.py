"""Nonsense of any shape is refused with a 4xx: the sandbox never breaks."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

KEYS = st.sampled_from(
    ["inputs", "id", "idProperty", "properties", "propertiesWithHistory", "associations", "to",
     "from", "types", "associationTypeId", "associationCategory", "objectWriteTraceId", "limit",
     "after", "sorts", "filterGroups", "filters", "propertyName", "operator", "value", "values",
     "direction", "name", "label", "groupName", "type", "fieldType", "options", "displayOrder",
     "hidden", "archived", "dataSensitivity", "primaryObjectId", "objectIdToMerge", "objectId",
     "hs_timestamp", "email", "hubspot_owner_id", "hs_lead_status", "lifecyclestage", "query"]
)  # fmt: skip
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["1", "notes", "202", "EQ", "IN", "email", "contactinformation", "string"]),
)
BODIES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)
OBJECTS = [
    "batch/read", "batch/create", "batch/update", "batch/upsert", "batch/archive", "search",
    "merge", "gdpr-delete", "",
]  # fmt: skip
PATHS = [
    *(f"/crm/objects/2026-09/contacts/{name}" for name in OBJECTS),
    "/crm/v3/objects/emails/batch/create",
    "/crm/properties/2026-09/contacts",
    "/crm/properties/2026-09/contacts/batch/create",
    "/crm/properties/2026-09/contacts/batch/read",
    "/crm/properties/2026-09/contacts/groups",
    "/crm/associations/2026-09/contacts/notes/batch/read",
    "/crm/associations/2026-09/notes/contacts/batch/create",
]
CONTROL = ["actions", "faults", "clock", "portals", "apps", "install", "uninstall"]


@pytest.mark.parametrize("path", PATHS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, wrapped=st.booleans())
def test_bodies(portal, path, body, wrapped):
    sent = {"inputs": [body], "properties": body} if wrapped else body
    assert portal.call("POST", path, sent).status_code < 500


@pytest.fixture
def own(make_portal):
    """Control calls may set the clock: not in the sandbox of all tests."""
    return make_portal(clock="2026-11-02T09:00:00Z")


@pytest.mark.parametrize("path", CONTROL)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.dictionaries(
        st.sampled_from(
            ["action", "contact", "owner", "properties", "at", "by", "kind", "count", "seconds",
             "probability", "route", "limits", "freeze", "owners", "tier", "switches", "scopes",
             "seed", "app_id", "client_id", "client_secret", "redirect_uri", "redirect_uris",
             "token", "time_zone", "property", "value", "primary", "merged"]
        ),
        BODIES | st.sampled_from(["create_contact", "assign", "merge", "503", "2026-11-02"]),
        max_size=5,
    )
)  # fmt: skip
def test_control_bodies(own, path, body):
    answer = own.call("POST", f"/_sandbox/{path}", body)
    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize("name", ["switches", "webhooks", "budget"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.dictionaries(
        st.sampled_from(["search_lag", "merge_history", "url", "properties", "used_today"]),
        BODIES,
        max_size=3,
    )
)
def test_settings_bodies(own, name, body):
    assert own.call("PATCH", f"/_sandbox/{name}", body).status_code < 500
