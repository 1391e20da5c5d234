"""A portal's own settings: changed by a command, proved, and kept when it is connected again."""

from tests.acceptance.conftest import Program


def test_settings_are_changed_proved_and_kept(ready: Program) -> None:
    printed = ready.run("portal", "set", "acme", "budget_share=0.5", "context_field=context")
    assert b"budget_share = 0.5" in printed.stdout
    ready.run("run", "--until-idle")
    assert ready.json("portal", "status", "acme")["budget"]["burst"]["limit"] == 95
    ready.run("portal", "connect", "acme", "--base-url", ready.url, "--token-env", "HUBSPOT_TOKEN")
    (portal,) = ready.json("portal", "list")
    assert portal["settings"] == {"budget_share": 0.5, "context_field": "context"}
    ready.run("portal", "set", "acme", "budget_share=", "context_field=")
    assert ready.json("portal", "list")[0]["settings"] == {}


def test_what_cannot_work_is_refused_with_what_can(ready: Program) -> None:
    for given, said in (
        ("budget_share=2", "a number from 0.01 to 1"),
        ("budgetshare=0.5", "known are: api_version, app_id, budget_share"),
        ("budget_share", "SETTING=VALUE"),
    ):
        refused = ready.run("portal", "set", "acme", given, code=2)
        # rich may wrap a usage error in a box
        assert said in " ".join(refused.stderr.decode().replace("│", " ").split())
    assert ready.json("portal", "list")[0]["settings"] == {}
