"""What a person says about portals that cannot show the rules that are to take over."""

from collections.abc import Mapping
from typing import Any

from leadback.web.pages.desk import ALL, View
from leadback.web.pages.dialogs import Form, Given


def ask_about_portals(form: Form, plan: Mapping[str, Any]) -> None:
    """Two ticks, where a portal stands in the way."""
    if plan["hindered"]:
        form.check("setup", "Set these portals up first", value=False)
        form.check("force", "Use these rules all the same", value=False)


def forced(given: Given, plan: Mapping[str, Any]) -> bool:
    """Whether the rules are to be used whatever portals can show."""
    return bool(plan["hindered"]) and given.checked("force")


async def prepared(view: View, given: Given, plan: Mapping[str, Any], text: str) -> bool:
    """Set up the portals that stand in the way, if that was ticked. False, and a message, when
    nothing was ticked or it failed."""
    if not plan["hindered"]:
        return True
    if not given.checked("setup"):
        if not given.checked("force"):
            view.say("Tick what is to be done about the portals.", bad=True)
        return given.checked("force")
    prepare = view.desk.app.portals.prepare
    reports = await view.run_portal("editor", ALL, prepare, plan["hindered"], text)
    for report in reports or ():
        if "trouble" in report:
            view.say(f"{report['portal']} was not set up: {report['trouble']}", bad=True)
    return reports is not None and not any("trouble" in report for report in reports)
