"""Examples as a model is shown them: the changes that a ticket names, as diffs, cut at a limit."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from shadowfs import Example, ExampleFile

_CHARACTERS = 16_000


def diffs(examples: Sequence[Example]) -> str:
    """Return what the examples change, "" where there are none; of long ones the first part."""
    text = "\n".join(f"# {example.name}\n{_diff(file)}" for example in examples for file in example.files)
    return (
        text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}\n… {len(text) - _CHARACTERS} characters left out"
    )


def _diff(file: ExampleFile) -> str:
    before, after = ((data or b"").decode("utf-8", "replace").splitlines() for data in (file.before, file.after))
    return "\n".join(difflib.unified_diff(before, after, f"a/{file.path}", f"b/{file.path}", lineterm=""))
