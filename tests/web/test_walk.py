"""Every page walked: by keyboard alone (Tab comes to everything, in order and in sight; dialogs
keep the focus and give it back; Esc closes), and by each role, which is shown what it may do."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from leadback.service.accounts import ROLES, Role
from tests.acceptance.conftest import event, wait_until, write_events
from tests.web.browser import DESKTOP, PHONE, Visit, chromium, needs_browser, serious
from tests.web.conftest import PASSWORD, House

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Response

pytestmark = [needs_browser(), pytest.mark.slow, pytest.mark.long]

PAGES_FOLDER = Path(__file__).resolve().parents[2] / "engine" / "leadback" / "web" / "pages"
MOST = 250
"""Stops of Tab after which something goes round in circles."""

WALK = """
() => {
  const CONTROLS = 'a[href], button, input:not([type=hidden]), select, textarea, summary, '
    + '[role=button], [role=tab], [role=menuitem], [role=combobox], [role=checkbox], '
    + '[contenteditable=true]';
  const seen = e => {
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    return box.width > 0 && box.height > 0 && style.visibility !== 'hidden'
      && !e.closest('[aria-hidden=true], [inert], .q-tab-panels > :not(.q-panel) ');
  };
  const off = e => e.disabled || e.closest('[aria-disabled=true], .disabled, fieldset:disabled');
  const name = e => (e.getAttribute('aria-label') || (e.labels && e.labels[0] &&
    e.labels[0].innerText) || e.closest('label')?.innerText || e.innerText || e.value
    || e.title || '').trim().replace(/\\s+/g, ' ').slice(0, 60);
  const shown = e => {
    const marked = [e, e.closest('.q-field__control'), e.closest('.q-checkbox'),
      e.closest('.cm-editor')].filter(Boolean);
    return marked.some(m => {
      const s = getComputedStyle(m);
      return (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2)
        || s.boxShadow.includes('rgb(180, 83, 9)');
    });
  };
  const composite = e => e.closest('[role=tablist], [role=menu], [role=radiogroup]');
  window.walk = {
    scope: () => [...document.querySelectorAll('[role=dialog]')].filter(seen).pop()
      || document.body,
    wanted() {
      return [...this.scope().querySelectorAll(CONTROLS)].filter(e => seen(e) && !off(e)
        && !e.closest('.nicegui-error-popup'));
    },
    here() {
      const e = document.activeElement;
      if (!e || e === document.body) return null;
      window.walked = window.walked || [];
      const again = window.walked.includes(e);
      window.walked.push(e);
      const before = window.walked.length > 1 ? window.walked[window.walked.length - 2] : null;
      const box = e.getBoundingClientRect();
      return {
        name: name(e), tag: e.tagName, again, shown: shown(e), tabindex: e.tabIndex,
        inside: this.scope().contains(e),
        onScreen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
        forward: !before || again ||
          !!(before.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_FOLLOWING),
        editor: !!e.closest('.cm-editor'), group: !!composite(e),
      };
    },
    missed() {
      const met = window.walked || [];
      return this.wanted().filter(e => !met.some(m => m === e || m.contains(e) || e.contains(m)
        || (composite(e) && composite(e) === composite(m))))
        .map(e => e.outerHTML.slice(0, 120));
    },
    mouseOnly() {
      const met = window.walked || [];
      return [...this.scope().querySelectorAll('*')].filter(e => seen(e) && !off(e)
        && getComputedStyle(e).cursor === 'pointer'
        && getComputedStyle(e.parentElement).cursor !== 'pointer'
        && !met.some(m => m === e || m.contains(e) || e.contains(m)
          || (e.closest('label') && e.closest('label').contains(m))
          || (composite(e) && composite(e) === composite(m))))
        .map(e => e.outerHTML.slice(0, 120));
    },
    nameless() { return this.wanted().filter(e => !name(e)).map(e => e.outerHTML.slice(0, 120)); },
    forget() { window.walked = []; },
  };
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture
def visit(house: House, browser: Any) -> Iterator[Callable[..., Visit]]:
    visits: list[Visit] = []

    def begin(name: str, **options: Any) -> Visit:
        visits.append(Visit(browser, house, name, **options))
        return visits[-1]

    yield begin
    for one in visits:
        one.close()


def walk(page: "Page", *, inside: bool = False) -> list[str]:
    """Tab from where the focus is until it comes round; the names met. Fails where a person would:
    a control out of reach, out of order, without a name, without a mark, or a trap."""
    page.evaluate(WALK)
    page.evaluate("() => walk.forget()")
    met: list[str] = []
    ordered = False
    for _ in range(MOST):
        at = page.evaluate("() => walk.here()")
        if at is not None:
            if at["again"] and not at["editor"]:
                break
            where = f"{at['tag']} {at['name']!r} after {met[-3:]}"
            assert at["shown"], f"no mark of the focus: {where}"
            assert at["onScreen"], f"out of sight: {where}"
            assert at["tabindex"] <= 0, f"an order of its own: {where}"
            assert at["forward"] or not ordered, f"Tab goes back: {where}"
            assert at["inside"] or not inside, f"the dialog lets the focus go: {where}"
            met.append(at["name"])
            if at["editor"]:
                page.keyboard.press("Escape")
        ordered = at is not None  # after the last one comes the browser's own, then the first
        page.keyboard.press("Tab")
    else:
        pytest.fail(f"Tab never comes round: {met}")
    assert page.evaluate("() => walk.missed()") == [], f"Tab never comes here; met {met}"
    assert page.evaluate("() => walk.mouseOnly()") == []
    assert page.evaluate("() => walk.nameless()") == []
    return met


@pytest.fixture(scope="module")
def world(house: House) -> str:
    """Something of everything: a lead, a parked effect, an event that nobody understands, a key,
    another version of the rules. The lead's CRM id."""
    crm_id = house.program.new_contact(80, "tara@example.com", lastname="Keys")
    wait_until(
        lambda: house.program.run("lead", "show", f"acme/{crm_id}", code=None).returncode == 0
    )
    option = {"property": "lead_connection_status", "value": "Hot"}
    house.program.act({"action": "archive_option", **option})
    house.program.run("mark", f"acme/{crm_id}", "hot")
    broken = write_events(
        house.program.folder / "broken.jsonl", [event(1500, "not_known", f"acme/{crm_id}")]
    )
    house.program.run("events", "add", str(broken), code=1)
    house.key("leads:read")
    text = (house.program.folder / "rules" / "lead_states.yaml").read_text()
    other = re.sub(r"(Warm: +\[)IN_PROGRESS", r"\1CONNECTED", text)
    assert other != text
    draft = house.program.folder / "draft.yaml"
    draft.write_text(other)
    house.program.run("rules", "apply", str(draft), "--yes", "--force")
    wait_until(lambda: house.program.json("queue", "list"))
    return crm_id


PATHS = (
    "leads",
    "lead",
    "attention",
    "overview",
    "crm",
    "assistants",
    "rules",
    "people",
    "account",
)


def path_of(name: str, world: str) -> str:
    return f"lead/acme/{world}" if name == "lead" else name


# ---------------------------------------------------------------------- dialogs


DIALOGS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("leads", ("Act on them", "Mark hot"), "Mark hot"),
    ("lead", ("Actions", "Mark unsubscribed"), "Mark unsubscribed?"),
    ("attention", ("Give up acme:",), "Give up on this effect?"),
    ("attention", ("Edit quarantine:",), "Mend this event"),
    ("attention", ("Discard quarantine:",), "Discard this event?"),
    ("crm", ("Connect a portal",), "Connect a portal"),
    ("crm", ("Disconnect",), "Disconnect acme?"),
    ("assistants", ("New assistant",), "New assistant"),
    ("assistants", ("Edit acme/tara",), "Edit tara"),
    ("rules", ("Save …",), "What would be different"),
    ("rules", ("Activate …",), "Activate these rules?"),
    ("people", ("New login",), "New login"),
    ("people", ("Change role viewer",), "Role of viewer"),
    ("people", ("Disable viewer",), "Disable viewer?"),
    ("people", ("New key",), "New API key"),
    ("people", ("Revoke k0",), "Revoke k0?"),
)
"""(page, what is pressed one after the other, the dialog that it opens)"""


def press(page: "Page", name: str) -> "Locator":
    """Focus and Enter: that Tab comes there is shown elsewhere. Items of a menu by arrows."""
    target = page.get_by_role("button", name=name).or_(page.get_by_role("menuitem", name=name))
    target.first.wait_for()
    target.first.focus()
    page.keyboard.press("Enter")
    return target.first


@pytest.mark.parametrize("name", PATHS)
def test_a_page_and_its_dialogs_by_keyboard(
    house: House, world: str, visit: Callable[..., Visit], name: str
) -> None:
    page = visit("admin", reduced_motion="reduce", bypass_csp=True).go(path_of(name, world))
    page.wait_for_timeout(500)
    walk(page)
    for keys, title in [(keys, title) for where, keys, title in DIALOGS if where == name]:
        _dialog(page, keys, title)


def _dialog(page: "Page", keys: tuple[str, ...], title: str) -> None:
    """Opened by keys, it holds the focus and gives it back; it fits a phone, and axe is content."""
    from playwright.sync_api import expect

    opener, *_ = [press(page, key) for key in keys]
    dialog = page.get_by_role("dialog", name=title)
    dialog.wait_for()
    expect(dialog.locator(":focus")).to_have_count(1, timeout=5_000)
    walk(page, inside=True)
    assert serious(page, "[role=dialog]") == {}, title
    page.set_viewport_size(PHONE)
    card = dialog.locator(".lb-dialog").bounding_box()
    assert card is not None
    assert card["x"] >= 0, title
    assert card["x"] + card["width"] <= PHONE["width"], title
    page.set_viewport_size(DESKTOP)
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    expect(opener).to_be_focused(timeout=5_000)


def test_tabs_are_changed_by_arrows_and_what_they_show_is_reached(
    house: House, world: str, visit: Callable[..., Visit]
) -> None:
    page = visit("admin", reduced_motion="reduce", bypass_csp=True).go("rules")
    page.wait_for_timeout(300)
    page.get_by_role("tab", name="Picture").focus()
    for tab in ("Mapping", "File", "History", "Shadow"):
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        page.get_by_role("tab", name=tab, selected=True).wait_for()
        page.wait_for_timeout(300)
        walk(page)
        assert serious(page) == {}, tab
        page.get_by_role("tab", name=tab).focus()


def test_no_dialog_is_left_out() -> None:
    """Every call of dialog() and confirm() in the pages opens one of DIALOGS, or one that another
    test opens: of rules of late, the key that was made, links to a provider; and titles that are
    put together, of which DIALOGS has one each."""
    elsewhere = {
        "The new key", "Drop what is scheduled?", "Go back to version ", "Link ", "Unlink ",
        "title", "action.label", "action", "*words", "Where do these leads go?",
    }  # fmt: skip
    titles = {title for *_, title in DIALOGS}
    missing = []
    for file in sorted(PAGES_FOLDER.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id not in ("dialog", "confirm") or file.name == "dialogs.py":
                continue
            begins = _beginning(node.args[1])
            if not any(t.startswith(begins) for t in titles) and begins not in elsewhere:
                missing.append(f"{file.name}:{node.lineno} {begins!r}")
    assert missing == []


def _beginning(title: ast.expr) -> str:
    """What a title begins with, as far as the code says it."""
    if isinstance(title, ast.Constant):
        return str(title.value)
    if isinstance(title, ast.JoinedStr) and isinstance(title.values[0], ast.Constant):
        return str(title.values[0].value)
    if isinstance(title, ast.JoinedStr) and isinstance(title.values[0], ast.FormattedValue):
        return ast.unparse(title.values[0].value)
    return ast.unparse(title)


# ---------------------------------------------------------------------- what each role is shown

SHOWN: dict[str, Role] = {
    r'Expand "Act on them"|Expand "Actions"': "operator",
    r"Retry( all| acme:\d+)?|Give up acme:\d+": "operator",
    r"(Edit|Discard) quarantine:\d+": "operator",
    r"New assistant|Edit acme/tara": "editor",
    r"Apply \d+ changes": "editor",
    r"Save …|Activate …": "editor",
    r"Let the draft watch|Go back to it \d+|Load into the editor \d+": "editor",
    r"\w+: (hs_lead_status|lead_connection_status)": "editor",
    r"The rules file": "editor",
    r"Connect a portal|Disconnect": "admin",
    r"New login|New key|(Change role|Disable) \w+|Revoke k0": "admin",
    r"Export CSV|(tune )?More|Previous|Next|Lead|State|Assistant|Changed": "viewer",
    r"Refresh|Check set-up|Prove the mapping": "viewer",
    r"Change it": "viewer",
    r"Day|Week|Month|Shown in": "viewer",
}
"""Names of buttons, pickers and editors in the main part of any page → who is shown them."""

ACTING = """
() => [...document.querySelectorAll('.lb-main button, .lb-main .q-panel [role=combobox], '
    + '.lb-main [contenteditable=true]')]
  .filter(e => e.getBoundingClientRect().width > 0)
  .map(e => (e.getAttribute('aria-label') || e.innerText).trim().replace(/\\s+/g, ' '))
  .filter(name => name)
"""


def shown_to(visit: Callable[..., Visit], world: str, role: str) -> set[str]:
    """The rows of SHOWN that this role meets on all pages. Fails for what has no row."""
    someone, rows = visit(role), set()
    came: list[str] = []
    someone.page.on("response", lambda answer: came.append(_text(answer)))
    someone.page.on(
        "websocket",
        lambda wire: wire.on("framereceived", lambda payload: came.append(str(payload))),
    )
    for name in PATHS:
        page = someone.go(path_of(name, world))
        page.wait_for_timeout(400)
        found = page.evaluate(ACTING)
        for tab in page.get_by_role("tab").all():
            tab.click()
            page.wait_for_timeout(200)
            found += page.evaluate(ACTING)
        for called in found:
            row = next((row for row in SHOWN if re.fullmatch(row, called)), None)
            assert row is not None, f"{name}: {called!r} has no row in SHOWN"
            rows.add(row)
    assert sum(map(len, came)) > 100_000, "what came to the browser was not heard"
    for name, secret in secrets_of(someone.house).items():
        assert not any(secret in text for text in came), f"{name} came to the browser of {role}"
    return rows


def _text(answer: "Response") -> str:
    kind = answer.headers.get("content-type", "")
    return answer.text() if kind.startswith("text/html") and answer.ok else ""


def secrets_of(house: House) -> dict[str, str]:
    """What this server knows and no browser may: of the environment and of the database."""
    known = dict(house.program.environ())
    found = {name: known[name] for name in ("HUBSPOT_TOKEN", "HUBSPOT_SECRET")}
    _, _, found["API key"] = house.key("leads:read").split("_", 2)  # which may have "_" itself
    store = house.accounts()._store
    with store.read() as tx:
        found |= {f"password of {u.name}": u.password_hash for u in tx.accounts.users()}
        found |= {f"hash of {k.name}": k.secret_hash for k in tx.accounts.api_keys()}
    store.close()
    assert all(len(secret) > 5 for secret in found.values())
    return found


def test_each_role_is_shown_what_it_may_do_and_nothing_else(
    house: House, world: str, visit: Callable[..., Visit]
) -> None:
    for_all = set(SHOWN) - {r"Apply \d+ changes"}  # only while there are changes to apply
    for role in ROLES:
        may = {row for row in for_all if ROLES.index(SHOWN[row]) <= ROLES.index(role)}
        assert shown_to(visit, world, role) == may, role


# ---------------------------------------------------------------------- without a session


def test_login_and_first_login_by_keyboard(house: House, bare: House, browser: Any) -> None:
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(bare.first)
        assert walk(page) == ["Name", "Password, at least 12 characters", "Make this login"]
        page.keyboard.type("ada")
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("/app/leads"))
        page.goto(f"{house.url}/login")
        assert walk(page) == ["Name", "Password", "Log in"]
        page.keyboard.type("viewer")
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("/app/leads"))
    finally:
        context.close()
