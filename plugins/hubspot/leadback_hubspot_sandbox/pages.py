"""What a sales user would see: contact lists, and a record with owner history and timeline.

Plain server-rendered HTML without scripts. Everything from the store is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from html.parser import HTMLParser
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse

from leadback_hubspot_sandbox.catalog import ENGAGEMENTS
from leadback_hubspot_sandbox.clock import format_iso
from leadback_hubspot_sandbox.history import Change
from leadback_hubspot_sandbox.portal import Portal
from leadback_hubspot_sandbox.records import Record
from leadback_hubspot_sandbox.styles import CSS
from leadback_hubspot_sandbox.world import World

LIST_PAGE: Final = 100
SHOWN_FIRST: Final = (
    "email", "phone", "company", "jobtitle", "hs_lead_status", "lead_connection_status",
    "lifecyclestage", "context",
)  # fmt: skip
_OWNER: Final = "hubspot_owner_id"
_BLOCKS: Final = frozenset({"p", "br", "div", "li", "tr", "h1", "h2", "h3", "ul", "ol"})


class _Text(HTMLParser):
    """The readable text of a note's HTML; its markup is never passed on."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def plain(html: str) -> str:
    """HTML to text, one line per block."""
    parser = _Text()
    parser.feed(html)
    parser.close()
    lines = (line.strip() for line in "".join(parser.parts).splitlines())
    return "\n".join(line for line in lines if line)


@dataclass(frozen=True, slots=True)
class Pages:
    """The three pages, reading the world that the API changes."""

    world: World

    async def home(self, request: Request) -> HTMLResponse:
        cards = "".join(
            f'<a class="card link" href="/contacts/{portal.id}"><h2>Portal {portal.id}</h2>'
            f"<p>{_count(portal)} contacts · {len(portal.owners)} users</p></a>"
            for portal in self.world.portals.values()
        )
        body = (
            "<p class=lead>A HubSpot sandbox on this machine. Choose a portal to see what its"
            f" users see.</p><div class=cards>{cards}</div>"
        )
        return html_page("HubSpot sandbox", "<h1>HubSpot sandbox</h1>" + body)

    async def contacts(self, request: Request) -> HTMLResponse:
        portal = self.world.portals.get(request.path_params["portal"])
        if portal is None:
            return _missing("There is no such portal.")
        wanted = request.query_params.get("q", "").strip().lower()
        start = _number(request.query_params.get("after", "0"))
        found: list[Record] = []
        for record in portal.contacts.walk(start=start, archived=False):
            if wanted and wanted not in " ".join(record.properties.values()).lower():
                continue
            found.append(record)
            if len(found) > LIST_PAGE:
                break
        rows = "".join(_row(portal, record) for record in found[:LIST_PAGE])
        if not rows:
            rows = "<tr><td colspan=5 class=empty>No contacts here.</td></tr>"
        more = ""
        if len(found) > LIST_PAGE:
            query = f"after={found[LIST_PAGE].id}&amp;q={quote(wanted, safe='')}"
            more = f'<p><a class=button href="?{query}">Next {LIST_PAGE}</a></p>'
        body = (
            f"<h1>Contacts</h1><p class=lead>{_count(portal)} in this portal</p>"
            f"<form class=search><label for=q>Search</label><input id=q name=q type=search"
            f' value="{escape(wanted, quote=True)}" placeholder="Name, email, company">'
            "<button>Search</button></form>"
            "<div class=card><table><thead><tr><th>Name</th><th>Company</th><th>Lead status</th>"
            f"<th>Connection</th><th>Owner</th></tr></thead><tbody>{rows}</tbody></table></div>{more}"
        )
        return html_page(f"Contacts · {portal.id}", body, portal)

    async def record(self, request: Request) -> HTMLResponse:
        portal = self.world.portals.get(request.path_params["portal"])
        if portal is None:
            return _missing("There is no such portal.")
        key = request.path_params["record"]
        record = portal.contacts.records.get(portal.contacts.resolve(key))
        if record is None:
            return _missing("This contact does not exist, or was deleted for good.")
        notice = ""
        if record.archived:
            notice = "<p class=notice>This contact is in the recycle bin.</p>"
        elif record.id != key:
            notice = f"<p class=notice>Contact {escape(key)} was merged into this one.</p>"
        body = (
            f"{notice}<h1>{escape(_name(record))}</h1>"
            f"<p class=lead>Owner: <strong>{escape(_owner(portal, record))}</strong></p>"
            f"<div class=columns><div>{_about(portal, record)}{_owners(portal, record)}</div>"
            f"<div>{_timeline(portal, record)}</div></div>"
        )
        return html_page(_name(record), body, portal)


def html_page(
    title: str, body: str, portal: Portal | None = None, *, status: int = 200
) -> HTMLResponse:
    crumb = (
        ""
        if portal is None
        else f' <span>›</span> <a href="/contacts/{portal.id}">Portal {portal.id}</a>'
    )
    return HTMLResponse(
        "<!DOCTYPE html><html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{CSS}</style></head><body>"
        f'<header><nav><a href="/">HubSpot sandbox</a>{crumb}</nav></header><main>{body}</main>'
        "</body></html>",
        status_code=status,
        headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
    )


def _missing(text: str) -> HTMLResponse:
    return html_page("Not found", f"<h1>Not found</h1><p class=lead>{text}</p>", status=404)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _count(portal: Portal) -> int:
    return sum(1 for one in portal.contacts.records.values() if not one.archived)


def _name(record: Record) -> str:
    parts = (record.properties.get("firstname", ""), record.properties.get("lastname", ""))
    return " ".join(filter(None, parts)) or record.properties.get("email") or record.id


def _owner(portal: Portal, record: Record) -> str:
    return _owner_name(portal, record.properties.get(_OWNER, ""))


def _owner_name(portal: Portal, owner_id: str) -> str:
    if not owner_id:
        return "No owner"
    owner = portal.owners.get(owner_id)
    if owner is None:
        return f"Unknown user {owner_id}"
    return f"{owner.name} (deactivated)" if owner.archived else owner.name


def _value(portal: Portal, record: Record, name: str) -> str:
    """A property as a person reads it: the option's label, not its value."""
    value = record.properties.get(name, "")
    definition = portal.contacts.definition(name)
    for option in definition.options if definition else ():
        if option.value == value:
            return option.label
    return value


def _row(portal: Portal, record: Record) -> str:
    email = record.properties.get("email", "")
    cells = (
        ("Company", record.properties.get("company", "")),
        ("Lead status", _value(portal, record, "hs_lead_status")),
        ("Connection", _value(portal, record, "lead_connection_status")),
        ("Owner", _owner(portal, record)),
    )
    link = f"/contacts/{portal.id}/record/0-1/{record.id}"
    shown = "".join(
        f'<td data-label="{label}">{escape(text) or "<i>–</i>"}</td>' for label, text in cells
    )
    return (
        f'<tr><td><a href="{link}">{escape(_name(record))}</a>'
        f"<small>{escape(email)}</small></td>{shown}</tr>"
    )


def _about(portal: Portal, record: Record) -> str:
    custom = [
        name
        for name in record.properties
        if name not in SHOWN_FIRST
        and (found := portal.contacts.definition(name)) is not None
        and not found.hubspot_defined
    ]
    rows = "".join(
        f"<dt>{escape(definition.label)}</dt><dd>{escape(_value(portal, record, name)) or '–'}</dd>"
        for name in (*SHOWN_FIRST, *custom)
        if (definition := portal.contacts.definition(name)) is not None
    )
    return (
        f"<section class=card><h2>About this contact</h2><dl>{rows}"
        f"<dt>Record ID</dt><dd>{record.id}</dd></dl></section>"
    )


def _owners(portal: Portal, record: Record) -> str:
    entries = list(reversed(record.history.get(_OWNER, ())))
    items = "".join(
        f"<li><strong>{escape(_owner_name(portal, entry.value))}</strong>"
        f"<small>{_when(entry.at_ms)} · {escape(_author(portal, entry))}</small></li>"
        for entry in entries
    )
    shown = f"<ol class=history>{items}</ol>" if items else "<p class=empty>Never had an owner.</p>"
    return f"<section class=card><h2>Owner history</h2>{shown}</section>"


def _author(portal: Portal, entry: Change) -> str:
    user = entry.source.user_id
    person = next((one for one in portal.owners.values() if one.user_id == user), None)
    words = {
        "CRM_UI": "changed by an admin",
        "INTEGRATION": f"changed by app {entry.source.id}",
        "IMPORT": "imported",
        "AUTOMATION_PLATFORM": "changed by a workflow",
        "MERGE_CONTACTS": "taken over in a merge",
    }
    if person is not None and entry.source.type == "CRM_UI":
        return f"changed by {person.name}"
    return words.get(entry.source.type, entry.source.type)


def _when(at_ms: int) -> str:
    text = format_iso(at_ms)
    return f"<time datetime={text}>{text[:10]} {text[11:16]}</time>"


def _timeline(portal: Portal, record: Record) -> str:
    found = sorted(
        _linked(portal, record),
        key=lambda one: (one.properties.get("hs_timestamp", ""), int(one.id)),
        reverse=True,
    )
    items = "".join(_activity(portal, one) for one in found)
    shown = f"<ol class=timeline>{items}</ol>" if items else "<p class=empty>Nothing yet.</p>"
    return f"<section class=card><h2>Activities</h2>{shown}</section>"


def _linked(portal: Portal, record: Record) -> Iterator[Record]:
    for kind in ENGAGEMENTS:
        for other in record.links.get(kind, {}):
            found = portal.stores[kind].live(other)
            if found is not None:
                yield found


def _activity(portal: Portal, one: Record) -> str:
    held = one.properties
    title, text = "Note", plain(held.get("hs_note_body", ""))
    if one.kind.name == "emails":
        incoming = held.get("hs_email_direction") == "INCOMING_EMAIL"
        subject = held.get("hs_email_subject", "(no subject)")
        title = f"Email {'received' if incoming else 'sent'} · {subject}"
        text = held.get("hs_email_text") or plain(held.get("hs_email_html", ""))
    elif one.kind.name == "tasks":
        title = f"Task · {held.get('hs_task_subject', '(no title)')}"
        text = plain(held.get("hs_task_body", ""))
        if held.get("hs_task_status") == "COMPLETED":
            title += " (completed)"
    stamp = held.get("hs_timestamp", "")
    author = _owner_name(portal, held[_OWNER]) if held.get(_OWNER) else "The app"
    word = "due" if one.kind.name == "tasks" else "by"
    meta = f"<time datetime={stamp}>{stamp[:10]} {stamp[11:16]}</time> · {escape(author)}"
    if word == "due":
        meta = f"due {meta}"
    return (
        f'<li class="{one.kind.singular}"><h3>{escape(title)}</h3><small>{meta}</small>'
        f"<p>{escape(text)}</p></li>"
    )
