"""Metrics as Prometheus asks for them. All that touches its client.

What the store knows is asked of it when somebody scrapes, at most once in a few seconds; a process counts only what it alone sees.
"""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.errors import BadConfig, OrchestratorError
from orchestrator.telemetry.figures import Figures

_LASTS_S = 5.0
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """What one process tells. `ask` returns what the store says; `ticks` counts seconds."""

    def __init__(self, ask: Callable[[], Figures], ticks: Callable[[], float], version: str) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Stored(ask, ticks))
        Gauge(
            "nightcrew_build_info",
            "Which nightcrew this is; always 1.",
            ("version", "python"),
            registry=self._registry,
        ).labels(version, platform.python_version()).set(1)
        self._requests = Histogram(
            "nightcrew_http_request_seconds",
            "Seconds until an answer began, by route.",
            ("method", "route", "status"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._sent = Counter(
            "nightcrew_dispatcher_sends", "Messages that this process sent to the broker.", registry=self._registry
        )
        self._viewers = Gauge("nightcrew_event_viewers", "Live-event streams that are open.", registry=self._registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer. `route` is a pattern of ours, never what somebody asked for."""
        self._requests.labels(method, route, str(status)).observe(seconds)

    def sends(self, count: int) -> None:
        """Count messages that a dispatcher sent."""
        self._sent.inc(count)

    def view(self, viewers: Callable[[], int]) -> None:
        """Say who knows how many look."""
        self._viewers.set_function(viewers)

    def text(self) -> bytes:
        """Return all of it in the text format."""
        return generate_latest(self._registry)

    @contextmanager
    def served(self, host: str, port: int) -> Iterator[int]:
        """Answer scrapes from a thread for as long as the block lasts; yield the port. Raises `BadConfig` where that cannot be."""
        try:
            server, thread = start_http_server(port, host, self._registry)
        except OSError as error:
            raise BadConfig(
                f"metrics cannot be served at {host}:{port} ({error.strerror or error}): name another --metrics-port"
            ) from error
        try:
            yield int(server.server_port)
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Stored(Collector):
    """What the store says, kept for a moment: several who scrape cost one look."""

    def __init__(self, ask: Callable[[], Figures], ticks: Callable[[], float]) -> None:
        self._ask = ask
        self._ticks = ticks
        self._lock = threading.Lock()
        self._kept: tuple[float, Figures | None] | None = None

    def describe(self) -> tuple[Metric, ...]:
        # Else it would be asked at registration.
        return ()

    def collect(self) -> Iterator[Metric]:
        told = self._now()
        yield GaugeMetricFamily("nightcrew_store_up", "Whether the store answers.", float(told is not None))
        if told is not None:
            yield from _families(told)

    def _now(self) -> Figures | None:
        with self._lock:
            now = self._ticks()
            if self._kept is None or now - self._kept[0] >= _LASTS_S:
                self._kept = now, self._asked()
            return self._kept[1]

    def _asked(self) -> Figures | None:
        try:
            return self._ask()
        except (OrchestratorError, SQLAlchemyError):
            return None


def _families(told: Figures) -> Iterator[Metric]:
    jobs = GaugeMetricFamily("nightcrew_jobs", "Jobs by where they stand; each ticket has one.", labels=("status",))
    for status, count in told.jobs.items():
        jobs.add_metric((str(status),), count)
    yield jobs
    yield CounterMetricFamily("nightcrew_tickets", "Tickets that were filed.", told.tickets)
    yield GaugeMetricFamily("nightcrew_queue_depth", "Jobs that a worker could begin now.", told.ready)
    yield GaugeMetricFamily(
        "nightcrew_queue_oldest_seconds", "For how long the oldest of these has waited.", told.oldest_s
    )
    leases = GaugeMetricFamily("nightcrew_leases", "Leases of jobs at work.", labels=("state",))
    leases.add_metric(("held",), told.held)
    leases.add_metric(("expired",), told.expired)
    yield leases
    yield CounterMetricFamily("nightcrew_job_lives", "How often a worker began, or went on with, a job.", told.lives)
    attempts = CounterMetricFamily(
        "nightcrew_attempts", "Attempts by what became of them.", labels=("agent", "outcome")
    )
    for (agent, verified), count in sorted(told.attempts.items()):
        attempts.add_metric((agent, "verified" if verified else "not_verified"), count)
    yield attempts
    yield CounterMetricFamily("nightcrew_spent_seconds", "Seconds that workers had jobs for.", told.spent.seconds)
    tokens = CounterMetricFamily("nightcrew_spent_tokens", "Tokens of models.", labels=("direction",))
    tokens.add_metric(("in",), told.spent.tokens_in)
    tokens.add_metric(("out",), told.spent.tokens_out)
    yield tokens
    yield CounterMetricFamily("nightcrew_spent_usd", "Dollars, reserved ones included.", told.spent.usd)
