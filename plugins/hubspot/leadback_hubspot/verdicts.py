"""What an answer that is no success means for the engine: an outcome, or an exception for reads."""

from leadback.api import ConfigurationError, GiveUp, Millis, Outcome, PortalUnavailable, TryLater
from leadback_hubspot.answers import Answer, Verdict

SOON: Millis = 5_000


def outcome_of(answer: Answer) -> Outcome:
    """For calls that do no harm when they are made again, whatever happened to this one."""
    if answer.verdict is Verdict.REFUSED:
        return _refused(answer)
    after = min(answer.after, 10_000) if answer.verdict is Verdict.LOST else answer.after
    return TryLater(answer.reason, after=max(after, 1_000), whole_portal=answer.whole_portal)


def _refused(answer: Answer) -> Outcome:
    if answer.status == 403:
        return GiveUp(scopes_text(answer))
    if answer.status in (404, 405) and not answer.about_records:
        reason = (
            f"HubSpot does not know this call ({answer.status}); "
            "check the portal's base_url and api_version"
        )
        return TryLater(reason, after=300_000, whole_portal=True)
    return GiveUp(answer.reason)


def scopes_text(answer: Answer) -> str:
    """What a 403 asks of a person."""
    refusal = answer.refusal
    if refusal and refusal.scopes:
        return (
            f"the app lacks the scopes {', '.join(refusal.scopes)}; add them to the service key or"
            " private app (an OAuth app has to be authorised again), then retry"
        )
    said = f": {refusal.message}" if refusal and refusal.message else ""
    if not answer.needs:
        return f"HubSpot forbids this call (403){said}; check the scopes of the app"
    return (
        f"HubSpot forbids this call (403){said}; it needs {' and '.join(answer.needs)} (a write"
        " scope does not include reading): add it to the service key or private app (an OAuth app"
        " has to be authorised again), then retry"
    )


def unavailable(answer: Answer, portal: str) -> PortalUnavailable:
    """For reading hooks: the portal could not be read now."""
    reason, fix = answer.reason, ""
    if answer.status == 403:
        reason, fix = "HubSpot forbids reading (403)", scopes_text(answer)
    return PortalUnavailable(
        reason, where=f"portal {portal}", fix=fix, after=max(answer.after, SOON)
    )


def refused_call(answer: Answer, portal: str) -> ConfigurationError:
    """For hooks that a person waits for: says what to mend, which the status tells."""
    where = f"portal {portal}"
    if answer.status == 403:
        return ConfigurationError("HubSpot forbids this call", where=where, fix=scopes_text(answer))
    if answer.status == 401:
        fix = "put a valid token into the portal's variable and try again"
    elif answer.status in (404, 405):
        fix = "check the portal's base_url and api_version"
    else:
        fix = "mend what HubSpot names, then try again"
    return ConfigurationError(answer.reason, where=where, fix=fix)
