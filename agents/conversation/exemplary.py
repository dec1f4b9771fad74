"""Examples as a model is shown them: the changes that a ticket names, as diffs, cut at a limit."""

from __future__ import annotations

from collections.abc import Sequence

from agents.patch import patch
from shadowfs import Example, ExampleFile

_CHARACTERS = 16_000


def diffs(examples: Sequence[Example]) -> str:
    """Return what the examples change, "" where there are none; of long ones the first part."""
    text = "\n".join(f"# {example.name}\n{_diff(file)}" for example in examples for file in example.files)
    return (
        text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}\n… {len(text) - _CHARACTERS} characters left out"
    )


def _diff(file: ExampleFile) -> str:
    return patch(file.path, file.before or b"", file.after or b"").decode("utf-8", "replace")
