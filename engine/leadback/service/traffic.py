"""What goes between a portal and us: when it was last heard of, what of its budget is used."""

from typing import Any

from leadback.base.clock import SECOND, Millis, format_time
from leadback.store import Tx


def traffic(tx: Tx, portal: str, now: Millis) -> dict[str, Any]:
    """last_poll_at, last_comparison_at, last_webhook_at: times or None; paused_until,
    paused_because (of a pause, or why it is not connected), connected.

    budget: {lane: {used, limit, window_seconds}}, calls of all workers in the window that ends
    now and the most that there may be; a lane that was never used is missing.
    """
    heard = tx.listening.of(portal)
    state = tx.portals.state(portal)
    ended = state.disconnected_at is not None
    paused = state.paused_until is not None and state.paused_until > now
    spent = tx.pace.spent(portal, now=tx.pace.now())
    return {
        "last_poll_at": _time(heard.polled_at),
        "last_comparison_at": _time(heard.compared_at),
        "last_webhook_at": _time(heard.hooked_at),
        "paused_until": _time(state.paused_until) if paused and not ended else None,
        "paused_because": state.disconnected_why if ended else state.reason if paused else "",
        "connected": not ended,
        "budget": {
            lane: {
                "used": one.used,
                "limit": one.most,
                "window_seconds": round(one.window / SECOND, 1),
            }
            for lane, one in spent.items()
        },
    }


def _time(at: Millis | None) -> str | None:
    return None if at is None else format_time(at)
