"""Who wrote, and to whom: header lines, lists, groups and objects → one entry for each person.

An entry is {email} or {email, first_name, last_name}, each name only where one was given. Header
lines are read as RFC 5322 says (`"Ito, Hugo" <hugo@…>`), and as mail programs write them besides:
names with a bare comma, lists with semicolons. Pure.
"""

import re
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import getaddresses
from typing import Any

MOST = 100
"""People of one field that are kept, as many as a CRM shows."""
MAX_HEADER = 20_000
MAX_NAME = 200
MAX_ADDRESS = 320
"""Characters: 64, an @ and 255 (RFC 5321, 4.5.3.1). What is longer is none; no index holds it."""
_BARE = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_WHOLE = {"name", "displayname", "display_name"}
_FIRST = {"firstname", "first_name", "givenname", "given_name"}
_LAST = {"lastname", "last_name", "familyname", "family_name"}
_ADDRESS = {"email", "address", "emailaddress", "email_address", "mail"}

Person = dict[str, str]


def is_address(text: str) -> bool:
    """Whether this is one bare email address."""
    return len(text) <= MAX_ADDRESS and bool(_BARE.fullmatch(text)) and text.isprintable()


def people(value: Any) -> list[Person]:
    """The people of one field; [] for a group that names nobody. Raises ValueError.

    value: a text such as a header line, an object with an address, or a list of those.
    """
    found: list[Person] = []
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str):
            found += _of_text(one)
        elif isinstance(one, Mapping):
            found += _of_object(one)
        else:
            raise ValueError("names people by neither a text nor an object with an email")
        if len(found) > MOST:
            raise ValueError(f"names more than {MOST} people; send the first ones")
    return list({one["email"]: one for one in found}.values())


def _of_text(line: str) -> list[Person]:
    if len(line) > MAX_HEADER:
        raise ValueError(f"has {len(line):,} characters; send at most {MAX_HEADER:,}")
    line = _UNPRINTABLE.sub(" ", line).strip()
    if is_address(line):
        return [{"email": line}]
    found: list[Person] = []
    before = ""
    for name, address in getaddresses([line]):
        if not address:
            continue
        if "@" not in address:  # the part before a bare comma: Ito, Hugo <hugo@…>
            before = f"{before}{_decoded(name or address)}, "
            continue
        found.append(_person(address.strip("'"), before + _decoded(name)))
        before = ""
    if before or (not found and line.strip("<>") and not line.endswith(":;")):
        raise ValueError(f"{line[:60]!r} names nobody by an email address")
    return found


def _of_object(given: Mapping[str, Any]) -> list[Person]:
    named = {str(key).lower(): value for key, value in given.items()}
    address = _first(named, _ADDRESS)
    if isinstance(address, Mapping):  # {emailAddress: {name, address}}
        return _of_object({key: value for key, value in address.items() if isinstance(value, str)})
    if not isinstance(address, str) or not is_address(address.strip()):
        raise ValueError("names somebody without an email address; send {email, name}")
    whole, first, last = (_first(named, keys) for keys in (_WHOLE, _FIRST, _LAST))
    person = _person(address.strip(), whole if isinstance(whole, str) else "")
    for key, part in (("first_name", first), ("last_name", last)):
        if isinstance(part, str) and (shown := _shown(part)):
            person[key] = shown
    return [person]


def _first(named: Mapping[str, Any], keys: set[str]) -> Any:
    return next((named[key] for key in named if key in keys and named[key] is not None), None)


def _person(address: str, name: str) -> Person:
    """With the name in two parts where it has two: `Ito, Hugo` or `Hugo Ito`."""
    if not is_address(address):
        raise ValueError(f"has {address[:60]!r}, which is no email address")
    shown = _shown(name)
    if not shown or "@" in shown:
        return {"email": address}
    last, comma, first = shown.partition(", ")
    if not comma:
        first, _, last = shown.rpartition(" ")
        first, last = (first, last) if first else (last, "")
    person = {"email": address, "first_name": first.strip(), "last_name": last.strip()}
    return {key: part for key, part in person.items() if part}


def _shown(name: str) -> str:
    return " ".join(_UNPRINTABLE.sub(" ", name[: 4 * MAX_NAME]).split()).strip("'\"")[:MAX_NAME]


def _decoded(name: str) -> str:
    """`=?utf-8?q?J=C3=B6rg?=` as it is meant (RFC 2047)."""
    if "=?" not in name:
        return name
    try:
        return str(make_header(decode_header(name)))
    except (HeaderParseError, LookupError, ValueError):
        return name
