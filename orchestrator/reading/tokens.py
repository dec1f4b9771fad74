"""Lines as tokens, of any language: words, numbers, strings, signs. White space and what is only layout can be left out."""

from __future__ import annotations

import re
from collections.abc import Iterable

_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<word>[^\W\d]\w*)|(?P<number>\d[\w.]*)
    |(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_QUOTED = re.compile(r"^(['\"])(.*)\1$", re.DOTALL)


def tokens(lines: Iterable[str]) -> list[str]:
    """Return the tokens of lines, white space left out."""
    return [match.group() for match in _TOKEN.finditer("\n".join(lines)) if match.lastgroup != "space"]


def words(lines: Iterable[str]) -> set[str]:
    """Return the identifiers in lines; those within strings are none."""
    return {match.group() for match in _TOKEN.finditer("\n".join(lines)) if match.lastgroup == "word"}


def is_word(token: str) -> bool:
    """Say whether a token is an identifier or a keyword."""
    return token[:1].isalpha() or token[:1] == "_"


def bare(found: Iterable[str]) -> list[str]:
    """Return tokens without those that only lay code out: commas before a closing bracket, and which quotes a string has."""
    kept: list[str] = []
    for token in found:
        if token in ")]}" and kept and kept[-1] == ",":
            kept.pop()
        quoted = _QUOTED.match(token)
        kept.append(f'"{quoted.group(2)}"' if quoted else token)
    return kept
