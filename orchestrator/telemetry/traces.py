"""Traces: the Protocol of spans, and ids by which any process, in any life, finds the trace of a ticket."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from orchestrator.records import Ticket

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""The variable that names the collector, as OpenTelemetry has it. Without it nothing is traced."""
ROOT = "intake"
"""The span that all others of a ticket are below."""


class Tracer(Protocol):
    """Tells a collector what took how long. Safe to use from several threads."""

    def span(self, ticket: Ticket, name: str, **about: str | int | float) -> AbstractContextManager[None]:
        """Have the block be a span of a ticket's trace: below the one around it in this thread, else below the ticket's intake."""
        ...

    def close(self) -> None:
        """Send what is left. Safe to call twice."""
        ...


class Untraced:
    """The tracer where nobody wants traces."""

    def span(self, ticket: Ticket, name: str, **about: str | int | float) -> AbstractContextManager[None]:
        del ticket, name, about
        return nullcontext()

    def close(self) -> None:
        """Nothing is left."""


def trace_id(ticket: Ticket) -> int:
    """Return the 16 bytes of a ticket's trace."""
    return _number(ticket, 0, 16)


def root_id(ticket: Ticket) -> int:
    """Return the 8 bytes of the span of its intake."""
    return _number(ticket, 16, 24)


def tracer_for(environ: Mapping[str, str]) -> Tracer:
    """Return the tracer that the environment asks for; without its package there is none, and a warning says so."""
    if not environ.get(ENDPOINT):
        return Untraced()
    try:
        from orchestrator.telemetry.otlp import OtlpTracer
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "opentelemetry":
            raise
        import logging

        logging.getLogger(__name__).warning("%s is set, and traces need nightcrew[traces]: there are none", ENDPOINT)
        return Untraced()
    return OtlpTracer(environ[ENDPOINT])


def _number(ticket: Ticket, begin: int, end: int) -> int:
    # Ids of tickets are unique in one store, times nearly so among several.
    digest = hashlib.sha256(f"nightcrew {ticket.id} {ticket.filed_at!r}".encode()).digest()
    return int.from_bytes(digest[begin:end], "big") or 1
