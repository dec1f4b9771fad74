"""Highlighting: the lines of a file as HTML with classes for its syntax, by Pygments. Everything in them is escaped."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from html import escape

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_for_filename
from pygments.token import STANDARD_TYPES, _TokenType
from pygments.util import ClassNotFound

from orchestrator.plain import plain

MOST_CHARACTERS = 100_000
"""A longer file is shown without colours."""
MOST_S = 0.5
"""What is not lexed by then is shown without colours: some lexers take the square of what a hostile file has."""
_BLANKS = 200
"""More blank characters than this in a row are left to no lexer."""
_LINE_CHARACTERS = 2_000
_BLANK = re.compile(rf"\s{{{_BLANKS}}}")
_LANGUAGES = frozenset(
    [
        "bash",
        "batch",
        "c",
        "cmake",
        "cpp",
        "csharp",
        "css",
        "dart",
        "diff",
        "docker",
        "elixir",
        "erlang",
        "go",
        "graphql",
        "groovy",
        "haskell",
        "html",
        "ini",
        "java",
        "javascript",
        "json",
        "julia",
        "kotlin",
        "less",
        "lua",
        "make",
        "nginx",
        "objective-c",
        "ocaml",
        "perl",
        "php",
        "powershell",
        "protobuf",
        "python",
        "r",
        "ruby",
        "rust",
        "sass",
        "scala",
        "scss",
        "sql",
        "swift",
        "terraform",
        "toml",
        "tsx",
        "typescript",
        "vue",
        "xml",
        "yaml",
        "zig",
    ]
)
"""Lexers that are used: those of languages that people review."""


def highlighted(path: str, lines: Sequence[str]) -> list[str]:
    """Return each line as HTML, safe to show as it is."""
    lines = [_shown(line) for line in lines]
    lexer = _lexer(path)
    whole = "\n".join(line.rstrip() for line in lines)
    if lexer is None or len(whole) > MOST_CHARACTERS or _BLANK.search(whole):
        return [escape(line) for line in lines]
    made: list[str] = [""]
    until = time.monotonic() + MOST_S
    for kind, text in lexer.get_tokens(whole):
        if time.monotonic() > until:
            return [escape(line) for line in lines]
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
        lexer = get_lexer_for_filename(name, stripnl=False, ensurenl=True)
    except ClassNotFound:
        return None
    return lexer if _LANGUAGES & set(lexer.aliases) else None


def _span(kind: _TokenType, text: str) -> str:
    while kind not in STANDARD_TYPES and kind.parent is not None:
        kind = kind.parent
    name = STANDARD_TYPES.get(kind, "")
    return f'<span class="{name}">{escape(text)}</span>' if name and name not in ("w", "n", "p") else escape(text)
