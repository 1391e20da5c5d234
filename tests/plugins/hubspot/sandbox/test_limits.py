"""Rate limits on the portal's own clock, token by token."""

import datetime

WINDOW = "X-HubSpot-RateLimit-Remaining"


def read(portal):
    return portal.objects("GET", "contacts?limit=1")


def test_rolling_window(make_portal):
    portal = make_portal(rate_limited=True, tier="free", switches={"limits_clock": "real"})
    answers = [read(portal) for _ in range(101)]
    assert [answer.status_code for answer in answers] == [200] * 100 + [429]
    assert answers[0].headers["X-HubSpot-RateLimit-Max"] == "100"
    assert answers[0].headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    assert answers[0].headers["X-HubSpot-RateLimit-Daily"] == "250000"
    assert [int(answer.headers[WINDOW]) for answer in answers[:3]] == [99, 98, 97]
    refused = answers[-1]
    assert "Retry-After" not in refused.headers
    assert refused.json()["message"] == "You have reached your ten_secondly_rolling limit."
    shapes = [read(portal).json() for _ in range(40)]
    assert {shape.get("policyName") for shape in shapes} == {"TEN_SECONDLY_ROLLING", None}
    assert {shape.get("errorType") for shape in shapes} == {"RATE_LIMIT", None}
    stats = portal.control("GET", "stats")
    assert stats["rate_limited"] == 41
    assert stats["calls"]["GET /crm/objects/{version}/contacts"] == {"200": 100, "429": 41}


def test_search_has_its_own_five_a_second_and_only_the_headers_of_the_day(make_portal):
    portal = make_portal(rate_limited=True)
    answers = [portal.objects("POST", "contacts/search", {}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert "secondly" in answers[-1].json()["message"]
    shown = {n.lower(): v for n, v in answers[0].headers.items() if "ratelimit" in n.lower()}
    assert shown == {
        "x-hubspot-ratelimit-daily": "625000",
        "x-hubspot-ratelimit-daily-remaining": "624999",
    }
    assert read(portal).headers[WINDOW] == "189"


def test_associations_have_their_own_window(make_portal):
    portal = make_portal(rate_limited=True)
    body = {"inputs": [{"id": "1"}]}
    answer = portal.call("POST", "/crm/associations/2026-09/contacts/notes/batch/read", body)
    assert answer.headers["X-HubSpot-RateLimit-Max"] == "150"
    assert read(portal).headers[WINDOW] == "189"


def test_oauth_tier_has_no_daily_limit(make_portal):
    headers = read(make_portal(rate_limited=True, tier="oauth")).headers
    assert headers["X-HubSpot-RateLimit-Max"] == "110"
    assert "X-HubSpot-RateLimit-Daily" not in headers


def test_retry_after_is_a_switch(make_portal):
    portal = make_portal(rate_limited=True, tier="free", switches={"retry_after": True})
    while (answer := read(portal)).status_code == 200:
        pass
    assert answer.headers["Retry-After"] == "10"


def test_no_rate_limit_sends_no_429(make_portal):
    portal = make_portal(rate_limited=False, tier="free")
    assert {read(portal).status_code for _ in range(120)} == {200}


def test_daily_limit_ends_at_the_accounts_midnight(make_portal):
    portal = make_portal(
        clock="2026-11-02T22:00:00Z", tier="free", time_zone="Europe/Berlin", rate_limited=True
    )
    clock = {"freeze": True, "limits": "virtual"}
    portal.control("PATCH", "budget", {"used_today": 249_999})
    portal.control("POST", "clock", {"now": "2026-11-02T22:50:00Z", **clock})
    assert read(portal).status_code == 200
    refused = read(portal)
    assert refused.status_code == 429
    assert refused.json()["message"] == "You have reached your daily limit."
    assert portal.objects("POST", "contacts/search", {}).status_code == 429
    portal.control("POST", "clock", {"now": "2026-11-02T23:00:01Z", **clock})
    assert read(portal).status_code == 200


def test_clock_is_settable(private_sandbox):
    portal = private_sandbox("--clock", "2026-11-02T23:59:00Z", "--tier", "free")
    assert portal.control("GET", "clock")["now"].startswith("2026-11-02T23:59:0")
    portal.control(
        "POST", "clock", {"now": "2026-11-02T23:59:30Z", "freeze": True, "limits": "virtual"}
    )
    statuses = [read(portal).status_code for _ in range(101)]
    assert statuses == [200] * 100 + [429]
    portal.control("POST", "clock", {"now": "2026-11-02T23:59:41Z", "freeze": True})
    answer = read(portal)
    assert answer.status_code == 200
    assert answer.headers["X-HubSpot-RateLimit-Daily-Remaining"] == str(250_000 - 101)
    portal.control("POST", "clock", {"now": "2026-11-03T00:00:01Z", "freeze": True})
    assert read(portal).headers["X-HubSpot-RateLimit-Daily-Remaining"] == "249999"
    contact = portal.contact(firstname="A")
    assert portal.read(contact)["createdAt"] == "2026-11-03T00:00:01.000Z"
    details = portal.call("GET", "/account-info/2026-09/details").json()
    assert details["portalId"] == portal.id
    assert datetime.timedelta(milliseconds=details["utcOffsetMilliseconds"]) == (
        datetime.timedelta(0)
    )
