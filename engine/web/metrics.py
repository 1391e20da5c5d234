"""Figures for Prometheus and probes for whoever watches the process; nothing about any lead."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from engine.base.errors import HandbackError

Status = Callable[[], Mapping[str, Any]]
"""service.queue: the counts of inbox and outbox."""

Allowed = Callable[[Request], Awaitable[Response | None]]
"""None: come in; else the refusal."""


class _Figures(Collector):
    """Asks anew on every scrape."""

    def __init__(self, status: Status, states: Callable[[], Mapping[str, int]]) -> None:
        self._status, self._states = status, states

    def collect(self) -> Iterator[Metric]:
        found = self._status()
        yield _gauge("inbox_events", "Events by what they wait for", "status", found["inbox"])
        yield _gauge("outbox_effects", "Effects by status", "status", found["outbox"])
        yield GaugeMetricFamily(
            "handback_oldest_due_seconds",
            "Age of the oldest event or effect that is due",
            value=found["oldest_due_seconds"],
        )
        yield GaugeMetricFamily(
            "handback_portals_paused",
            "Portals that nothing is sent to for now",
            value=len(found["paused"]),
        )
        yield _gauge("leads", "Leads by state", "state", self._states())


def _gauge(name: str, means: str, label: str, values: Mapping[str, int]) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(f"handback_{name}", means, labels=[label])
    for key, value in values.items():
        gauge.add_metric([key], value)
    return gauge


def metric_routes(
    status: Status, states: Callable[[], Mapping[str, int]], allowed: Allowed
) -> list[Route]:
    """/metrics (for whoever is allowed), /readyz."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(status, states))

    async def metrics(request: Request) -> Response:
        refusal = await allowed(request)
        if refusal is not None:
            return refusal
        text = await run_in_threadpool(generate_latest, registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def ready(_: Request) -> Response:
        try:
            await run_in_threadpool(status)
        except HandbackError as error:
            return PlainTextResponse(f"not ready: {error.what}\n", 503)
        except Exception:  # whatever the database says; the log has it, the outside need not
            return PlainTextResponse("not ready: the database does not answer\n", 503)
        return PlainTextResponse("ready\n")

    return [
        Route("/metrics", metrics, methods=["GET"]),
        Route("/readyz", ready, methods=["GET"]),
    ]
