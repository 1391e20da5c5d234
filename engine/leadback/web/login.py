"""Coming in and going out: plain forms, a cookie that scripts cannot read, no hint who exists.

The first admin is made through a one-time link that the console shows, and nowhere else.
"""

import hmac
from dataclasses import dataclass
from functools import partial
from math import ceil
from urllib.parse import parse_qsl, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from leadback.base.errors import LeadbackError
from leadback.service.accounts import LIFETIME, REMEMBERED, Accounts, digest
from leadback.service.audit import Audit
from leadback.service.hashing import BusyError
from leadback.web.guard import PAGES, Outside, cookie_of, session_token
from leadback.web.limits import LoginPace
from leadback.web.plain import first_page, login_page, message_page

HOME = f"{PAGES}/leads"
BROWSER = "leadback_browser"
"""The cookie by which a browser is known that a login was good from."""
WRONG = "That name and password do not fit, or too many tries came before. Try again later."


@dataclass(frozen=True, slots=True)
class Entrance:
    """GET and POST of /login, /first/{token}; POST /logout. token "": no first login wanted.
    sso: what the button of single sign-on says, "" without it."""

    accounts: Accounts
    audit: Audit
    pace: LoginPace
    outside: Outside
    token: str = ""
    sso: str = ""

    def routes(self) -> list[Route]:
        return [
            Route("/login", self.show, methods=["GET"]),
            Route("/login", self.log_in, methods=["POST"]),
            Route("/logout", self.log_out, methods=["POST"]),
            Route("/first/{token}", self.first, methods=["GET", "POST"]),
        ]

    async def show(self, request: Request) -> Response:
        next_path = inside(request.query_params.get("next", ""))
        return HTMLResponse(login_page(next_path=next_path, sso=self.sso))

    async def log_in(self, request: Request) -> Response:
        form = await _form(request)
        name, next_path = form.get("name", ""), inside(form.get("next", ""))
        browser = cookie_of(request.headers, self._browser_cookie)
        address = request.client.host if request.client else ""
        known = bool(browser) and await run_in_threadpool(self.accounts.knows, name, browser)
        wait = self.pace.wait(address, name, digest(browser) if known else "")
        token = None
        if not wait:
            tried = partial(
                self.accounts.log_in, name, form.get("password", ""),
                address=address, browser=browser,
            )  # fmt: skip
            try:
                token = await run_in_threadpool(tried)
            except BusyError:
                wait = 1
        if token is None:
            page = login_page(message=WRONG, next_path=next_path, name=name[:64], sso=self.sso)
            return HTMLResponse(page, 429, _later(wait)) if wait else HTMLResponse(page, 401)
        self.pace.was_good(name)
        answer = admit(self.outside, token, next_path or HOME)
        answer.set_cookie(
            self._browser_cookie,
            await run_in_threadpool(self.accounts.remember, name, browser),
            max_age=REMEMBERED // 1000,
            path="/",
            secure=self.outside.encrypted,
            httponly=True,
            samesite="strict",
        )
        return answer

    @property
    def _browser_cookie(self) -> str:
        return f"__Host-{BROWSER}" if self.outside.encrypted else BROWSER

    async def log_out(self, request: Request) -> Response:
        token = session_token(request.headers, self.outside)
        if token:
            await run_in_threadpool(self.accounts.log_out, digest(token))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(self.outside.cookie, path="/", secure=self.outside.encrypted)
        answer.headers["Clear-Site-Data"] = '"cache", "storage"'
        return answer

    async def first(self, request: Request) -> Response:
        token = str(request.path_params["token"])
        good = bool(self.token) and hmac.compare_digest(token.encode(), self.token.encode())
        if not good or await run_in_threadpool(self.accounts.any):
            text = "This link was used, or belongs to an earlier start of leadback serve."
            return HTMLResponse(message_page("This link opens nothing", text), 404)
        if request.method == "GET":
            return HTMLResponse(first_page(token))
        form = await _form(request)
        name, password = form.get("name", "").strip(), form.get("password", "")
        try:
            session = await run_in_threadpool(self._make_first, name, password)
        except BusyError as error:
            return HTMLResponse(first_page(token, message=str(error)), 429, _later(1))
        except LeadbackError as error:
            return HTMLResponse(first_page(token, message=str(error)), 400)
        return admit(self.outside, session, HOME)

    def _make_first(self, name: str, password: str) -> str:
        with self.audit.acting_as(name, "pages"):
            return self.accounts.make_first(name, password)


def admit(outside: Outside, token: str, where: str) -> Response:
    """Off to the pages, with the cookie of a new session."""
    answer = RedirectResponse(where, 303)
    answer.set_cookie(
        outside.cookie,
        token,
        max_age=LIFETIME // 1000,
        path="/",
        secure=outside.encrypted,
        httponly=True,
        samesite="lax",
    )
    return answer


def _later(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(ceil(seconds))}


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form. Raises HTTPException for more of them than we ever ask for."""
    body = await request.body()
    try:
        found = parse_qsl(body.decode("utf-8", "replace"), max_num_fields=10)
    except ValueError as error:
        raise HTTPException(400, "this form has too many fields") from error
    # PostgreSQL keeps no zero byte in a text, and fails where one is only looked for.
    return {name: value.replace("\0", "\N{REPLACEMENT CHARACTER}") for name, value in found}


def inside(path: str) -> str:
    """A path of the pages, "" for anything that would lead elsewhere."""
    try:
        parts = urlsplit(path)
    except ValueError:
        return ""
    inside = path.startswith(f"{PAGES}/") and not parts.scheme and not parts.netloc
    return path if inside and "\\" not in path and path.isprintable() else ""
