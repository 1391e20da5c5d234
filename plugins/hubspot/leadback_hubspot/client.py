"""Talks HTTP to one portal. The only place that turns HTTP into typed results.

Never raises for what HubSpot does, never logs; no token, URL or body of unknown shape gets out.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from leadback.api import (
    ConfigurationError,
    LeadbackError,
    Millis,
    Pace,
    PortalDisconnected,
    PortalUnavailable,
)
from leadback_hubspot.answers import Answer, Verdict, read_answer
from leadback_hubspot.budget import SECOND, Budget, Lane, day_wait
from leadback_hubspot.scopes import scopes_for
from leadback_hubspot.settings import Settings

USER_AGENT = "leadback (+https://developers.hubspot.com)"
CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
PATIENCE: Millis = 60_000
MAX_BODY = 32_000_000
CONNECTIONS = 16
_NO_TOKEN: Millis = 60_000
STILL_RUNNING: Millis = 120_000
"""A call that timed out can still be carried out within this time."""

Json = Mapping[str, Any]


class Paths:
    """Where things are in one version of the API: `/crm/v3/objects/…` or `/crm/objects/DATE/…`."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._legacy = version == "v3"

    def objects(self, kind: str, *rest: str) -> str:
        return self._crm("objects", kind, *rest)

    def properties(self, kind: str, *rest: str) -> str:
        return self._crm("properties", kind, *rest)

    def owners(self) -> str:
        return self._crm("owners")

    def associations(self, source: str, target: str, *rest: str) -> str:
        if self._legacy:
            return _join("crm", "v4", "associations", source, target, *rest)
        return self._crm("associations", source, target, *rest)

    def account(self) -> str:
        return _join("account-info", self._version, "details")

    def _crm(self, family: str, *rest: str) -> str:
        if self._legacy:
            return _join("crm", "v3", family, *rest)
        return _join("crm", family, self._version, *rest)


def _join(*parts: str) -> str:
    return "/" + "/".join(quote(part, safe="") for part in parts)


class _Bearer(AuthBase):
    """Sets the header at the last moment; also keeps requests from reading ~/.netrc."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Connection:
    """One portal's HTTP session and budget, shared by threads and kept between hook calls."""

    def __init__(self, settings: Settings, *, pace: Pace | None = None) -> None:
        self.settings = settings
        self.paths = Paths(settings.version)
        self._zone: str | None = None
        self._zone_lock = threading.Lock()
        self.budget = Budget(settings.share, pace=pace, day_left=self.day_left)
        self._session = _session()

    def day_left(self) -> Millis | None:
        """ms until midnight in the account's time zone, None when it is not known."""
        if self._zone is None:
            return None
        try:
            zone = UTC if self._zone == "UTC" else ZoneInfo(self._zone)
        except (ZoneInfoNotFoundError, ValueError):
            return None
        now = datetime.now(zone)
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), zone)
        return max(0, int((midnight - now).total_seconds() * 1000))

    def remember_zone(self, zone: str) -> None:
        with self._zone_lock:
            self._zone = zone

    @property
    def knows_zone(self) -> bool:
        return self._zone is not None

    def spend(self, lane: Lane, calls: int = 1) -> Answer | None:
        """Wait for the budget; an answer when that would take too long."""
        try:
            wait = self.budget.spend(lane, patience=PATIENCE, calls=calls)
        except LeadbackError as error:  # the pace is shared through a database
            return Answer(Verdict.WAIT, 0, error.what, after=SECOND, whole_portal=True)
        if not wait:
            return None
        reason = "the portal's call budget is used up for now"
        return Answer(Verdict.WAIT, 0, reason, after=wait, whole_portal=True)

    def exchange(
        self, method: str, path: str, lane: Lane, *, token: str, params: Json, body: Json | None
    ) -> Answer:
        """One request and its answer; the budget was asked before."""
        try:
            with self._session.request(
                method,
                self.settings.base_url + path,
                params=params,
                data=None if body is None else orjson.dumps(body),
                headers={"Content-Type": "application/json"} if body is not None else None,
                auth=_Bearer(token),
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                self.budget.observe(lane, headers)
                content = _bounded(response)
        except requests.RequestException as error:
            return _broken(error)
        if content is None:
            return Answer(Verdict.LOST, response.status_code, "the answer is too large", after=5000)
        answer = read_answer(response.status_code, headers, content)
        return self._heed(lane, _without_secret(answer, token))

    def _heed(self, lane: Lane, answer: Answer) -> Answer:
        if answer.daily:
            answer = replace(answer, after=day_wait(self.day_left()))
        if answer.status in (429, 477):
            self.budget.pause(lane, answer.after)
        return answer


class Prepaid:
    """Calls whose turn was waited for already: what has to follow closely does not wait again."""

    def __init__(self, calls: int) -> None:
        self._left = calls
        self._lock = threading.Lock()

    def take(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left >= 0


@dataclass(frozen=True, slots=True)
class Api:
    """A connection as one hook call uses it: with the way to the token."""

    connection: Connection
    token: Callable[[], str]
    prepaid: Prepaid | None = None
    token_refused: Callable[[str], bool] = lambda _: False

    @property
    def paths(self) -> Paths:
        return self.connection.paths

    def get(self, path: str, params: Json | None = None) -> Answer:
        return self._call("GET", path, Lane.BURST, params or {}, None, repeatable=True)

    def read(
        self, path: str, body: Json, *, params: Json | None = None, lane: Lane = Lane.BURST
    ) -> Answer:
        """A POST that only reads: batch/read, search."""
        return self._call("POST", path, lane, params or {}, body, repeatable=True)

    def write(self, path: str, body: Json, *, lane: Lane = Lane.BURST) -> Answer:
        """A POST that does the same when it is done twice: batch/update, batch/upsert."""
        return self._call("POST", path, lane, {}, body, repeatable=True)

    def create(self, path: str, body: Json) -> Answer:
        """A POST that makes something: sent once, whatever happens."""
        return self._call("POST", path, Lane.BURST, {}, body, repeatable=False)

    def patch(self, path: str, body: Json) -> Answer:
        return self._call("PATCH", path, Lane.BURST, {}, body, repeatable=True)

    def _call(
        self,
        method: str,
        path: str,
        lane: Lane,
        params: Json,
        body: Json | None,
        *,
        repeatable: bool,
    ) -> Answer:
        self._learn_zone()
        answer = self._exchange(method, path, lane, params, body)
        # A 401 did nothing, and HubSpot has been seen to refuse good tokens now and then; a
        # connection that HubSpot closed while it was idle breaks on the next use.
        broke = repeatable and answer.verdict is Verdict.LOST and answer.status == 0
        if answer.status == 401 or (broke and not answer.timed_out):
            answer = self._exchange(method, path, lane, params, body)
        return answer

    def _exchange(
        self, method: str, path: str, lane: Lane, params: Json, body: Json | None
    ) -> Answer:
        if lane is not Lane.BURST or self.prepaid is None or not self.prepaid.take():
            refused = self.connection.spend(lane)
            if refused is not None:
                return refused
        return self._authorised(method, path, lane, params, body)

    def _authorised(
        self, method: str, path: str, lane: Lane, params: Json, body: Json | None
    ) -> Answer:
        try:
            token = self._checked()
        except (PortalUnavailable, PortalDisconnected) as error:
            # No exception here: what earlier calls of the same hook did would be forgotten.
            after = error.after if isinstance(error, PortalUnavailable) else _NO_TOKEN
            return Answer(Verdict.WAIT, 0, error.what, after=after, whole_portal=True)
        answer = self.connection.exchange(method, path, lane, token=token, params=params, body=body)
        if answer.status == 401:
            self.token_refused(token)
        return replace(answer, needs=scopes_for(method, path)) if answer.status == 403 else answer

    def _checked(self) -> str:
        token = self.token()
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ConfigurationError(
                "the access token has characters that no token has",
                fix="copy it again, without line breaks, spaces or quotes",
            )
        return token

    def _learn_zone(self) -> None:
        """The account's midnight matters only when the day's budget runs low."""
        connection = self.connection
        if connection.knows_zone or not connection.budget.nearly_spent():
            return
        if connection.spend(Lane.BURST) is not None:
            return
        connection.remember_zone("UTC")
        answer = self._authorised("GET", self.paths.account(), Lane.BURST, {}, None)
        zone = answer.body.get("timeZone")
        if isinstance(zone, str):
            connection.remember_zone(zone)


def _session() -> requests.Session:
    session = requests.Session()
    session.headers.update({"User-Agent": USER_AGENT, "Accept": "application/json"})
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = HTTPAdapter(pool_connections=2, pool_maxsize=CONNECTIONS, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _bounded(response: requests.Response) -> bytes | None:
    """The whole body; None when it is larger than anything HubSpot sends."""
    chunks: list[bytes] = []
    size = 0
    until = time.monotonic() + 4 * READ_SECONDS
    for chunk in response.iter_content(65_536):
        size += len(chunk)
        if size > MAX_BODY or time.monotonic() > until:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _broken(error: requests.RequestException) -> Answer:
    """No whole answer came. Only a connection that was never made is known to have done nothing."""
    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.SSLError):
        return Answer(
            Verdict.UNSENT, 0, "HubSpot cannot be reached", after=10_000, whole_portal=True
        )
    if isinstance(error, requests.exceptions.ReadTimeout):
        reason = f"HubSpot did not answer within {READ_SECONDS:.0f} s"
        return Answer(Verdict.LOST, 0, reason, after=STILL_RUNNING, timed_out=True)
    if isinstance(error, requests.exceptions.ProxyError) or "NewConnectionError" in repr(error):
        return Answer(
            Verdict.UNSENT, 0, "HubSpot cannot be reached", after=10_000, whole_portal=True
        )
    return Answer(Verdict.LOST, 0, "the connection to HubSpot broke off", after=5_000)


def _without_secret(answer: Answer, token: str) -> Answer:
    """HubSpot is not known to repeat tokens; if it ever does, it ends here."""
    if not token or token not in answer.reason:
        return answer
    return replace(answer, reason=answer.reason.replace(token, "…"), refusal=None)
