"""Wording taken from what programs and tickets say: untrusted text made safe to show on a terminal and in a commit."""

from __future__ import annotations

import re
import unicodedata

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_TITLE_CHARACTERS = 72


def plain(text: str) -> str:
    """Return text without terminal escapes and without control, format and surrogate characters; newlines and tabs stay."""
    shown = _ESCAPES.sub("", text).replace("\r\n", "\n")
    return "".join(letter for letter in shown if letter in "\n\t" or not unicodedata.category(letter).startswith("C"))


def tail(output: bytes, limit: int = 2000) -> str:
    """Return the last whole lines of a program's output, `limit` characters at most."""
    text = plain(output.decode("utf-8", "replace")).strip()
    if len(text) <= limit:
        return text
    cut = text[-limit:]
    return f"… {cut.partition(chr(10))[2] or cut}".rstrip()


def title(text: str) -> str:
    """Return the first line of a ticket that says something, as one short line."""
    lines = (" ".join(line.strip(" \t#*-").split()) for line in plain(text).splitlines())
    words = next(filter(None, lines), "Fix")
    return words if len(words) <= _TITLE_CHARACTERS else f"{words[: _TITLE_CHARACTERS - 1].rstrip()}…"
