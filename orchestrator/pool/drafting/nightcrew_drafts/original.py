"""Drafts a reply from the text that it rewrites. Pure, of the standard library alone: it works in an engine's own process, on token ids."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import log2

IN_STEP = 8
"""So many tokens that agree one after the other, and the place is sure."""
_GUESS = 8
"""Tokens of a draft at a place for which nothing speaks yet, and more for each token that does."""
_NEAR = 32
"""Places that are weighed on either side, and in the reply: what bounds the work for a token."""
_BETWEEN = -1


class Original:
    """Drafts what follows of a reply that repeats an original with changes.

    The reply is followed through the original. Where it differs, the places are weighed at which its last token stands: the bits of information by
    which the tokens up to there agree, a rare one having more, less what the way from the last sure place costs. What the reply wrote itself is
    weighed with them, as edits repeat.
    """

    def __init__(self, original: Sequence[int]) -> None:
        self._text = [*original, _BETWEEN]
        self._end = len(original)
        self._most_bits = log2(self._end + 1)
        self._bits = {token: self._most_bits - log2(count) for token, count in Counter(original).items()}
        self._places: defaultdict[int, list[int]] = defaultdict(list)
        for place, token in enumerate(original):
            self._places[token].append(place)
        self._at = 0
        """Where the next token is expected to stand."""
        self._agreed = IN_STEP
        """How many tokens before it are those of the reply; there is no reason for doubt at the beginning."""
        self._sure = 0
        """The place in the original at which the reply was in step last."""

    def take(self, tokens: Iterable[int]) -> None:
        """Follow what the reply went on with."""
        for token in tokens:
            self._follow(token)

    def draft(self, limit: int) -> list[int]:
        """Return at most `limit` tokens that may follow; few where the reply is out of step."""
        if self._agreed < IN_STEP:
            limit = min(limit, _GUESS * (1 + self._agreed))
        end = self._end if self._at <= self._end else len(self._text)
        return self._text[self._at : min(self._at + limit, end)]

    def _follow(self, token: int) -> None:
        here = len(self._text)
        agrees = self._text[self._at] == token
        self._text.append(token)
        self._at += agrees
        self._agreed = self._agreed + 1 if agrees else 0
        if self._agreed < IN_STEP:
            self._align(here)
        if self._agreed >= IN_STEP and self._at <= self._end:
            self._sure = self._at
        self._places[token].append(here)

    def _align(self, here: int) -> None:
        """Take up the place with the most evidence; without any, the next one, as if a token had been replaced."""
        self._at, self._agreed, best = min(self._sure + 1, self._end), 0, 0.0
        for place in self._near(self._text[here]):
            agreed, bits = self._agreement(place, here)
            way = here - place if place > self._end else abs(place + 1 - self._sure)
            evidence = bits - log2(1 + way) / 2
            if evidence > best:
                self._at, self._agreed, best = place + 1, agreed, evidence

    def _near(self, token: int) -> Iterable[int]:
        places = self._places.get(token, [])
        middle = bisect_left(places, self._sure)
        return dict.fromkeys(places[max(0, middle - _NEAR) : middle + _NEAR] + places[-_NEAR:])

    def _agreement(self, place: int, here: int) -> tuple[int, float]:
        """Return how many tokens up to two places are the same, and how many bits they tell."""
        bits = 0.0
        for back in range(min(IN_STEP, place + 1)):
            token = self._text[here - back]
            if self._text[place - back] != token:
                return back, bits
            bits += self._bits.get(token, self._most_bits)
        return min(IN_STEP, place + 1), bits
