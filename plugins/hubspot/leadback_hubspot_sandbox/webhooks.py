"""The webhook sender: signed arrays of notifications, with delay, disorder, duplicates and retries.

https://developers.hubspot.com/docs/api-reference/webhooks-webhooks-v3/guide
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import hmac
import queue
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import requests

MOST_AT_ONCE: Final = 100
CONCURRENCY: Final = 10
ANSWER_WITHIN_SECONDS: Final = 5.0
# Ten retries over about a day, as HubSpot spreads them; divided by the portal's compression.
RETRY_AFTER_SECONDS: Final = (60, 300, 900, 1800, 3600, 7200, 10800, 14400, 18000, 25200)
DEFAULT_PROPERTIES: Final = (
    "hubspot_owner_id", "hs_lead_status", "lead_connection_status", "context", "email",
    "firstname", "lastname", "phone", "company", "jobtitle", "lifecyclestage",
)  # fmt: skip
_DECODED: Final = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'",
    "%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip


def decode_uri(uri: str) -> str:
    """The URI as HubSpot signs it: only these escapes are decoded."""
    for escape, character in _DECODED.items():
        uri = uri.replace(escape, character).replace(escape.lower(), character)
    return uri


def signature_v1(secret: str, body: str) -> str:
    return hashlib.sha256((secret + body).encode()).hexdigest()


def signature_v3(secret: str, *, method: str, uri: str, body: str, timestamp: str) -> str:
    raw = method.upper() + decode_uri(uri) + body + timestamp
    return base64.b64encode(
        hmac.new(secret.encode(), raw.encode(), hashlib.sha256).digest()
    ).decode()


def signed_headers(secret: str, *, uri: str, body: str, timestamp: str) -> dict[str, str]:
    """CRM webhooks carry both signatures."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "HubSpot Connect 2.0 (sandbox)",
        "X-HubSpot-Signature": signature_v1(secret, body),
        "X-HubSpot-Signature-Version": "v1",
        "X-HubSpot-Signature-v3": signature_v3(
            secret, method="POST", uri=uri, body=body, timestamp=timestamp
        ),
        "X-HubSpot-Request-Timestamp": timestamp,
    }


@dataclass(slots=True)
class SenderSettings:
    """Where to send and how; ``url=None`` sends nothing."""

    url: str | None = None
    secret: str = "sandbox-client-secret"  # noqa: S105 - the sandbox's well-known default
    app_id: int = 1_160_452
    properties: frozenset[str] = frozenset(DEFAULT_PROPERTIES)
    delay: tuple[float, float] = (0.05, 0.3)
    duplicates: float = 0.0
    compression: float = 600.0


@dataclass(slots=True)
class Tally:
    """What was sent so far. ``dropped``: given up after the last retry."""

    requests: int = 0
    notifications: int = 0
    failed_requests: int = 0
    retried: int = 0
    duplicated: int = 0
    dropped: int = 0


@dataclass(slots=True)
class WebhookSender:
    """One portal's sender: a dispatcher thread fills arrays, up to ten workers post them."""

    portal_id: int
    rng: random.Random
    signing_time_ms: Callable[[], int]
    settings: SenderSettings = field(default_factory=SenderSettings)
    tally: Tally = field(default_factory=Tally)
    _due: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)
    _sequence: int = 0
    _ready: threading.Condition = field(default_factory=threading.Condition)
    _arrays: queue.SimpleQueue[list[dict[str, Any]]] = field(default_factory=queue.SimpleQueue)
    _started: bool = False
    _under_way: int = 0

    def emit(self, event: dict[str, Any]) -> None:
        """Queue one notification; it leaves after the portal's delay, in no promised order."""
        if self.settings.url is None:
            return
        subscription = 25 + len(str(event.get("propertyName", event["subscriptionType"])))
        body = {
            "eventId": self.rng.randint(1, 2**31 - 1),
            "subscriptionId": subscription,
            "portalId": self.portal_id,
            "appId": self.settings.app_id,
            "attemptNumber": 0,
            **event,
        }
        low, high = self.settings.delay
        with self._ready:
            self._queue(body, self.rng.uniform(low, high))
            if self.rng.random() < self.settings.duplicates:
                self.tally.duplicated += 1
                self._queue(dict(body), self.rng.uniform(low, high) + high)
            self._start()
            self._ready.notify()

    def waiting(self) -> int:
        """Notifications that nobody has answered for yet, those on their way included."""
        with self._ready:
            return len(self._due) + self._under_way

    def _queue(self, body: dict[str, Any], delay: float) -> None:
        self._sequence += 1
        heapq.heappush(self._due, (time.monotonic() + delay, self._sequence, body))

    def _start(self) -> None:
        if self._started:
            return
        self._started = True
        threading.Thread(target=self._dispatch, name="webhooks", daemon=True).start()
        for number in range(CONCURRENCY):
            threading.Thread(target=self._work, name=f"webhook-{number}", daemon=True).start()

    def _dispatch(self) -> None:
        while True:
            with self._ready:
                now = time.monotonic()
                if not self._due or self._due[0][0] > now:
                    self._ready.wait(self._due[0][0] - now if self._due else None)
                    continue
                array: list[dict[str, Any]] = []
                while self._due and self._due[0][0] <= now and len(array) < MOST_AT_ONCE:
                    array.append(heapq.heappop(self._due)[2])
                self.rng.shuffle(array)
                self._under_way += len(array)
            self._arrays.put(array)

    def _work(self) -> None:
        session = requests.Session()
        session.trust_env = False
        while True:
            array = self._arrays.get()
            if not self._post(session, array):
                self._retry(array)
            with self._ready:
                self._under_way -= len(array)

    def _post(self, session: requests.Session, array: list[dict[str, Any]]) -> bool:
        url = self.settings.url
        if url is None:
            return True
        body = orjson.dumps(array).decode()
        timestamp = str(self.signing_time_ms())
        headers = signed_headers(self.settings.secret, uri=url, body=body, timestamp=timestamp)
        try:
            status = session.post(
                url,
                data=body.encode(),
                headers=headers,
                timeout=ANSWER_WITHIN_SECONDS,
                allow_redirects=False,
            ).status_code
        except requests.RequestException:
            status = 0
        taken = 200 <= status < 300
        with self._ready:
            self.tally.requests += 1
            if taken:
                self.tally.notifications += len(array)
            else:
                self.tally.failed_requests += 1
        return taken

    def _retry(self, array: list[dict[str, Any]]) -> None:
        with self._ready:
            for body in array:
                attempt = body["attemptNumber"]
                if attempt >= len(RETRY_AFTER_SECONDS):
                    self.tally.dropped += 1
                    continue
                wait = RETRY_AFTER_SECONDS[attempt] / max(self.settings.compression, 0.001)
                self.tally.retried += 1
                self._queue(
                    {**body, "attemptNumber": attempt + 1}, wait * self.rng.uniform(0.8, 1.2)
                )
            self._ready.notify()
