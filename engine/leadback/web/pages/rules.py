"""Rules: the picture, the mapping as a table, the file in an editor that says what is wrong."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from html import escape
from typing import Any

from fastapi import Request
from nicegui import events, ui

from leadback.base.words import many
from leadback.web.pages.activation import Activation, Draft
from leadback.web.pages.desk import Desk, View
from leadback.web.pages.dialogs import Given, dialog
from leadback.web.pages.frame import LONG, page, title
from leadback.web.pages.mapping import MappingTable
from leadback.web.pages.parts import Column, card, chip, empty, note, records, text

_FINDINGS = (
    Column("line", "Line", "number"),
    Column("severity", "", "chip"),
    Column("code", "Code", "mono", wide=True),
    Column("message", "What"),
    Column("fix", "What to do"),
)
_DIFFERENCES = (
    Column("what", "What"),
    Column("where", "Where"),
    Column("when", "For which leads"),
    Column("old", "Now"),
    Column("new", "Then"),
)


class _Text:
    """The text that is being worked on, shared by the table and the editor of one page."""

    def __init__(self, view: View, text_now: str) -> None:
        self._view = view
        self.read = self.text = text_now

    @property
    def changed(self) -> bool:
        return self.text != self.read

    async def findings(self) -> list[dict[str, Any]]:
        return await self._view.look(self._view.desk.rulebook.check, self.text) or []


class _Workbench:
    """The draft: what is done with it, and the two tabs that change it."""

    def __init__(self, view: View, draft: _Text) -> None:
        self._view, self._draft = view, draft
        self._may = view.may("editor")
        self._marks: list[dict[str, Any]] = []
        self.mapping = MappingTable(view, lambda: draft.text, self._put)

    # ------------------------------------------------------------------ the draft

    def bar(self, activate: Callable[[], Awaitable[None]]) -> None:
        """How the draft is, and what can be done with it; stands above the tabs."""
        with ui.element("div").classes("lb-row lb-bar"):
            text("Draft", tag="strong")
            self._state = ui.label("as it is on disk").classes("lb-soft").props("role=status")
            ui.element("span").classes("lb-grow")
            ui.button("Save …", on_click=self.save).props("outline dense")
            ui.button("Activate …", on_click=activate).props("dense")

    async def draft(self) -> Draft:
        """What is to be activated, with the value that was picked a moment ago."""
        await self.mapping.settled()
        saves = self._draft.changed and self._view.desk.rulebook.can_save()
        now, read = self._draft.text, self._draft.read
        return Draft(now, partial(self._keep, now, read, quiet=True) if saves else None)

    async def load(self, found: str) -> None:
        """Put another text into the editor."""
        self.mapping.show.refresh()
        await self._put(found)

    async def _put(self, found: str) -> None:
        self._draft.text = found
        self._editor.set_value(found)
        await self._changed()

    async def _keep(self, now: str, read: str, *, quiet: bool = False) -> bool:
        """Save the text that was looked at, whatever the editor holds by now."""
        save = self._view.desk.rulebook.save
        done = await self._view.run("editor", save, now, read=read)
        if done is not None:
            self._draft.read = now
            if not quiet:
                self._view.say(f"Saved as version {done['version']}. {done['next']}")
            await self._changed()
        return done is not None

    # ------------------------------------------------------------------ the file

    def file(self) -> None:
        with card():
            text("The rules file", tag="h2")
            text("Tab indents; Esc and then Tab leaves the editor.", classes="lb-soft")
            self._editor = ui.codemirror(
                self._draft.text, language="YAML", theme="vscodeLight", indent="  "
            ).style("height: 32rem")
            self._editor.props('data-says="The rules file"').set_enabled(self._may)
            self._editor.on_value_change(self._typed)
            self._found = ui.element("div").props("role=region aria-label=Findings")
        self._pause = ui.timer(0.6, self._changed, active=False, once=False)

    def _typed(self, event: events.ValueChangeEventArguments[str]) -> None:
        if event.value != self._draft.text:
            self._draft.text = event.value or ""
            self._pause.activate()

    async def _changed(self) -> None:
        """Say what is wrong with the draft, a moment after the last key."""
        self._pause.deactivate()
        checked = self._draft.text
        found = await self._draft.findings()
        if self._draft.text != checked:
            return  # more was typed meanwhile, and the pause begins anew
        errors = sum(finding["severity"] == "error" for finding in found)
        state = "changed, not saved" if self._draft.changed else "as it is on disk"
        others = many(len(found) - errors, "other")
        self._state.set_text(f"{state}; {many(errors, 'error')}, {others}")
        self._mark(found)
        self._found.clear()
        with self._found:
            if found:
                rows = [{**f, "id": n, "severity_kind": f["severity"]} for n, f in enumerate(found)]
                records(_FINDINGS, rows[:200], label="Findings")
            else:
                note("No findings.", "good")

    def _mark(self, found: Sequence[Mapping[str, Any]]) -> None:
        """Colour the lines. Touches the editor only for news: an update sends its text along."""
        lines: dict[int, str] = {}
        for finding in found:
            words = f"{finding['code']} {finding['message']} — {finding['fix']}"
            line = finding["line"]
            lines[line] = f"{lines[line]}\n{words}" if line in lines else words
        last = self._draft.text.count("\n") + 1
        marks = [
            {"kind": "line", "line": f["line"], "class": f"lb-line-{f['severity']}"}
            for f in found
            if 0 < f["line"] <= last
        ]
        if marks != self._marks:
            self._marks = marks
            self._editor.line_tooltips = lines
            self._editor.decorations = marks

    async def save(self) -> None:
        """Show the difference, then keep the draft as the file."""
        draft, read = (await self.draft()).text, self._draft.read
        found = await self._view.ask(self._view.desk.rulebook.compare, draft)
        if found is not None:
            self._show(found, draft, read)

    def _show(self, found: Sequence[Mapping[str, Any]], draft: str, read: str) -> None:
        async def go(_: Given) -> bool:
            return await self._keep(draft, read)

        words = f"{many(len(found), 'difference')} from the rules in use." if found else ""
        with dialog(self._view, "What would be different", words, "Save the file", go):
            if found:
                rows = [{**one, "id": n} for n, one in enumerate(found)]
                with ui.element("div").classes("lb-scroll").style("max-height: 60vh"):
                    records(_DIFFERENCES, rows, label="Differences")
            else:
                empty("Nothing: it does the same as the rules in use.")


async def _picture(view: View) -> None:
    found = await view.ask(view.desk.rulebook.diagram)
    used = await view.ask(view.desk.rulebook.in_use)
    if found is None or used is None:
        return
    with card():
        with ui.element("div").classes("lb-head"):
            text("The life of a lead", tag="h2")
            chip(f"version {used['version']}", "good")
        ui.html(found).classes("lb-drawing").props(
            'role=img aria-label="States, how many leads are in each, and the ways between them"'
        )
    with card():
        words = escape(used["explained"], quote=False)  # no markup of whoever wrote the rules
        ui.markdown(words).classes("lb-words")


def register(desk: Desk) -> None:
    """/rules"""

    @ui.page("/rules", response_timeout=LONG)
    async def rules(request: Request) -> None:
        with page(desk, request, "Rules", at="rules") as view:
            with ui.element("div").classes("lb-head"):
                title("Rules", "What happens to a lead, and what the CRM shows for it.")
            draft = _Text(view, await view.ask(desk.rulebook.text) or "")
            bench = _Workbench(view, draft)
            picture = ui.refreshable(_picture)
            versions = Activation(view, draft=bench.draft, load=bench.load, changed=picture.refresh)
            await versions.status()
            if view.may("editor"):
                bench.bar(versions.activate)
            with ui.tabs().props("align=left no-caps inline-label active-color=primary") as tabs:
                drawn, mapping, file, history, shadow = (
                    ui.tab(name) for name in ("Picture", "Mapping", "File", "History", "Shadow")
                )
            with ui.tab_panels(tabs, value=drawn, animated=False, keep_alive=True).classes(
                "lb-panels"
            ):
                with ui.tab_panel(file):
                    bench.file()
                with ui.tab_panel(drawn):
                    await picture(view)
                with ui.tab_panel(mapping):
                    await bench.mapping.show()
                with ui.tab_panel(history):
                    await versions.history()
                with ui.tab_panel(shadow):
                    await versions.shadow()
