"""Drafters that the pool's own is measured beside: n-grams as vLLM 0.32 looks them up, and suffix decoding as published."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol


class Drafter(Protocol):
    """Drafts a reply."""

    def take(self, tokens: Iterable[int]) -> None:
        """Follow what the reply went on with."""

    def draft(self, limit: int) -> list[int]:
        """Return at most `limit` tokens that may follow."""


class Ngram:
    """Prompt lookup: what stands behind the first place of the longest n-gram, of prompt and reply, that the text ends with.

    `least` and `most` are vLLM's `prompt_lookup_min` and `prompt_lookup_max`, 5 both where nothing is said.
    """

    def __init__(self, prompt: Sequence[int], least: int = 5, most: int = 5) -> None:
        self._text = list(prompt)
        self._sizes = range(most, least - 1, -1)
        self._behind: dict[tuple[int, ...], int] = {}
        self._indexed = 0
        self.take(())

    def take(self, tokens: Iterable[int]) -> None:
        """Follow what the reply went on with."""
        self._text += tokens
        # The last n-grams have nothing behind them yet.
        for end in range(self._indexed + 1, len(self._text)):
            for size in self._sizes:
                if size <= end:
                    self._behind.setdefault(tuple(self._text[end - size : end]), end)
        self._indexed = max(self._indexed, len(self._text) - 1)

    def draft(self, limit: int) -> list[int]:
        """Return at most `limit` tokens that may follow."""
        for size in self._sizes:
            at = self._behind.get(tuple(self._text[-size:]))
            if at is not None:
                return self._text[at : at + limit]
        return []


class Suffix:
    """Suffix decoding (Oliaro et al., arXiv 2411.04975) over one request's prompt and reply, without the replies to others.

    A node of the suffix tree is the set of places at which a suffix of the text stands; of each the likeliest path is followed, at most `factor` times as
    long as the suffix and while its probability is at least `probable`, and the path with the most expected tokens is drafted. `depth`, `factor`
    and `probable` are vLLM's `suffix_decoding_max_tree_depth`, `…_max_spec_factor` and `…_min_token_prob`, with its defaults.
    """

    def __init__(self, prompt: Sequence[int], depth: int = 24, factor: float = 1.0, probable: float = 0.1) -> None:
        self._depth, self._factor, self._probable = depth, factor, probable
        self._text: list[int] = []
        self._behind: defaultdict[int, list[int]] = defaultdict(list)
        self.take(prompt)

    def take(self, tokens: Iterable[int]) -> None:
        """Follow what the reply went on with."""
        for token in tokens:
            self._text.append(token)
            self._behind[token].append(len(self._text))

    def draft(self, limit: int) -> list[int]:
        """Return at most `limit` tokens that may follow."""
        lengths = {place: self._length(place) for place in self._behind[self._text[-1]][:-1]}
        best, expected = [], 0.0
        for length in sorted(set(lengths.values())):
            places = [place for place, each in lengths.items() if each >= length]
            path, score = self._path(places, min(limit, int(self._factor * length)))
            if score >= expected:
                best, expected = path, score
        return best

    def _length(self, place: int) -> int:
        length = 1
        while length < min(self._depth, place) and self._text[place - length - 1] == self._text[-length - 1]:
            length += 1
        return length

    def _path(self, places: list[int], limit: int) -> tuple[list[int], float]:
        path: list[int] = []
        likely, score = 1.0, 0.0
        while len(path) < limit:
            counts = Counter(self._text[place] for place in places if place < len(self._text))
            if not counts:
                break
            token, count = counts.most_common(1)[0]
            likely *= count / len(places)
            if likely < self._probable:
                break
            path.append(token)
            score += likely
            places = [place + 1 for place in places if place < len(self._text) and self._text[place] == token]
        return path, score
