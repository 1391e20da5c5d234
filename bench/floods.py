"""What strangers, a careless sender and a curious viewer do to `leadback serve`, all at once.

A process of its own, with the lowest priority: who floods a server from outside does not take the
server's processors, only what it makes the server do. Every loop is bounded in count and in time,
and nothing is sent anywhere but to the address that is given.
"""

import json
import secrets
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from leadback.web.guard import PAGES

BATCH = {"Content-Type": "application/cloudevents-batch+json"}
SLOW_CONNECTIONS = 1_100
"""More than a process may have open by a common limit (1,024)."""
A_BATCH = 1_000
MOST = 60_000
"""Requests of one flood: far more than the time allows."""
PATIENCE = 30.0
PAUSE = 0.05

DEEP = b"[" * 300 + b"]" * 300
ODD = (
    b'"\\ud83d"', b"71500012", b"[]", b"{}", b"true", b"1e400", b"9223372036854775808",
    b'"\\u0000"', b'"9999-12-31T23:59:59.9999999+00:00"', DEEP,
)  # fmt: skip
"""Values of JSON that no sender means."""
FIELDS = ("assistant", "previous_owner", "intent", "return_date", "from", "into", "email")
TYPES = ("assigned", "replied", "email_opened", "marked", "contact_merged", "contact_erased")
SOURCES = ("m", "leadback/timer", "leadback/rules", "hubspot:acme", "person")
"""Some of them are the engine's own."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to, with which keys, until when (of time.monotonic)."""

    url: str
    key: str
    cookie: str
    until: float

    @property
    def events(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", **BATCH}


Flood = Callable[[Target, Counter[str]], None]


def unknown_addresses(target: Target, seen: Counter[str]) -> None:
    """A key of one portal sends thousands of addresses that nobody knows."""
    _post_batches(target, seen, "addresses", _addresses)


def odd_events(target: Target, seen: Counter[str]) -> None:
    """The same key sends what is no event, or claims to be the engine's."""
    _post_batches(target, seen, "odd", _odd)


def wrong_keys(target: Target, seen: Counter[str]) -> None:
    with requests.Session() as session:
        for number in _rounds(target):
            headers = {**BATCH, "Authorization": f"Bearer lb_{number:012x}_{'x' * 43}"}
            _ask(seen, "keys", lambda headers=headers: session.post(
                f"{target.url}/events", data=b"[]", headers=headers, timeout=PATIENCE))  # fmt: skip


def log_ins(target: Target, seen: Counter[str]) -> None:
    """Every try has a name and an address of its own, as far as the server believes that."""
    with requests.Session() as session:
        for number in _rounds(target):
            headers = {"Origin": target.url, "X-Forwarded-For": f"192.0.2.{number % 250}"}
            form = {"name": f"u{secrets.token_hex(3)}", "password": "x" * 12}
            _ask(seen, "log-ins", lambda headers=headers, form=form: session.post(
                f"{target.url}/login", data=form, headers=headers, timeout=PATIENCE))  # fmt: skip


def assets(target: Target, seen: Counter[str]) -> None:
    """Files that do not exist, without a session."""
    with requests.Session() as session:
        for number in _rounds(target):
            _ask(seen, "assets", lambda number=number: session.get(
                f"{target.url}{PAGES}/_nicegui/{number}", timeout=PATIENCE))  # fmt: skip


def pages(target: Target, seen: Counter[str]) -> None:
    """A viewer reloads a page that asks the CRM, whose portal hangs."""
    with requests.Session() as session:
        session.headers["Cookie"] = target.cookie
        for _ in _rounds(target):
            _ask(seen, "pages", lambda: session.get(
                f"{target.url}{PAGES}/assistants", timeout=PATIENCE))  # fmt: skip


def slow_connections(target: Target, seen: Counter[str]) -> None:
    """Half a request each, and then silence; what the server closes is opened again."""
    where = urlsplit(target.url)
    open_: list[socket.socket] = []
    for _ in _rounds(target):
        if len(open_) < SLOW_CONNECTIONS:
            open_.extend(_half(where.hostname or "", where.port or 0, seen))
        open_ = [one for one in open_ if not _closed(one)]
        seen["slow connections: at once, at most"] = max(
            seen["slow connections: at once, at most"], len(open_)
        )
    for one in open_:
        one.close()


FLOODS: tuple[tuple[Flood, int], ...] = (
    (unknown_addresses, 8),
    (odd_events, 2),
    (wrong_keys, 2),
    (log_ins, 20),
    (assets, 4),
    (pages, 4),
    (slow_connections, 1),
)
"""Each with its number of clients."""


def main(url: str, key: str, cookie: str, seconds: str) -> None:
    target = Target(url, key, cookie, time.monotonic() + float(seconds))
    seen: Counter[str] = Counter()
    clients = [
        threading.Thread(target=flood, args=(target, seen)) for flood, n in FLOODS for _ in range(n)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    json.dump(dict(sorted(seen.items())), sys.stdout)


def _post_batches(target: Target, seen: Counter[str], name: str, made: Callable[[], bytes]) -> None:
    where, headers = f"{target.url}/events", target.events
    with requests.Session() as session:
        for _ in _rounds(target):
            body = made()
            _ask(seen, name, lambda body=body: session.post(
                where, data=body, headers=headers, timeout=PATIENCE))  # fmt: skip


def _addresses() -> bytes:
    tag = secrets.token_hex(4)
    return _batch(
        b'"m","type":"email_opened","subject":"acme/%s%d@nowhere.example"' % (tag.encode(), n)
        for n in range(A_BATCH)
    )


def _odd() -> bytes:
    dice = secrets.SystemRandom()

    def one(n: int) -> bytes:
        field, value = dice.choice(FIELDS), dice.choice(ODD)
        kind, source = dice.choice(TYPES), dice.choice(SOURCES)
        return b'"%s","type":"%s","subject":"acme/%d","data":{"%s":%s}' % (
            source.encode(), kind.encode(), 400_000 + n, field.encode(), value,
        )  # fmt: skip

    return _batch(one(n) for n in range(A_BATCH // 10))


def _batch(rest: Iterable[bytes]) -> bytes:
    tag = secrets.token_hex(6).encode()
    return b"[%s]" % b",".join(
        b'{"specversion":"1.0","id":"%s-%d","source":%s}' % (tag, n, one)
        for n, one in enumerate(rest)
    )


def _rounds(target: Target) -> Iterator[int]:
    for number in range(MOST):
        if time.monotonic() > target.until:
            return
        yield number
        time.sleep(PAUSE)


def _ask(seen: Counter[str], name: str, call: Callable[[], requests.Response]) -> None:
    try:
        seen[f"{name}: {call().status_code}"] += 1
    except requests.RequestException as error:
        seen[f"{name}: {type(error).__name__}"] += 1


def _half(host: str, port: int, seen: Counter[str]) -> list[socket.socket]:
    made = []
    for _ in range(50):
        try:
            one = socket.create_connection((host, port), timeout=1)
            one.sendall(b"POST /events HTTP/1.1\r\nHost: ")
        except OSError as error:
            seen[f"slow connections: {type(error).__name__}"] += 1
            break
        one.setblocking(False)
        made.append(one)
        seen["slow connections: opened"] += 1
    return made


def _closed(one: socket.socket) -> bool:
    try:
        over = one.recv(1_000) == b""
    except BlockingIOError:
        return False
    except OSError:
        over = True
    if over:
        one.close()
    return over


if __name__ == "__main__":
    main(*sys.argv[1:])
