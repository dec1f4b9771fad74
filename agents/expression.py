"""Expressions: what a model or a client searches for. Whatever it is, it neither stalls nor ends whoever searches.

The engine is RE2: it never goes back in a line, its memory is bounded, and other threads run meanwhile.
"""

from __future__ import annotations

import time

from agents.errors import BadPattern

_LONGEST = 1_000
_SEARCH_S = 10.0
_MEMORY_BYTES = 1 << 20
_LINE = 20_000
"""Of a longer line the beginning counts: the worst of patterns that fit into the memory take a second for it."""


class Expression:
    """A regular expression, looked for line by line; all of its looking together takes some `limit_s` seconds at most. Raises `BadPattern`."""

    def __init__(self, pattern: str, limit_s: float = _SEARCH_S) -> None:
        if len(pattern) > _LONGEST:
            raise BadPattern(f"the pattern has more than {_LONGEST} characters: look for less")
        import re2

        options = re2.Options()
        options.max_mem, options.never_capture, options.log_errors = _MEMORY_BYTES, True, False
        try:
            self._compiled = re2.compile(pattern.encode("utf-8", "backslashreplace").decode(), options)
        except re2.error as error:
            why = error.args[0].decode("utf-8", "replace")
            raise BadPattern(
                f"the pattern is no regular expression of RE2 (which knows no lookaround and no backreferences): {why}"
            ) from None
        self._left_s = limit_s

    def lines(self, data: bytes) -> list[tuple[int, str]]:
        """Return the number (from 1) and the text of each line of a file that matches. Raises `BadPattern` once the seconds are over."""
        began = time.monotonic()
        ends = began + self._left_s
        found = []
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            if time.monotonic() > ends:
                raise BadPattern("to look for the pattern takes too long: look for something simpler")
            if self._compiled.search(line[:_LINE]):
                found.append((number, line))
        self._left_s -= time.monotonic() - began
        return found
