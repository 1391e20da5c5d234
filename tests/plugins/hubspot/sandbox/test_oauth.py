"""The OAuth server: consent, code, refresh by the clock, refusals in HubSpot's own shape."""

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

APP = {"client_id": "app-1", "client_secret": "app-1-secret", "app_id": 77}
REDIRECT = "https://leadback.example.com/oauth/callback?x=1"
SCOPE = "oauth crm.objects.contacts.read crm.objects.owners.read"


def form(portal, path, **fields):
    body = {"client_id": APP["client_id"], "client_secret": APP["client_secret"], **fields}
    return requests.post(f"{portal.url}/oauth/2026-09/{path}", data=body, timeout=60)


def authorize(portal, **changes):
    asked = {
        "client_id": APP["client_id"],
        "redirect_uri": REDIRECT,
        "scope": SCOPE,
        "state": "st&te",
        **changes,
    }
    page = requests.get(f"{portal.url}/oauth/authorize", params=asked, timeout=60)
    answer = requests.post(
        f"{portal.url}/oauth/authorize",
        data={**asked, "portal_id": portal.id, "decision": changes.get("decision", "allow")},
        allow_redirects=False,
        timeout=60,
    )
    return page, answer


def returned(answer):
    assert answer.status_code == 302
    return {
        key: values[0]
        for key, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()
    }


def connect(portal, **changes):
    code = returned(authorize(portal, **changes)[1])["code"]
    return form(
        portal, "token", grant_type="authorization_code", code=code, redirect_uri=REDIRECT
    ).json()


@pytest.fixture
def portal(make_portal):
    made = make_portal(clock="2026-11-02T09:00:00Z", rate_limited=True)
    made.control("POST", "apps", {**APP, "redirect_uris": [REDIRECT]})
    return made


def test_from_consent_to_call(portal):
    page, answer = authorize(portal, optional_scope="sales-email-read")
    assert page.status_code == 200
    assert "crm.objects.owners.read" in page.text
    back = returned(answer)
    assert back["state"] == "st&te"
    assert back["x"] == "1"
    token = form(
        portal, "token", grant_type="authorization_code", code=back["code"], redirect_uri=REDIRECT
    )
    assert token.status_code == 200
    body = token.json()
    assert body["expires_in"] == 1800
    assert body["hub_id"] == portal.id
    assert body["token_use"] == "access_token"
    assert set(body["scopes"]) == {*SCOPE.split(), "sales-email-read"}
    access = body["access_token"]
    allowed = portal.call("GET", "/crm/objects/2026-09/contacts", token=access)
    assert allowed.status_code == 200
    assert allowed.headers["X-HubSpot-RateLimit-Max"] == "110"
    assert "X-HubSpot-RateLimit-Daily" not in allowed.headers
    refused = portal.call("POST", "/crm/objects/2026-09/contacts", {"properties": {}}, token=access)
    assert refused.status_code == 403
    again = form(
        portal, "token", grant_type="authorization_code", code=back["code"], redirect_uri=REDIRECT
    )
    assert again.json()["status"] == "BAD_AUTH_CODE"


def test_expiry_and_refresh_on_the_clock(portal):
    first = connect(portal)
    portal.control("POST", "clock", {"now": "2026-11-02T09:29:00Z", "freeze": True})
    path = "/crm/owners/2026-09"
    assert portal.call("GET", path, token=first["access_token"]).status_code == 200
    portal.control("POST", "clock", {"now": "2026-11-02T09:30:30Z", "freeze": True})
    expired = portal.call("GET", path, token=first["access_token"])
    assert expired.status_code == 401
    assert expired.json()["category"] == "EXPIRED_AUTHENTICATION"
    assert expired.json()["context"]["expire time"][0].startswith("2026-11-02T09:30:0")
    second = form(
        portal, "token", grant_type="refresh_token", refresh_token=first["refresh_token"]
    ).json()
    assert second["refresh_token"] == first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert portal.call("GET", path, token=second["access_token"]).status_code == 200
    portal.switch(rotate_refresh_token=True)
    third = form(
        portal, "token", grant_type="refresh_token", refresh_token=first["refresh_token"]
    ).json()
    assert third["refresh_token"] != first["refresh_token"]
    old = form(portal, "token", grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert old.json()["status"] == "BAD_REFRESH_TOKEN"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"client_id": "nobody"}, "BAD_CLIENT_ID"),
        ({"client_secret": "wrong"}, "BAD_CLIENT_SECRET"),
        ({"refresh_token": "na1-x"}, "BAD_REFRESH_TOKEN"),
        ({"grant_type": "authorization_code", "code": "x"}, "BAD_AUTH_CODE"),
        ({"grant_type": "client_credentials", "scope": "oauth"}, "BAD_SCOPES"),
    ],
)
def test_refused_tokens(portal, changes, status):
    answer = form(portal, "token", **{"grant_type": "refresh_token", **changes})
    assert answer.status_code == 400
    body = answer.json()
    assert body["status"] == status
    assert set(body) == {"error", "error_description", "status", "message", "correlationId"}


def test_code_is_bound_to_redirect_and_verifier(portal):
    verifier = "v" * 43
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    pkce = {"code_challenge": challenge, "code_challenge_method": "S256"}

    def exchange(**fields):
        code = returned(authorize(portal, **pkce)[1])["code"]
        return form(portal, "token", grant_type="authorization_code", code=code, **fields)

    wrong = exchange(redirect_uri="https://evil.example.com/", code_verifier=verifier)
    assert wrong.json()["status"] == "BAD_REDIRECT_URI"
    missing = exchange(redirect_uri=REDIRECT)
    assert missing.json()["status"] == "BAD_CODE_VERIFIER"
    assert exchange(redirect_uri=REDIRECT, code_verifier=verifier).status_code == 200


def test_json_body_and_query_are_refused(portal):
    url = f"{portal.url}/oauth/2026-09/token"
    fields = {"grant_type": "refresh_token", "refresh_token": "x", **APP}
    assert requests.post(url, json=fields, timeout=60).status_code == 400
    answer = requests.post(url, params=fields, data={"a": "b"}, timeout=60)
    assert "request body" in answer.json()["message"]


def test_uninstalled_and_revoked(portal):
    held = connect(portal)
    path = "/crm/owners/2026-09"
    portal.control("POST", "uninstall", {"app_id": 77})
    gone = portal.call("GET", path, token=held["access_token"])
    assert gone.status_code == 401
    assert gone.json()["category"] == "INVALID_AUTHENTICATION"
    refresh = {"grant_type": "refresh_token", "refresh_token": held["refresh_token"]}
    assert form(portal, "token", **refresh).json()["status"] == "BAD_HUB"
    again = connect(portal)
    assert form(portal, "token", **refresh).json()["status"] == "BAD_REFRESH_TOKEN"
    assert portal.call("GET", path, token=again["access_token"]).status_code == 200
    revoked = form(
        portal, "token/revoke", token=again["refresh_token"], token_type_hint="refresh_token"
    )
    assert revoked.status_code == 204
    refresh["refresh_token"] = again["refresh_token"]
    assert form(portal, "token", **refresh).json()["status"] == "BAD_REFRESH_TOKEN"
    assert portal.call("GET", path, token=again["access_token"]).status_code == 200
    assert (
        portal.call(
            "DELETE", "/appinstalls/2026-09/external-install", token=again["access_token"]
        ).status_code
        == 204
    )
    assert portal.call("GET", path, token=again["access_token"]).status_code == 401


def test_introspection(portal):
    held = connect(portal)
    found = form(portal, "token/introspect", token=held["access_token"]).json()
    assert (found["active"], found["hub_id"], found["app_id"]) == (True, portal.id, 77)
    assert 0 < found["expires_in"] <= 1800
    assert form(portal, "token/introspect", token="nothing").json() == {"active": False}
    hinted = {"token_type_hint": "refresh_token", "refresh_token": held["refresh_token"]}
    assert form(portal, "token/introspect", **hinted).json() == {"active": False}
    portal.switch(introspect_field="hint")
    assert form(portal, "token/introspect", **hinted).json()["active"] is True


def test_unavailable_scopes(portal):
    portal.switch(unavailable_scopes=["sales-email-read"])
    got = connect(portal, optional_scope="sales-email-read")
    assert "sales-email-read" not in got["scopes"]
    refused = authorize(portal, scope=f"{SCOPE} sales-email-read")[1]
    assert refused.status_code == 400
    assert "sales-email-read" in refused.text


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"redirect_uri": "https://evil.example.com/"},
        {"scope": "crm.objects.everything"},
        {"scope": ""},
    ],
)
def test_requests_that_cannot_be_authorised(portal, changes):
    page, answer = authorize(portal, **changes)
    assert page.status_code == 400
    assert answer.status_code == 400


def test_denied(portal):
    back = returned(authorize(portal, decision="deny")[1])
    assert back["error"] == "access_denied"
    assert "code" not in back


def test_faults_strike_the_token_endpoint(portal):
    held = connect(portal)
    refresh = {"grant_type": "refresh_token", "refresh_token": held["refresh_token"]}
    portal.control("POST", "faults", {"kind": "429", "route": "/oauth/", "count": 1})
    assert form(portal, "token", **refresh).status_code == 429
    assert form(portal, "token", **refresh).status_code == 200
    calls = portal.control("GET", "stats")["calls"]["POST /oauth/{version}/token"]
    assert calls == {"200": 2, "429": 1}


def test_install_without_a_browser(portal):
    code = portal.control("POST", "install", {"client_id": "app-1", "redirect_uri": REDIRECT})[
        "code"
    ]
    held = form(portal, "token", grant_type="authorization_code", code=code, redirect_uri=REDIRECT)
    assert "crm.objects.contacts.write" in held.json()["scopes"]
