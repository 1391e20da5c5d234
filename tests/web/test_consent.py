"""An admin comes back from the CRM's consent page: through the real door of a running server."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from leadback.base.vault import new_key
from leadback.service.accounts import digest
from leadback.service.connections import RETURN_PATH, Wanted
from leadback.wiring import open_app
from tests.acceptance.conftest import Program, sandbox
from tests.web.conftest import COOKIE, House, close_house, open_house

CLIENT, SECRET = "our-app", "the-client-secret"


@pytest.fixture
def authorised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """serve, with an app at the sandbox."""
    with sandbox("--search-lag", "0") as url:
        program = Program(tmp_path, url)
        program.environment |= {
            "LEADBACK_HUBSPOT_CLIENT_ID": CLIENT,
            "LEADBACK_HUBSPOT_CLIENT_SECRET": SECRET,
            "LEADBACK_SECRET_KEYS": new_key(),
        }
        for name, value in program.environment.items():
            monkeypatch.setenv(name, value)
        house = open_house(program, "--no-worker")
        try:
            app = {"client_id": CLIENT, "client_secret": SECRET}
            app |= {"redirect_uris": [house.url + RETURN_PATH]}
            program.control("POST", "apps", app)
            house.add_login("admin", "admin")
            house.add_login("editor", "editor")
            yield house
        finally:
            close_house(house)


def begin(house: House, session: requests.Session) -> dict[str, str]:
    """What the button on CRM details does, and what HubSpot then sends back."""
    mine = digest(session.cookies[COOKIE])
    with open_app(database=f"sqlite:///{house.program.folder / 'leadback.db'}") as app:
        page = app.connections.begin(
            Wanted("acme", base_url=house.program.url),
            redirect_uri=house.url + RETURN_PATH,
            session=mine,
        )
    asked = {key: values[0] for key, values in parse_qs(urlsplit(page).query).items()}
    answer = requests.post(
        f"{house.program.url}/oauth/authorize",
        data={**asked, "portal_id": 8001001, "decision": "allow"},
        allow_redirects=False,
        timeout=60,
    )
    back = urlsplit(answer.headers["Location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == house.url + RETURN_PATH
    return {key: values[0] for key, values in parse_qs(back.query).items()}


def test_only_the_admin_who_asked_connects_and_only_once(authorised: House) -> None:
    house = authorised
    admin, other, editor = (house.session(name) for name in ("admin", "admin", "editor"))
    answer = begin(house, admin)
    door = house.url + RETURN_PATH

    def come(session: requests.Session, **more: str) -> requests.Response:
        return session.get(door, params={**answer, **more}, timeout=60, allow_redirects=False)

    assert come(requests.Session()).headers["Location"] == "/login"
    assert come(editor).status_code == 403
    assert come(other).status_code == 400
    assert come(admin, state="acme~" + "x" * 43).status_code == 400
    assert come(admin, padding="x" * 5_000).status_code == 400
    done = come(admin)
    assert done.status_code == 200, done.text
    assert "acme is connected" in done.text
    again = come(admin)
    assert again.status_code == 400
    assert "belongs to no authorisation" in again.text
    assert SECRET not in done.text + again.text
    with open_app(database=f"sqlite:///{house.program.folder / 'leadback.db'}") as app:
        assert app.connections.of("acme")["authorised_by"] == "admin"


def test_a_refusal_is_a_sentence_and_shows_no_markup(authorised: House) -> None:
    admin = authorised.session("admin")
    state = begin(authorised, admin)["state"]
    said = {"state": state, "error": "access_denied", "error_description": "<b>no</b>"}
    answer = admin.get(authorised.url + RETURN_PATH, params=said, timeout=60)
    assert answer.status_code == 400
    assert "was not connected" in answer.text
    assert "<b>" not in answer.text
