"""Who may do what from the pages: one table of all actions, complete by reading the pages' code,
and every action tried by every role through the one way that pages have."""

import ast
import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from argon2 import PasswordHasher

from leadback.base.clock import ManualClock
from leadback.service.accounts import ROLES, Accounts, Role
from leadback.service.audit import Audit
from leadback.store import Store, open_store
from leadback.web.limits import RateLimit
from leadback.web.pages.desk import Desk, View
from leadback.web.pages.pools import Pools
from tests.databases import database_in

PAGES = Path(__file__).resolve().parents[2] / "engine" / "leadback" / "web" / "pages"
PASSWORD = "correct horse battery staple"

NEEDS: dict[str, Role] = {
    # a lead, many leads, what is parked
    "leads.mark": "operator",
    "browse.preview": "operator",
    "browse.act": "operator",
    "queue.retry": "operator",
    "queue.give_up": "operator",
    "queue.drop": "operator",
    "queue.keep": "operator",
    "attention.mend": "operator",
    "attention.discard": "operator",
    # assistants, set-up, rules
    "portals.add_assistant": "editor",
    "portals.edit_assistant": "editor",
    "portals.setup": "editor",
    "portals.prepare": "editor",
    "rulebook.with_value": "editor",
    "rulebook.save": "editor",
    "_versions.apply": "editor",
    "_versions.rollback": "editor",
    "_versions.cancel": "editor",
    "_watching.watch": "editor",
    "_watching.unwatch": "editor",
    # portals, people, keys
    "connections.connect": "admin",
    "connections.begin": "admin",
    "connections.disconnect": "admin",
    "accounts.list": "admin",
    "accounts.add": "admin",
    "accounts.invite": "admin",
    "accounts.change": "admin",
    "accounts.link": "admin",
    "keys.list": "admin",
    "keys.add": "admin",
    "keys.revoke": "admin",
    "audit.list": "admin",
    "audit.log_ins": "admin",
    # one's own password
    "accounts.set_password": "viewer",
}
"""What changes something, or shows what an admin alone may see → the least role."""

QUERIES = frozenset(
    {
        "accounts.has_password", "app.leads.show", "app.leads.why", "app.portals.check",
        "app.portals.heard", "app.portals.list", "app.portals.list_assistants",
        "app.portals.setup (apply=False)", "attention.everything", "browse.choices",
        "browse.crm_url", "browse.ids", "browse.mark_of", "browse.page", "overview.look",
        "overview.trends",
        "rulebook.check", "rulebook.compare", "rulebook.diagram", "rulebook.in_use",
        "rulebook.mappings", "rulebook.portals", "rulebook.text", "rulebook.what_if",
        "versions.options", "_versions.plan", "_versions.status", "_versions.text",
        "_versions.versions",
        "_watching.found", "_described", "changed", "_ask_status", "app.portals.kept_assistants",
    }
)  # fmt: skip
"""What a viewer may ask. None of them changes anything. changed: what keep_fresh() got."""

AT_ONCE = {
    "rules.now": "what this process knows anyway",
    "rules.now().rules.states.values": "the same",
    "leads.actions": "the same",
    "rulebook.can_save": "whether there is a file to save to",
    "portals.status": "inside _ask_status, which is called through the view",
    "portals.list": "inside _described, which is called through the view",
    "browse.export": "a download, behind the guard: whoever may look may export",
}
"""Called without naming a role, and why that is right."""


@dataclass(frozen=True)
class Call:
    """A page does something through its View. role None: the code does not say it in one word."""

    where: str
    way: str
    role: str | None
    what: str


WAYS = {
    "run": 1, "did": 1, "ask": 0, "look": 0, "share": 1,
    "run_portal": 2, "ask_portal": 1, "share_portal": 2,
}  # fmt: skip
"""How a view is asked, and which argument is what it calls."""
ACTS = ("run", "did", "run_portal")


def calls() -> Iterator[Call]:
    """Every view.run, did, ask, look and share of the pages, with what it calls."""
    for file in sorted(PAGES.glob("*.py")):
        if file.name == "desk.py":
            continue
        tree = ast.parse(file.read_text())
        named = {
            target.id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            way, owner = node.func.attr, ast.unparse(node.func.value)
            if way not in WAYS or not owner.endswith("view"):
                continue
            acts = way in ACTS
            role = node.args[0].value if acts and isinstance(node.args[0], ast.Constant) else None
            called = node.args[WAYS[way]]
            seen = called
            while isinstance(seen, ast.Name) and seen.id in named:
                seen = named[seen.id]
            if isinstance(seen, ast.Call) and ast.unparse(seen.func) == "partial":
                seen = seen.args[0]
            if isinstance(seen, ast.Lambda) and isinstance(seen.body, ast.Call):
                seen = seen.body.func
            while isinstance(seen, ast.Name) and seen.id in named:
                seen = named[seen.id]
            where = f"{file.name}:{node.lineno}"
            fixed = any(k.arg == "apply" and ast.unparse(k.value) == "False" for k in node.keywords)
            what = _what(seen, named) + (" (apply=False)" if fixed else "")
            yield Call(where, way, cast("str | None", role), what)


def _what(node: ast.expr, named: dict[str, ast.expr]) -> str:
    """The end of what is called, aliases of services replaced."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
        if isinstance(node, ast.Name) and node.id in named and node.id != "view":
            node = named[node.id]
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))


def _row(what: str, table: Any) -> str | None:
    return next((row for row in table if what == row or what.endswith("." + row)), None)


def test_every_action_of_the_pages_has_its_row_and_asks_for_that_role() -> None:
    found = list(calls())
    acts = [call for call in found if call.way in ACTS]
    assert len(acts) > 25
    wrong = [c for c in acts if (row := _row(c.what, NEEDS)) is None or NEEDS[row] != c.role]
    assert wrong == []
    unused = set(NEEDS) - {_row(c.what, NEEDS) for c in acts}
    assert unused == set()


def test_what_a_viewer_may_ask_is_known_to_change_nothing() -> None:
    asks = [call for call in calls() if call.way not in ACTS]
    assert [c for c in asks if _row(c.what, QUERIES) is None] == []
    assert QUERIES - {_row(c.what, QUERIES) for c in asks} == set()


def test_no_page_reaches_a_service_beside_its_view() -> None:
    """A service that is called directly would be called without a role."""
    beside = []
    for file in sorted(PAGES.glob("*.py")):
        if file.name in ("desk.py", "build.py"):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                what = ast.unparse(node.func)
                direct = "desk." in what or what.startswith(("self._versions.", "self._watching."))
                if direct and _row(what, AT_ONCE) is None:
                    beside.append(f"{file.name}:{node.lineno} {what}")
    assert beside == []


# ---------------------------------------------------------------------- each by each


@dataclass(frozen=True, slots=True)
class Told(View):
    """A page without a browser: what it would say is kept."""

    words: list[str] = field(default_factory=list)

    def say(self, words: str, *, bad: bool = False) -> None:
        self.words.append(words)


@dataclass(frozen=True)
class House:
    """Logins of all roles, named as the role."""

    store: Store
    accounts: Accounts
    audit: Audit
    pools: Pools
    asked: RateLimit

    def view(self, role: Role) -> Told:
        visitor = self.accounts.visitor(self.accounts.log_in(role, PASSWORD) or "")
        assert visitor is not None
        return Told(cast(Desk, self), visitor, cast(Any, None))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    store = open_store(database_in(tmp_path_factory.mktemp("roles")))
    clock = ManualClock(1_800_000_000_000)
    audit = Audit(store, clock)
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    accounts = Accounts(store, clock, audit, quick)
    for role in ROLES:
        accounts.add(role, PASSWORD, role)
    pace = RateLimit(clock, per_second=0.1, burst=3)
    yield House(store, accounts, audit, Pools(), pace)
    store.close()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("action", NEEDS)
def test_the_server_refuses_what_a_role_may_not(house: House, action: str, role: Role) -> None:
    view, done = house.view(role), []

    def call() -> str:
        done.append(house.audit.actor())
        return "done"

    call.__name__ = action
    answer = asyncio.run(view.run(NEEDS[action], call))
    if ROLES.index(role) >= ROLES.index(NEEDS[action]):
        assert (answer, done) == ("done", [(role, "pages")])
        return
    assert (answer, done) == (None, [])
    assert view.words == [f"you are {role} here; this needs {NEEDS[action]}"]
    last = house.audit.list(limit=1)[0]
    assert (last["who"], last["what"]) == (role, action)
    assert last["outcome"].startswith("refused")


def test_a_role_that_nobody_knows_may_look_only(house: House) -> None:
    with house.store.write() as tx:
        user = tx.accounts.user("operator")
        assert user is not None
        tx.accounts.put_user(type(user)("odd", user.password_hash, "superadmin", user.created_at))
    visitor = house.accounts.visitor(house.accounts.log_in("odd", PASSWORD) or "")
    assert visitor is not None
    assert [role for role in ROLES if visitor.may(role)] == ["viewer"]
