"""The stand-in's prefix cache: whole blocks of tokens, each known by all that comes before it; the least recently used go first."""

from __future__ import annotations

from collections import OrderedDict

BLOCK_TOKENS = 16
TOKEN_BYTES = 4
"""A stand-in's token is four bytes of text, whatever they mean."""


def count(text: bytes) -> int:
    """Return the tokens of a text."""
    return -(-len(text) // TOKEN_BYTES)


class PrefixCache:
    """Remembers the blocks of the prompts it saw."""

    def __init__(self, blocks: int) -> None:
        self._most = blocks
        self._blocks: OrderedDict[int, None] = OrderedDict()
        self.queries = self.hits = 0
        """Tokens that were asked for, and those of them that were there, as vLLM counts them."""

    @property
    def usage(self) -> float:
        """Return which share of it is filled."""
        return len(self._blocks) / self._most

    def take(self, text: bytes) -> int:
        """Return how many tokens of a prompt are known from its beginning on; from now on all its whole blocks are."""
        cached, before, still = 0, 0, True
        size = BLOCK_TOKENS * TOKEN_BYTES
        for start in range(0, len(text) - size + 1, size):
            before = hash((before, text[start : start + size]))
            still = still and before in self._blocks
            cached += BLOCK_TOKENS if still else 0
            self._blocks[before] = None
            self._blocks.move_to_end(before)
            while len(self._blocks) > self._most:
                self._blocks.popitem(last=False)
        # One token at least is computed, as engines do, for there is nothing to sample from otherwise.
        cached = min(cached, max(0, count(text) - 1))
        self.queries += count(text)
        self.hits += cached
        return cached
