"""The benchmark of agents with models, part by part: edits, the code index, prompts, and how much is solved with one small model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.bench import model_compare, model_edits, model_index, model_prompts
from tests.bench.target import Target

PARTS = ("edits", "index", "prompts", "compare")


def measure(
    quick: bool, data: Path | None, parts: tuple[str, ...] = PARTS, solvers: tuple[str, ...] = ()
) -> Iterator[Target]:
    """Yield the targets of some parts; the index looks for its repositories in `data`, and `solvers` are those compared (all, where empty)."""
    if "edits" in parts:
        yield from model_edits.measure(quick)
    if "index" in parts:
        yield from model_index.measure(quick, data)
    if "prompts" in parts:
        yield from model_prompts.measure(quick, data)
    if "compare" in parts:
        yield from model_compare.measure(quick, solvers)
