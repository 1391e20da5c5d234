"""The scopes that a call needs, for a 403 that names none. Pure.

HubSpot has been seen to answer so where a key has the write scope of a family and not the read
scope: neither includes the other (https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/scopes).
"""

READING = ("/batch/read", "/search")


def scopes_for(method: str, path: str) -> tuple[str, ...]:
    """By the paths of either style; () for what needs none of our scopes."""
    words = path.split("/")
    action = "read" if method == "GET" or path.endswith(READING) else "write"
    if "owners" in words:
        return ("crm.objects.owners.read",)
    if "properties" in words:
        kinds = [kind for kind in ("contacts", "notes", "emails", "tasks") if kind in words]
        return tuple(f"crm.schemas.{kind}.{action}" for kind in kinds[:1])
    if "objects" in words or "associations" in words:
        needed = f"crm.objects.contacts.{action}"
        return (needed, "sales-email-read") if "emails" in words else (needed,)
    return ()
