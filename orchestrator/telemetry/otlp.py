"""Spans sent to an OpenTelemetry collector over OTLP/HTTP. All that touches its SDK."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags

from orchestrator.records import Ticket
from orchestrator.telemetry.traces import ROOT, root_id, trace_id

_SOON_MS = 1_000.0
_TIMEOUT_S = 3.0
"""A collector that is away costs whoever ends no more than this."""


class OtlpTracer:
    """Sends spans from a thread of its own to the collector whose base address is `endpoint`. What cannot be sent is dropped."""

    def __init__(self, endpoint: str) -> None:
        self._ids = _Ids()
        self._closed = False
        # Names of the resource may be given by the environment, as OpenTelemetry has it.
        resource = Resource.create({"service.version": version("nightcrew")})
        if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
            resource = resource.merge(Resource({"service.name": "nightcrew"}))
        self._provider = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_TIMEOUT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=_SOON_MS))
        self._tracer = self._provider.get_tracer("nightcrew")

    @contextmanager
    def span(self, ticket: Ticket, name: str, **about: str | int | float) -> Iterator[None]:
        """Have the block be a span. Of an exception its type alone is told: messages may hold what is nobody's business."""
        named = {f"nightcrew.{key}": value for key, value in about.items()} | {"nightcrew.ticket": ticket.id}
        context = self._around(ticket, name)
        around = trace.get_current_span(context).get_span_context()
        with self._ids.root_of(ticket if name == ROOT else None):
            span = self._tracer.start_span(name, context, attributes=named)
        try:
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                yield
        except BaseException as error:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
        finally:
            span.end()
            if name != ROOT and around.is_remote:
                # A worker may be gone before the next batch.
                self._provider.force_flush()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._provider.shutdown()

    def _around(self, ticket: Ticket, name: str) -> Context:
        """Return what a span is below: the ticket's intake, unless another span of the ticket is around it."""
        if name == ROOT:
            return Context()
        around = trace.get_current_span()
        if around.get_span_context().trace_id != trace_id(ticket):
            sampled = TraceFlags(TraceFlags.SAMPLED)
            around = NonRecordingSpan(
                SpanContext(trace_id(ticket), root_id(ticket), is_remote=True, trace_flags=sampled)
            )
        return trace.set_span_in_context(around, Context())


class _Ids(RandomIdGenerator):
    """Random ids, but those of a ticket where its intake begins."""

    def __init__(self) -> None:
        self._begins = threading.local()

    @contextmanager
    def root_of(self, ticket: Ticket | None) -> Iterator[None]:
        """Have the block's span be the root of a ticket's trace."""
        self._begins.ticket = ticket
        try:
            yield
        finally:
            self._begins.ticket = None

    def generate_span_id(self) -> int:
        ticket: Ticket | None = getattr(self._begins, "ticket", None)
        return super().generate_span_id() if ticket is None else root_id(ticket)

    def generate_trace_id(self) -> int:
        ticket: Ticket | None = getattr(self._begins, "ticket", None)
        return super().generate_trace_id() if ticket is None else trace_id(ticket)
