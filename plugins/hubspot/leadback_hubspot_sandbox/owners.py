"""The owners API (read only) and the account's details."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from leadback_hubspot_sandbox.call import Call, Reply
from leadback_hubspot_sandbox.errors import invalid, refusal
from leadback_hubspot_sandbox.oauth import uninstall as uninstall_app
from leadback_hubspot_sandbox.portal import Owner

PAGE = 100
MOST = 500


def listing(call: Call) -> Reply:
    """Active owners, or with ``archived=true`` only deactivated ones; ``email`` matches exactly."""
    archived, email = call.flag("archived"), call.text("email").lower()
    found = sorted(
        (
            owner
            for owner in call.portal.owners.values()
            if owner.archived is archived and (not email or owner.email == email)
        ),
        key=lambda owner: int(owner.id),
    )
    limit, start = call.limit(PAGE, MOST), _start(call.text("after"))
    body: dict[str, Any] = {"results": [owner.render() for owner in found[start : start + limit]]}
    if start + limit < len(found):
        after = base64.b64encode(str(start + limit).encode()).decode()
        link = f"{call.origin}{call.path}?limit={limit}&after={after}"
        body["paging"] = {"next": {"after": after, "link": link}}
    return Reply(200, body)


def read(call: Call) -> Reply:
    key, id_property = call.args[0], call.text("idProperty", "id")
    if id_property not in ("id", "userId"):
        raise invalid(f"idProperty must be id or userId, not {id_property!r}")
    owner: Owner | None
    if id_property == "id":
        owner = call.portal.owners.get(key)
    else:
        by_user = (one for one in call.portal.owners.values() if str(one.user_id) == key)
        owner = next(by_user, None)
    if owner is None or owner.archived is not call.flag("archived"):
        raise call.not_found(key)
    return Reply(200, owner.render())


def account(call: Call) -> Reply:
    """``account-info/…/details``; says nothing about the subscription tier."""
    portal = call.portal
    offset = local_time(portal.clock.now_ms(), portal.time_zone).utcoffset()
    milliseconds = int(offset.total_seconds() * 1000) if offset else 0
    sign, minutes = "-" if milliseconds < 0 else "+", abs(milliseconds) // 60_000
    return Reply(
        200,
        {
            "portalId": portal.id,
            "accountType": "DEVELOPER_TEST",
            "timeZone": portal.time_zone,
            "utcOffset": f"{sign}{minutes // 60:02d}:{minutes % 60:02d}",
            "utcOffsetMilliseconds": milliseconds,
            "companyCurrency": "USD",
            "additionalCurrencies": [],
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        },
    )


def local_time(now_ms: int, time_zone: str) -> datetime:
    """The account's local time; ``UTC`` needs no time zone database."""
    zone = UTC if time_zone == "UTC" else ZoneInfo(time_zone)
    return datetime.fromtimestamp(now_ms / 1000, zone)


def uninstall(call: Call) -> Reply:
    """``DELETE appinstalls/…/external-install``: the app leaves the portal."""
    if call.access.kind != "oauth":
        raise refusal(403, None, "This endpoint isn't available for public use.")
    uninstall_app(call.portal, call.access.app_id)
    return Reply(204)


def _start(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        return int(base64.b64decode(cursor, validate=True).decode())
    except (binascii.Error, ValueError):
        raise invalid(f"Invalid cursor {cursor!r}") from None
