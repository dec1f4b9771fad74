"""A model's reply, read: which form it is in, and the edits it asks for. What cannot be read is refused, in words for the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agents.edits import anchors, blocks, unified, v4a
from agents.edits.edit import Edit, Form, Reading, Refused, Unclear
from agents.edits.text import split
from agents.edits.whole import parse_whole


def read(reply: str, *, form: Form | None = None, path: str | None = None) -> Reading | Refused:
    """Read a reply in a form, or in the one whose mark stands first in it.

    `path` is what blocks and fences are for that name no file. A reply that was cut, or asks for no edit, is refused.
    """
    lines = split(reply)
    chosen = form or detect(lines)
    parsers: dict[Form, Callable[[], list[Edit]]] = {
        Form.BLOCKS: lambda: blocks.parse_blocks(lines, path),
        Form.V4A: lambda: v4a.parse_v4a(lines),
        Form.UNIFIED: lambda: unified.parse_unified(lines),
        Form.WHOLE: lambda: parse_whole(lines, path),
        Form.ANCHORED: lambda: anchors.parse_anchors(lines),
    }
    try:
        edits = parsers[chosen]()
    except Unclear as error:
        return Refused(f"The reply could not be read: {error}")
    if not edits:
        return Refused(f"The reply asks for no edit that could be read as {chosen}.")
    return Reading(chosen, tuple(edits))


def detect(lines: Sequence[str]) -> Form:
    """Return the form whose mark stands first; whole files where no other's does."""
    for at, line in enumerate(lines):
        if blocks.HEAD.fullmatch(line):
            return Form.BLOCKS
        if line.strip() == "*** Begin Patch" or v4a.SECTION.fullmatch(line):
            return Form.V4A
        if anchors.FILE.fullmatch(line):
            return Form.ANCHORED
        if unified.begins(lines, at) or line.startswith("diff --git "):
            return Form.UNIFIED
    return Form.WHOLE
