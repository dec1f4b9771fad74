"""From a blob to chunks of words: what is too big or no text is left out, the rest is cut by the syntax of its language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agents.index import python
from agents.index.grammars import Grammars
from agents.index.outline import Chunk, cut
from agents.index.words import words

FILE_BYTES = 1 << 20
"""Larger files are left out: data, or made by a machine."""
_PARSED_BYTES = 256 << 10
"""Larger ones are cut at blank lines: a parser may need seconds for such a text, if its author wants it to."""
_LONGEST_LINE = 2_000
_CHUNK_WORDS = 4_000


@dataclass(frozen=True, slots=True)
class Worded:
    """A chunk as the index keeps it: its lines, its names, and the words of both."""

    chunk: Chunk
    names: str
    body: str


def chunked(data: bytes, language: str, grammars: Grammars) -> Iterator[Worded] | None:
    """Return the chunks of a file, None where it is not text."""
    text = decoded(data)
    if text is None:
        return None
    lines = text.removesuffix("\n").split("\n")
    outline = None
    if len(data) <= _PARSED_BYTES:
        outline = python.outline(text) if language == "python" else grammars.outline(text, language)
    return (_worded(chunk, lines) for chunk in cut(lines, outline or ()))


def decoded(data: bytes) -> str | None:
    """Return a file's text with plain line ends, None where it is binary; what is not UTF-8 is read byte by byte."""
    if b"\0" in data[:8192]:
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    # Lines end as parsers end them, not where `splitlines` does: at form feeds and the like too.
    return re.sub(r"\r\n?", "\n", text.replace("\0", " "))


def _worded(chunk: Chunk, lines: list[str]) -> Worded:
    text = "\n".join(line[:_LONGEST_LINE] for line in lines[chunk.first - 1 : chunk.last])
    body = [word for word, _ in zip(words(text), range(_CHUNK_WORDS), strict=False)]
    names = words(" ".join((*chunk.names, *chunk.within.split("."))))
    return Worded(chunk, " ".join(names), " ".join(body))
