"""What an engine counts of its prefix cache, as far as it tells: vLLM does, at `/metrics`."""

from __future__ import annotations

import re

METRICS = "/metrics"
METRICS_BYTES = 4 << 20
_COUNT = re.compile(
    rb"^vllm:(?:gpu_)?prefix_cache_(queries|hits)(?:_total)?(?:\{[^}\n]*\})? ([0-9]{1,20}(?:\.[0-9]*)?(?:[eE]\+?[0-9]{1,2})?)$",
    re.M,
)


def cache_of(metrics: bytes) -> tuple[int, int] | None:
    """Return how many tokens were looked for in the cache and how many were there, since the engine began; None where it does not tell."""
    counts = {b"queries": 0, b"hits": 0}
    found = _COUNT.findall(metrics)
    for name, value in found:
        counts[name] += int(float(value))
    return (counts[b"queries"], counts[b"hits"]) if found else None
