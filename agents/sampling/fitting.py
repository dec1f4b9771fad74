"""Fitting: code of a reply at the indentation and with the line endings of what it replaces; models keep, shift or lose indentation."""

from __future__ import annotations

import io
import textwrap
import tokenize
from collections.abc import Iterator, Sequence

_OPENS = (":", "(", "[", "{")
_STEP = "    "


def fittings(code: str, old: str) -> Iterator[str]:
    """Yield the ways in which code may be meant to stand in the place of `old`, the likeliest first. Text within strings stays as it is."""
    if not code.strip():
        yield ""
        return
    first = next((line for line in old.splitlines() if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip())]
    newline = "\r\n" if "\r\n" in old else "\n"
    end = newline if old.endswith(("\n", "\r")) else ""
    # Only line ends end lines here: a form feed within a string does not.
    lines = (code if "\t" in old else code.expandtabs(4)).replace("\r\n", "\n").strip("\n").rstrip().split("\n")
    for fitted in (_shifted(lines, indent), _headless(lines, indent), _below(lines, indent)):
        yield newline.join(fitted) + end


def _shifted(lines: Sequence[str], indent: str) -> list[str]:
    """Return lines moved by as much as takes the first one to an indentation."""
    own = lines[0][: len(lines[0]) - len(lines[0].lstrip())]
    inside = _within_strings(textwrap.dedent("\n".join(lines))) if own != indent else frozenset[int]()
    return [
        indent + line[len(own) :] if line.strip() and line.startswith(own) and number not in inside else line
        for number, line in enumerate(lines, 1)
    ]


def _headless(lines: Sequence[str], indent: str) -> list[str]:
    """Return lines of which only the first lost its indentation, as where it stood behind a colon."""
    return [indent + lines[0].lstrip(), *lines[1:]]


def _below(lines: Sequence[str], indent: str) -> list[str]:
    """Return lines of which the first lost its indentation and the others have one that says nothing."""
    head = lines[0].strip()
    step = _STEP if head.endswith(_OPENS) else ""
    rest = textwrap.dedent("\n".join(lines[1:])).split("\n")
    return [indent + head, *(f"{indent}{step}{line}" if line.strip() else "" for line in rest)][: len(lines)]


def _within_strings(code: str) -> frozenset[int]:
    """Return the lines (from 1) that begin within a string."""
    found: set[int] = set()
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type not in (tokenize.NEWLINE, tokenize.NL):
                found.update(range(token.start[0] + 1, token.end[0] + 1))
    except (tokenize.TokenError, SyntaxError):
        return frozenset(found)
    return frozenset(found)
