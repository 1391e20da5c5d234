"""The few pages that need no script: login, first login, the event API's reference.

Every value is escaped here, once; nothing comes from outside unescaped.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

LEAST = 12
"""The shortest password, as the form tells it; leadback.service.accounts decides."""


def login_page(*, message: str = "", next_path: str = "", name: str = "", sso: str = "") -> str:
    """The login form. message: what went wrong, in words; sso: the words of a button that leads to
    the OpenID provider."""
    way = f"/login/sso?next={quote(next_path, safe='')}"
    button = f'<p class="other"><a href="{escape(way)}">{escape(sso)}</a></p>' if sso else ""
    return _page(
        "Log in",
        f"""
<main class="door">
  <h1>Leadback</h1>
  {_alert(message)}
  <form method="post" action="/login">
    <label for="name">Name</label>
    <input id="name" name="name" autocomplete="username" required maxlength="64"
           value="{escape(name)}"{"" if name else " autofocus"}>
    <label for="password">Password</label>
    <input id="password" name="password" type="password" autocomplete="current-password"
           required maxlength="256"{" autofocus" if name else ""}>
    <input type="hidden" name="next" value="{escape(next_path)}">
    <button type="submit">Log in</button>
  </form>
  {button}
</main>""",
    )


def first_page(token: str, *, message: str = "") -> str:
    """The form that makes the first admin; reached by the link that `serve` prints."""
    return _page(
        "First login",
        f"""
<main class="door">
  <h1>Welcome to Leadback</h1>
  <p>There is no login yet. Make yours: it is an admin’s, and can add others.</p>
  {_alert(message)}
  <form method="post" action="/first/{escape(token)}">
    <label for="name">Name</label>
    <input id="name" name="name" autocomplete="username" required maxlength="64" autofocus>
    <label for="password">Password, at least {LEAST} characters</label>
    <input id="password" name="password" type="password" autocomplete="new-password"
           required minlength="{LEAST}" maxlength="256">
    <button type="submit">Make this login</button>
  </form>
</main>""",
    )


def message_page(
    title: str, text: str, *, link: tuple[str, str] | None = ("/login", "Log in")
) -> str:
    """A sentence and a way on: (path, words)."""
    way = f'<p><a href="{escape(link[0])}">{escape(link[1])}</a></p>' if link else ""
    return _page(
        title,
        f"""
<main class="door">
  <h1>{escape(title)}</h1>
  <p>{escape(text)}</p>
  {way}
</main>""",
    )


def reference_page(openapi: Mapping[str, Any]) -> str:
    """The event API for people, drawn from its OpenAPI document."""
    operations = [
        _operation(method, path, operation)
        for path, item in openapi["paths"].items()
        for method, operation in item.items()
    ]
    return _page(
        "Event API",
        f"""
<main class="reference">
  <h1>{escape(openapi["info"]["title"])}</h1>
  <p>{escape(openapi["info"].get("description", ""))}</p>
  <p>Machine-readable: <a href="/openapi.json">openapi.json</a></p>
  {"".join(operations)}
</main>""",
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    parameters = [
        (p["name"], p["in"], p.get("description", "")) for p in operation.get("parameters", ())
    ]
    answers = [(code, a.get("description", "")) for code, a in operation["responses"].items()]
    bodies = operation.get("requestBody", {}).get("content", {})
    return f"""
<section>
  <h2><span class="method">{escape(method.upper())}</span> {escape(path)}</h2>
  <p>{escape(operation.get("description") or operation.get("summary", ""))}</p>
  {_table(("parameter", "in", "means"), parameters)}
  {_table(("body", ""), [(kind, "") for kind in bodies])}
  {_table(("answer", "means"), answers)}
</section>"""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in heads if h)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row if cell) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _alert(message: str) -> str:
    return f'<p class="alert" role="alert">{escape(message)}</p>' if message else ""


def _page(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · Leadback</title>
<link rel="icon" href="/static/leadback.svg">
<link rel="stylesheet" href="/static/leadback.css">
</head>
<body class="plain">{body}
</body>
</html>
"""
