"""Endless repetition, noticed while a reply streams: its end repeats one short piece again and again."""

from __future__ import annotations

WINDOW = 4000
"""Characters of the end that are looked at."""
LEAST = 1600
"""A run shorter than this may be a table, a rule or a list of zeros."""
TIMES = 8
"""A piece this often in a row is stuck, whatever it is."""
_EVERY = 400


class Repetition:
    """Watches text as it comes; `WINDOW` characters are kept and looked at after each `_EVERY` new ones."""

    def __init__(self) -> None:
        self._tail = ""
        self._unseen = 0

    def take(self, piece: str) -> str | None:
        """Take in a piece; return what is repeated once the end is nothing but that, else None."""
        self._tail = (self._tail + piece)[-WINDOW:]
        self._unseen += len(piece)
        if self._unseen < _EVERY:
            return None
        self._unseen = 0
        return repeated(self._tail)


def repeated(text: str) -> str | None:
    """Return the piece that the end of a text repeats over `LEAST` characters and `TIMES` times, None where none is.

    The smallest period of each suffix follows from the prefix function of the reversed text (Knuth, Morris and Pratt, 1977).
    """
    backwards = text[::-1]
    borders = [0] * len(backwards)
    for place in range(1, len(backwards)):
        border = borders[place - 1]
        while border and backwards[place] != backwards[border]:
            border = borders[border - 1]
        borders[place] = border + (backwards[place] == backwards[border])
    for place in range(len(backwards) - 1, LEAST - 2, -1):
        period = place + 1 - borders[place]
        if place + 1 >= max(LEAST, TIMES * period):
            return text[-period:]
    return None
