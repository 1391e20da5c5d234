"""Figures for Prometheus and probes for whoever watches the process; nothing about any lead."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    generate_latest,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from leadback.base.errors import ConfigurationError, LeadbackError

Status = Callable[[], Mapping[str, Any]]
"""service.queue: the counts of inbox and outbox."""

Allowed = Callable[[Request], Awaitable[Response | None]]
"""None: come in; else the refusal."""


class _Figures(Collector):
    """Asks anew on every scrape."""

    def __init__(
        self,
        status: Status,
        states: Callable[[], Mapping[str, int]],
        strangers: Callable[[], int] | None,
    ) -> None:
        self._status, self._states, self._strangers = status, states, strangers

    def collect(self) -> Iterator[Metric]:
        try:
            found, states = self._status(), self._states()
        except LeadbackError:  # the figure to raise an alarm by: the others would be guesses
            yield _up(0)
            return
        yield _up(1)
        yield _gauge("inbox_events", "Events by what they wait for", "status", found["inbox"])
        yield _gauge("outbox_effects", "Effects by status", "status", found["outbox"])
        yield GaugeMetricFamily(
            "leadback_oldest_due_seconds",
            "Age of the oldest event or effect that is due",
            value=found["oldest_due_seconds"],
        )
        yield GaugeMetricFamily(
            "leadback_portals_paused",
            "Portals that nothing is sent to for now",
            value=len(found["paused"]),
        )
        yield _gauge("leads", "Leads by state", "state", states)
        if self._strangers is not None:
            yield CounterMetricFamily(
                "leadback_webhooks_unknown_account",
                "Webhooks of accounts that no portal is connected to, since this process began",
                value=self._strangers(),
            )


def _up(value: int) -> GaugeMetricFamily:
    return GaugeMetricFamily("leadback_database_up", "1: the database answers", value=value)


def _gauge(name: str, means: str, label: str, values: Mapping[str, int]) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(f"leadback_{name}", means, labels=[label])
    for key, value in values.items():
        gauge.add_metric([key], value)
    return gauge


def _registry(
    status: Status,
    states: Callable[[], Mapping[str, int]],
    strangers: Callable[[], int] | None = None,
) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(status, states, strangers))
    return registry


@contextmanager
def measured(port: int, status: Status, states: Callable[[], Mapping[str, int]]) -> Iterator[str]:
    """The figures of a worker without pages, on this machine only, during the block; their URL.

    port: 0 takes a free one. Raises ConfigurationError when it is taken.
    """
    try:
        server, thread = start_http_server(port, "127.0.0.1", _registry(status, states))
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on 127.0.0.1:{port}: {error.strerror or error}",
            fix="use another --metrics-port, or --metrics-port 0 for a free one",
        ) from error
    try:
        yield f"http://127.0.0.1:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def metric_routes(
    status: Status,
    states: Callable[[], Mapping[str, int]],
    strangers: Callable[[], int],
    allowed: Allowed,
) -> list[Route]:
    """/metrics (for whoever is allowed), /readyz. strangers: service.webhooks."""
    registry = _registry(status, states, strangers)

    async def metrics(request: Request) -> Response:
        refusal = await allowed(request)
        if refusal is not None:
            return refusal
        text = await run_in_threadpool(generate_latest, registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def ready(_: Request) -> Response:
        try:
            await run_in_threadpool(status)
        except LeadbackError as error:
            return PlainTextResponse(f"not ready: {error.what}\n", 503)
        except Exception:  # whatever the database says; the log has it, the outside need not
            return PlainTextResponse("not ready: the database does not answer\n", 503)
        return PlainTextResponse("ready\n")

    return [
        Route("/metrics", metrics, methods=["GET"]),
        Route("/readyz", ready, methods=["GET"]),
    ]
