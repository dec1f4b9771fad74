"""Highlighting: the lines of a file as HTML with classes for its syntax, by Pygments. Everything in them is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_for_filename
from pygments.token import STANDARD_TYPES, _TokenType
from pygments.util import ClassNotFound

from orchestrator.plain import plain

MOST_CHARACTERS = 400_000
"""A longer file is shown without colours."""
_LINE_CHARACTERS = 2_000


def highlighted(path: str, lines: Sequence[str]) -> list[str]:
    """Return each line as HTML, safe to show as it is."""
    lines = [_shown(line) for line in lines]
    lexer = _lexer(path)
    if lexer is None or sum(map(len, lines)) > MOST_CHARACTERS:
        return [escape(line) for line in lines]
    made: list[str] = [""]
    for kind, text in lexer.get_tokens("\n".join(lines)):
        for at, piece in enumerate(text.split("\n")):
            if at:
                made.append("")
            if piece:
                made[-1] += _span(kind, piece)
    # A lexer ends what it reads with a line feed of its own.
    return (made + [""] * len(lines))[: len(lines)]


def _shown(line: str) -> str:
    text = plain(line)
    return (
        text if len(text) <= _LINE_CHARACTERS else f"{text[:_LINE_CHARACTERS]} … {len(text) - _LINE_CHARACTERS:,} more"
    )


def _lexer(path: str) -> Lexer | None:
    name = path.rpartition("/")[2]
    try:
        return get_lexer_for_filename(name, stripnl=False, ensurenl=True)
    except ClassNotFound:
        return None


def _span(kind: _TokenType, text: str) -> str:
    while kind not in STANDARD_TYPES and kind.parent is not None:
        kind = kind.parent
    name = STANDARD_TYPES.get(kind, "")
    return f'<span class="{name}">{escape(text)}</span>' if name and name not in ("w", "n", "p") else escape(text)
