"""OAuth against the sandbox's server: connect, refresh, and every way it ends or stumbles."""

import base64
import hashlib
import logging
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from leadback.api import (
    ConfigurationError,
    OAuthApp,
    Portal,
    PortalDisconnected,
    PortalUnavailable,
    Tokens,
)
from tests.plugins.hubspot.rig import NOON, Rig

SECRET = "the-client-secret"
REDIRECT = "https://leadback.example.com/oauth/callback"
VERIFIER = "v" * 43


class Consent:
    """An app of its own in the sandbox, and an admin who agrees."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.app_id = rig.portal_id
        self.app = OAuthApp(f"app-{rig.portal_id}", lambda: SECRET, REDIRECT)
        app = {
            "client_id": self.app.client_id,
            "client_secret": SECRET,
            "app_id": self.app_id,
            "redirect_uris": [REDIRECT],
        }
        rig.control("POST", "apps", app)

    @property
    def portal(self) -> Portal:
        return self.rig.access.portal

    def code(self) -> str:
        url = self.rig.hooks.crm_authorize_url(
            base_url=self.rig.url, app=self.app, state="st&te", verifier=VERIFIER
        )
        asked = {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}
        answer = requests.post(
            f"{self.rig.url}/oauth/authorize",
            data={**asked, "portal_id": self.rig.portal_id, "decision": "allow"},
            allow_redirects=False,
            timeout=60,
        )
        back = parse_qs(urlsplit(answer.headers["Location"]).query)
        assert back["state"] == ["st&te"]
        return back["code"][0]

    def exchange(self, code: str, verifier: str = VERIFIER) -> Tokens:
        return self.rig.hooks.crm_exchange_code(
            portal=self.portal, app=self.app, code=code, verifier=verifier, now=NOON
        )

    def refresh(self, tokens: Tokens) -> Tokens:
        return self.rig.hooks.crm_refresh_tokens(
            portal=self.portal, app=self.app, refresh=tokens.refresh, now=NOON
        )


@pytest.fixture
def consent(rig: Rig) -> Consent:
    return Consent(rig)


def test_the_consent_page_asks_for_what_is_needed_and_nothing_secret(consent: Consent) -> None:
    url = consent.rig.hooks.crm_authorize_url(
        base_url="https://api.hubapi.com", app=consent.app, state="s", verifier=VERIFIER
    )
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.path) == (
        "https",
        "app.hubspot.com",
        "/oauth/authorize",
    )
    asked = parse_qs(parts.query)
    digest = hashlib.sha256(VERIFIER.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert asked["code_challenge"] == [challenge]
    assert "crm.objects.owners.read" in asked["scope"][0].split()
    assert SECRET not in url
    assert VERIFIER not in url


def test_from_consent_to_a_working_call_and_a_second_token(consent: Consent) -> None:
    tokens = consent.exchange(consent.code())
    assert tokens.account_id == str(consent.rig.portal_id)
    assert tokens.expires_at == NOON + 1_800_000
    assert tokens.refresh_at == NOON + 1_440_000
    assert "crm.objects.contacts.write" in tokens.scopes
    again = consent.refresh(tokens)
    assert again.access != tokens.access
    assert again.refresh == tokens.refresh
    consent.rig.token, static = again.access, consent.rig.token
    assert consent.rig.hooks.crm_identify(access=consent.rig.access) == tokens.account_id
    consent.rig.token = static


def test_a_new_refresh_token_is_handed_on(consent: Consent) -> None:
    tokens = consent.exchange(consent.code())
    consent.rig.switch(rotate_refresh_token=True)
    again = consent.refresh(tokens)
    assert again.refresh != tokens.refresh
    assert consent.refresh(again).access


def test_a_code_is_good_once_and_only_with_its_verifier(consent: Consent) -> None:
    code = consent.code()
    consent.exchange(code)
    with pytest.raises(ConfigurationError, match="code"):
        consent.exchange(code)
    with pytest.raises(ConfigurationError, match="BAD_CODE_VERIFIER"):
        consent.exchange(consent.code(), verifier="x" * 43)


def test_our_own_mistakes_are_not_the_customers(consent: Consent) -> None:
    tokens = consent.exchange(consent.code())
    consent.app = OAuthApp(consent.app.client_id, lambda: "wrong-secret", REDIRECT)
    with pytest.raises(ConfigurationError, match="BAD_CLIENT_SECRET") as caught:
        consent.refresh(tokens)
    assert not isinstance(caught.value, PortalDisconnected)


def test_a_revoked_authorisation_and_an_uninstalled_app_are_told_apart(consent: Consent) -> None:
    tokens = consent.exchange(consent.code())
    requests.post(
        f"{consent.rig.url}/oauth/2026-09/token/revoke",
        data={"client_id": consent.app.client_id, "client_secret": SECRET, "token": tokens.refresh},
        timeout=60,
    ).raise_for_status()
    with pytest.raises(PortalDisconnected, match="authorisation was ended"):
        consent.refresh(tokens)
    tokens = consent.exchange(consent.code())
    requests.delete(
        f"{consent.rig.url}/appinstalls/2026-09/external-install",
        headers={"Authorization": f"Bearer {tokens.access}"},
        timeout=60,
    ).raise_for_status()
    with pytest.raises(PortalDisconnected, match="uninstalled"):
        consent.refresh(tokens)


@pytest.mark.parametrize(
    "kind", ["423", "429", "477", "502", "503", "504", "521", "524", "html", "reset", "cut-off",
             "empty", "commit-then-drop"]
)  # fmt: skip
def test_a_hiccup_is_no_disconnection(
    consent: Consent, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = consent.exchange(consent.code())
    consent.rig.fault(kind, route="oauth", count=1)
    with pytest.raises(PortalUnavailable) as caught:
        consent.refresh(tokens)
    assert caught.value.after >= 5_000
    shown = f"{caught.value!r} {caught.value} {caught.value.__context__!r} {caplog.text}"
    for secret in (SECRET, tokens.refresh, tokens.access):
        assert secret not in shown
    assert consent.refresh(tokens).access


def test_a_host_that_is_not_there_is_a_hiccup(new_rig: Callable[..., Rig]) -> None:
    consent = Consent(new_rig())
    tokens = consent.exchange(consent.code())
    consent.rig.url = "http://127.0.0.1:9"
    with pytest.raises(PortalUnavailable):
        consent.refresh(tokens)


def test_tokens_show_no_secret() -> None:
    shown = repr(Tokens("access-secret", "refresh-secret", 1, 2, "33", ("oauth",)))
    assert "secret" not in shown
