"""The benchmark of what agents with models are made of, part by part: edits, the code index, prompts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.bench import model_edits, model_index, model_prompts
from tests.bench.target import Target


def measure(quick: bool, data: Path | None) -> Iterator[Target]:
    """Yield the targets of each part; the index looks for its repositories in `data`."""
    yield from model_edits.measure(quick)
    yield from model_index.measure(quick, data)
    yield from model_prompts.measure(quick, data)
