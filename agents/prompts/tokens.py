"""Token counts without a download: the one module that imports the tokenizer, lazily. Counts are kept by content hash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agents.models import ModelError, Trouble

Count = Callable[[str], int]
"""Return the tokens of a text, which has no lone surrogates."""

DEFAULT = "o200k_base"
KEPT = 400_000


class TokenCounter:
    """Counts tokens as an encoding does (`cl100k_base`, `o200k_base`, `qwen3`, `llama3`); the last `kept` counts are remembered."""

    def __init__(self, encoding: str = DEFAULT, kept: int = KEPT) -> None:
        self.encoding = encoding
        self._kept = kept
        self._counts: dict[int, int] = {}
        self._count: Count = _tokenizer(encoding).count

    def __call__(self, text: str) -> int:
        """Return the number of tokens; what looks like a special token counts as the text it is."""
        # Strings keep their hash; with the length no two texts of one process are likely to share it.
        key = hash(text) << 32 | len(text)
        known = self._counts.get(key)
        if known is None:
            if len(self._counts) >= self._kept:
                # Dictionaries keep their order: the oldest half goes.
                for old in list(self._counts)[: self._kept // 2]:
                    del self._counts[old]
            known = self._counts[key] = self._count(text)
        return known

    def joined(self, texts: Sequence[str], tokens: Sequence[int]) -> int:
        """Return how many tokens more lines of text have that stand one after the other than each has alone (`tokens`).

        No encoding joins anything across the end of a line but white space and slashes: only a text that begins with one is counted anew,
        with the one before it.
        """
        more = 0
        joined = [at for at, text in enumerate(texts) if at and (not text or text[0] == "/" or text[0].isspace())]
        while joined:
            last = first = joined.pop()
            while joined and joined[-1] == first - 1:
                first = joined.pop()
            more += self("".join(texts[first - 1 : last + 1])) - sum(tokens[first - 1 : last + 1])
        return more


def encoding_of(model: str) -> str:
    """Return the encoding of a model by its name, the default where its own is not known."""
    lower = model.lower().rsplit("/", 1)[-1]
    starts = {"qwen": "qwen3", "llama-3": "llama3", "llama3": "llama3", "meta-llama-3": "llama3"}
    starts |= {
        "gpt-oss": "o200k_harmony",
        "gpt-4o": "o200k_base",
        "gpt-4.": "o200k_base",
        "gpt-4": "cl100k_base",
        "gpt-3": "cl100k_base",
    }
    return next((encoding for start, encoding in starts.items() if lower.startswith(start)), DEFAULT)


def _tokenizer(encoding: str) -> Any:
    try:
        import quicktok
    except ImportError:
        raise ModelError(Trouble.NO_LIBRARY, "the package `quicktok-v1` is not installed") from None
    return quicktok.get_encoding(encoding)
