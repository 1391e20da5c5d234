"""Single sign-on through a real OpenID provider over HTTP: who gets in, and every way not to."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from leadback.base.clock import SystemClock
from leadback.base.errors import ConfigurationError, InputError
from leadback.base.settings import Settings
from leadback.service.accounts import TRIES
from leadback.service.sign_in import Ticket, domain_roles, identity_of
from leadback.web.guard import Outside
from leadback.web.oidc import Provider, ProviderUnavailable, provider_of
from leadback.web.server import SIGN_INS_AT_ONCE
from leadback.web.sso import check_reach
from tests.acceptance.conftest import Program
from tests.web.conftest import COOKIE, PASSWORD, House, close_house, open_house
from tests.web.openid import CLIENT, SECRET, Claims, OpenId, provider

ADA: Claims = {"sub": "u-1", "email": "ada@example.com", "email_verified": True}
WAY = "leadback_way"
ADDRESSES = itertools.cycle(range(1, 255))
"""Where browsers are, as a proxy tells it: each address has a pace of its own."""


@pytest.fixture(scope="module")
def openid() -> Iterator[OpenId]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def opened(openid: OpenId, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    program = Program(tmp_path_factory.mktemp("sso"), "")
    program.environment |= {
        "LEADBACK_TRUSTED_PROXIES": "127.0.0.1",
        "LEADBACK_OIDC_ISSUER": openid.url,
        "LEADBACK_OIDC_CLIENT_ID": CLIENT,
        "LEADBACK_OIDC_CLIENT_SECRET": SECRET,
        "LEADBACK_OIDC_LABEL": "Log in with <Example>",
        "LEADBACK_OIDC_DOMAIN_ROLES": "guests.example=viewer",
    }
    house = open_house(program, "--no-worker")
    try:
        house.add_login("boss", "admin")
        house.accounts().invite("Ada@Example.com", "operator")
        yield house
        log = (program.folder / "serve.log").read_text()
        assert SECRET not in log
        assert not any(code in log for code in openid.tokens)
    finally:
        close_house(house)


@pytest.fixture
def house(opened: House, openid: OpenId) -> House:
    """A well-behaved provider, where Ada is logged in."""
    fresh = OpenId(openid.url, who=dict(ADA))
    for name in ("who", "twist", "algorithm", "wrong_key", "in_userinfo", "down", "metadata"):
        setattr(openid, name, getattr(fresh, name))
    return opened


def setting_out(house: House, next_path: str = "") -> requests.Session:
    """A browser at the provider's door; `.url` of it is kept as its header X-Asked."""
    browser = requests.Session()
    browser.headers["X-Forwarded-For"] = f"10.0.0.{next(ADDRESSES)}"
    sent = browser.get(
        f"{house.url}/login/sso", params={"next": next_path}, timeout=10, allow_redirects=False
    )
    assert sent.status_code == 303, sent.text
    browser.headers["X-Asked"] = sent.headers["Location"]
    return browser


def agreed(browser: requests.Session) -> str:
    """The address that the provider sends the browser back to."""
    answer = browser.get(str(browser.headers["X-Asked"]), timeout=10, allow_redirects=False)
    return answer.headers["Location"]


def come_back(browser: requests.Session, address: str) -> requests.Response:
    return browser.get(address, timeout=10, allow_redirects=False)


def log_in(house: House, next_path: str = "") -> requests.Response:
    browser = setting_out(house, next_path)
    return come_back(browser, agreed(browser))


def trail(house: House) -> list[tuple[str, str, str]]:
    store = house.accounts()._store
    with store.read() as tx:
        log_ins, entries = tx.log_ins.list(limit=500), tx.accounts.audit(limit=500)
    store.close()
    came = [(e.who, "log in", e.outcome) for e in log_ins]
    return came + [(e.who, e.what, e.outcome) for e in entries]


def role_of(house: House, name: str) -> str:
    return next(u["role"] for u in house.accounts().list() if u["name"] == name)


def refused(answer: requests.Response, words: str, status: int = 403) -> None:
    assert answer.status_code == status, answer.text
    assert words in answer.text
    assert COOKIE + "=" not in answer.headers.get("Set-Cookie", "")


# ---------------------------------------------------------------------- who gets in


def test_an_invited_address_comes_in_and_is_the_same_person_ever_after(
    house: House, openid: OpenId
) -> None:
    answer = log_in(house, "/app/rules?x=1")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/app/rules?x=1"
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    page = house.get("/app/leads", cookies=answer.cookies)
    assert "Ada@Example.com" in page.text
    first = next(outcome for who, what, outcome in trail(house) if who == "Ada@Example.com")
    assert first == "done: single sign-on, linked by address"
    openid.who |= {"email": "ada.married@example.com"}
    assert "Ada@Example.com" in house.get("/app/leads", cookies=log_in(house).cookies).text
    openid.who = {**ADA, "sub": "u-2"}
    refused(log_in(house), "somebody else")
    house.accounts().link("Ada@Example.com", None)
    assert house.get("/app/leads", cookies=answer.cookies).status_code == 303
    assert log_in(house).status_code == 303
    house.accounts().link("Ada@Example.com", identity_of(openid.url, "u-1"))


def test_logging_out_and_disabling_end_it_as_with_a_password(house: House) -> None:
    cookies = log_in(house).cookies
    out = requests.post(
        f"{house.url}/logout", cookies=cookies, headers={"Origin": house.url}, timeout=10
    )
    assert out.ok
    assert house.get("/app/leads", cookies=cookies).status_code == 303
    cookies = log_in(house).cookies
    house.accounts().change("Ada@Example.com", disabled=True)
    try:
        assert house.get("/app/leads", cookies=cookies).status_code == 303
        refused(log_in(house), "disabled")
    finally:
        house.accounts().change("Ada@Example.com", disabled=False)


def test_who_was_not_invited_gets_in_by_the_domain_alone(house: House, openid: OpenId) -> None:
    openid.who = {"sub": "u-7", "email": "Guest@Guests.Example", "email_verified": True}
    assert log_in(house).status_code == 303
    assert role_of(house, "guest@guests.example") == "viewer"
    for address in (
        "eve@elsewhere.example",
        "eve@sub.guests.example",
        "eve@evil.example@guests.example",
        "eve@guests.example\n",
        "guests.example",
    ):
        openid.who = {"sub": "u-8", "email": address, "email_verified": True}
        refused(log_in(house), "")
    assert [u for u in house.accounts().list() if "eve" in u["name"]] == []


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_an_address_counts_only_when_it_is_verified(
    house: House, openid: OpenId, verified: object
) -> None:
    openid.who = {"sub": "u-9", "email": "boss", "email_verified": verified}
    refused(log_in(house), "vouches for no address")
    openid.who = {"sub": "u-9", "email": "new@guests.example", "email_verified": verified}
    refused(log_in(house), "vouches for no address")
    assert ("u-9", "log in") in [(who, what) for who, what, _ in trail(house)]


def test_an_id_that_an_admin_linked_needs_no_address(house: House, openid: OpenId) -> None:
    house.add_login("carl", "editor")
    house.accounts().link("carl", identity_of(openid.url, "c-3"))
    openid.who = {"sub": "c-3"}
    answer = log_in(house)
    assert "carl" in house.get("/app/leads", cookies=answer.cookies).text


def test_the_address_may_come_from_userinfo_of_the_same_person(
    house: House, openid: OpenId
) -> None:
    openid.in_userinfo = True
    assert log_in(house).status_code == 303
    openid.twist = lambda claims: {**claims, "sub": "somebody-else"}
    refused(log_in(house), "sub of userinfo")


def test_a_lock_after_wrong_passwords_is_the_passwords_alone(house: House) -> None:
    house.add_login("dora@example.com", "viewer")
    house.accounts().link("dora@example.com", None)
    for _ in range(TRIES):
        house.log_in("dora@example.com", "wrong password here")
    assert house.log_in("dora@example.com").status_code == 401
    assert next(u["locked"] for u in house.accounts().list() if u["name"] == "dora@example.com")
    assert log_in(house).status_code == 303
    assert house.log_in("dora@example.com").status_code == 401


def test_who_has_no_password_cannot_log_in_by_one(house: House) -> None:
    for password in ("", " ", PASSWORD):
        assert house.log_in("Ada@Example.com", password).status_code == 401


def test_a_local_admin_with_a_password_remains(house: House) -> None:
    house.accounts().invite("root@example.com", "admin")
    with pytest.raises(InputError, match="last admin with a password"):
        house.accounts().change("boss", disabled=True)


# ---------------------------------------------------------------------- what is sent


def test_what_the_provider_is_asked_and_what_stays_here(house: House, openid: OpenId) -> None:
    browser = setting_out(house)
    asked = {k: v[0] for k, v in parse_qs(urlsplit(str(browser.headers["X-Asked"])).query).items()}
    way = browser.cookies[WAY]
    assert asked["scope"] == "openid email"
    assert asked["redirect_uri"] == f"{house.url}/login/sso/return"
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    assert len({asked["state"], asked["nonce"], asked["code_challenge"], way}) == 4
    assert SECRET not in str(browser.headers["X-Asked"])
    database = (house.program.folder / "leadback.db").read_bytes()
    database += (house.program.folder / "leadback.db-wal").read_bytes()
    assert way.encode() not in database
    assert asked["state"].encode() not in database
    assert SECRET.encode() not in database


def test_the_button_is_there_and_says_what_was_set(house: House) -> None:
    page = house.get("/login", params={"next": "/app/rules"}).text
    assert "Log in with &lt;Example&gt;" in page
    assert re.search(r'href="/login/sso\?next=%2Fapp%2Frules"', page)


def test_without_a_provider_there_is_no_button_and_no_door(bare: House) -> None:
    assert "sso" not in bare.get("/login").text
    assert bare.get("/login/sso").status_code == 404
    assert bare.get("/login/sso/return").status_code == 404


# ---------------------------------------------------------------------- attacks


TWISTS: dict[str, tuple[Any, str]] = {
    "another nonce": (lambda c: {**c, "nonce": "x" * 43}, "nonce"),
    "no nonce": (lambda c: {k: v for k, v in c.items() if k != "nonce"}, "nonce"),
    "another audience": (lambda c: {**c, "aud": "another-client"}, "aud"),
    "another audience for us": (lambda c: {**c, "aud": "another-client", "azp": CLIENT}, "aud"),
    "another party": (lambda c: {**c, "aud": [CLIENT, "b"], "azp": "b"}, "azp"),
    "another issuer": (lambda c: {**c, "iss": "https://evil.example"}, "iss"),
    "long over": (lambda c: {**c, "exp": c["iat"] - 3600}, "exp|Expired"),
    "no end": (lambda c: {k: v for k, v in c.items() if k != "exp"}, "exp"),
    "of tomorrow": (lambda c: {**c, "iat": c["iat"] + 86_400}, "iat"),
    "another access token": (lambda c: {**c, "at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "at_hash"),
    "no subject": (lambda c: {**c, "sub": ""}, "sub"),
    "a subject that is no text": (lambda c: {**c, "sub": 1}, "sub"),
}


@pytest.mark.parametrize("name", TWISTS)
def test_a_token_that_is_not_for_this_login_counts_for_nothing(
    house: House, openid: OpenId, name: str
) -> None:
    openid.twist, word = TWISTS[name]
    answer = log_in(house)
    refused(answer, "word does not count")
    assert re.search(word, answer.text), answer.text


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_that_anybody_could_have_signed_is_refused(
    house: House, openid: OpenId, algorithm: str
) -> None:
    openid.algorithm = algorithm
    refused(log_in(house), "word does not count")


def test_a_token_of_another_key_is_refused_and_a_new_key_is_found(
    house: House, openid: OpenId
) -> None:
    openid.algorithm = "ES256"
    assert log_in(house).status_code == 303
    openid.algorithm = "RS256"
    openid.wrong_key = True
    refused(log_in(house), "word does not count")
    openid.wrong_key = False
    openid.new_key()
    assert log_in(house).status_code == 303


def test_an_answer_counts_once_in_one_browser_with_its_own_state(house: House) -> None:
    browser, other = setting_out(house), setting_out(house)
    address = agreed(browser)
    state = parse_qs(urlsplit(address).query)["state"][0]
    refused(come_back(requests.Session(), address), "under way in this browser")
    refused(come_back(other, address), "under way in this browser")
    fresh = setting_out(house)
    refused(come_back(fresh, agreed(fresh).replace("state=", "state=x")), "under way")
    way = dict(browser.cookies)
    assert come_back(browser, address).status_code == 303
    again = house.get(urlsplit(address).path, params=urlsplit(address).query, cookies=way)
    refused(again, "under way in this browser")
    assert state not in again.text


def test_a_code_of_another_login_is_refused_by_its_verifier(house: House) -> None:
    """Somebody slips the code of their own login into a victim's answer."""
    victim = setting_out(house)
    address = agreed(victim)
    mine = parse_qs(urlsplit(address).query)["code"][0]
    theirs = parse_qs(urlsplit(agreed(setting_out(house))).query)["code"][0]
    refused(come_back(victim, address.replace(mine, theirs)), "invalid_grant")


def test_knocking_too_often_is_refused_for_that_address_alone(house: House) -> None:
    def knock(address: str) -> int:
        headers = {"X-Forwarded-For": address}
        return house.get("/login/sso/return", headers=headers).status_code

    answers = [knock("10.9.9.9") for _ in range(2 * SIGN_INS_AT_ONCE)]
    assert answers[:SIGN_INS_AT_ONCE] == [403] * SIGN_INS_AT_ONCE
    assert 429 in answers
    assert knock("10.9.9.8") == 403


def test_an_answer_of_another_provider_is_refused(house: House, openid: OpenId) -> None:
    browser = setting_out(house)
    address = agreed(browser)
    refused(come_back(browser, address.split("&iss=")[0]), "another provider")
    browser = setting_out(house)
    address = agreed(browser).split("&iss=")[0] + "&iss=https%3A%2F%2Fevil.example"
    refused(come_back(browser, address), "another provider")


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/app/\\evil"])
def test_single_sign_on_leads_nowhere_else(house: House, target: str) -> None:
    assert log_in(house, target).headers["Location"] == "/app/leads"


def test_a_refusal_of_the_provider_is_told_as_text(house: House) -> None:
    browser = setting_out(house)
    state = parse_qs(urlsplit(agreed(browser)).query)["state"][0]
    answer = browser.get(
        f"{house.url}/login/sso/return",
        params={"state": state, "error": "<b>access_denied", "iss": parse_iss(browser)},
        timeout=10,
    )
    refused(answer, "&lt;b&gt;access_denied")


def parse_iss(browser: requests.Session) -> str:
    parts = urlsplit(str(browser.headers["X-Asked"]))
    return f"{parts.scheme}://{parts.netloc}"


# ---------------------------------------------------------------------- trouble


@pytest.mark.parametrize("down", ["token", "keys"])
def test_a_provider_that_is_down_is_told_and_passwords_go_on(
    house: House, openid: OpenId, down: str
) -> None:
    openid.new_key()  # so that keys are asked for anew
    browser = setting_out(house)
    address = agreed(browser)
    openid.down = down
    refused(come_back(browser, address), "name and a password", 503)
    assert house.log_in("boss").status_code == 303


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"issuer": "https://evil.example"}, "calls itself 'https://evil.example'"),
        ({"token_endpoint": "http://elsewhere.example/token"}, "token_endpoint is no https"),
        ({"userinfo_endpoint": "http://elsewhere.example/me"}, "userinfo_endpoint is no https"),
        ({"jwks_uri": None}, "jwks_uri is no https"),
    ],
)
def test_a_provider_that_is_another_or_unencrypted_is_not_used(
    openid: OpenId, metadata: Claims, words: str
) -> None:
    asked = Provider(openid.url, CLIENT, SECRET, SystemClock())
    ticket = Ticket("secret")
    openid.metadata, openid.down = metadata, ""
    with pytest.raises(ProviderUnavailable, match=words):
        asked.address(ticket, "http://127.0.0.1/back")
    openid.metadata, openid.down = {}, "discovery"
    with pytest.raises(ProviderUnavailable, match="name and a password"):
        asked.address(ticket, "http://127.0.0.1/back")
    openid.down = ""
    assert asked.address(ticket, "http://127.0.0.1/back").startswith(f"{openid.url}/authorize?")
    openid.down = "discovery"  # what is known of it counts for an hour
    assert asked.address(ticket, "http://127.0.0.1/back").startswith(f"{openid.url}/authorize?")


def test_settings_that_cannot_work_are_refused_at_the_start(openid: OpenId, tmp_path: Path) -> None:
    program = Program(tmp_path, "")
    program.environment |= {"LEADBACK_OIDC_ISSUER": openid.url, "LEADBACK_OIDC_CLIENT_ID": CLIENT}
    done = program.run("serve", "--port", "0", "--no-worker", code=2)
    assert b"LEADBACK_OIDC_CLIENT_SECRET: the client's secret is not there" in done.stderr


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"oidc_issuer": "http://id.example.com"}, "LEADBACK_OIDC_ISSUER"),
        ({"oidc_issuer": "https://ann:pw@id.example.com"}, "LEADBACK_OIDC_ISSUER"),
        ({"oidc_client_id": ""}, "LEADBACK_OIDC_CLIENT_ID"),
    ],
)
def test_a_provider_that_cannot_be_asked_is_refused(settings: dict[str, str], words: str) -> None:
    good = {"oidc_issuer": "https://id.example.com", "oidc_client_id": CLIENT}
    good["oidc_client_secret_env"] = ""
    assert provider_of(Settings(**good), SystemClock()) is not None
    with pytest.raises(ConfigurationError, match=words):
        provider_of(Settings(**(good | settings)), SystemClock())


@pytest.mark.parametrize("pair", ["example.com=admin", "com=viewer", "example.com", "=viewer"])
def test_a_domain_gives_no_role_that_it_must_not(pair: str) -> None:
    assert domain_roles("Example.com=editor, b.example=viewer") == {
        "example.com": "editor",
        "b.example": "viewer",
    }
    with pytest.raises(ConfigurationError, match="gives no role"):
        domain_roles(f"good.example=viewer, {pair}")


def test_open_to_the_world_somebody_must_say_where_people_are_sent_back() -> None:
    settings = Settings(oidc_issuer="https://id.example.com")
    check_reach(settings, Outside("https://leadback.example", ("leadback.example",)))
    with pytest.raises(ConfigurationError, match="LEADBACK_PUBLIC_URL"):
        check_reach(settings, Outside())
