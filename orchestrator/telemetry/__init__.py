"""Seeing it: what the store says in numbers, logs as lines, and traces from ticket to delivery."""

from orchestrator.telemetry.traces import Tracer, Untraced

__all__ = ["Tracer", "Untraced"]
