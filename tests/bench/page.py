"""The page in `docs/measured/` that a benchmark's run leaves: a table of its targets, made from the run's document alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "docs" / "measured"


def write(document: Mapping[str, Any], words: str) -> Path:
    """Write the page of a run that the command `words` made, and return where it is."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{document['name']}.md"
    path.write_text(page(document, words), encoding="utf-8")
    return path


def page(document: Mapping[str, Any], words: str) -> str:
    """Return the page."""
    machine = document["machine"]
    rows = [_row(target) for target in document["targets"]]
    return "\n".join(
        [
            f"# Measured: {document['name']}",
            "",
            f"Made by `{words}` on {document['day']} at {document['commit']}: {machine['cores']} cores, "
            f"{machine['memory_bytes'] / 2**30:.0f} GiB, kernel {machine['kernel']}, load {machine['load']} at its end. Not written by hand.",
            "",
            "| what | measured | limit | holds | beside it, in the same run |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _row(target: Mapping[str, Any]) -> str:
    value, limit = target["value"], target["limit"]
    measured = (
        f"{value:.4g} {target['unit']}" if isinstance(value, int | float) else f"{value}: {target.get('why', '')}"
    )
    asked = "" if limit is None else f"{'at least' if target['least'] else 'at most'} {limit:g}"
    holds = {True: "yes", False: "**no**", None: ""}[target["holds"]]
    beside = "; ".join(f"{name}: {figure:.4g}" for name, figure in target.get("beside", {}).items())
    return (
        "| " + " | ".join(each.replace("|", "\\|") for each in (target["what"], measured, asked, holds, beside)) + " |"
    )
