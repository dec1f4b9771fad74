"""Text as words for full-text search: identifiers whole and in their parts, endings cut. Both sides of a search use it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

_IDENTIFIER = re.compile(r"\w+")
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_FOREIGN_PART = re.compile(r"[^\W_]+")
_LONGEST = 80
_ENGLISH = """
a about add added after again all also an and any are as at be because been before being but by can cannot could did do does doing don done down each
even for from get given gives go got had has have he her here him his how i if in instead into is isn it its just let like make makes may me might more
most must my no not now of off on one only or other our out over own same see seem should since so some still such than that the their them then there
these they thing this those through to too under until up us use used uses using very via was wasn way we well were what when where which while who why
will with without won work works would you your
"""
_TICKETS = "fix fixed fixes bug issue problem please"
_LANGUAGES = """
assert async await class const def elif else except false final fn func function impl import int lambda none null pub raise return self static str
struct super true try val var void yield
"""


def words(text: str) -> Iterator[str]:
    """Yield the words of a text in order: an identifier made of several words comes whole, then in parts."""
    for found in _IDENTIFIER.findall(text):
        yield from expand(found)


@lru_cache(maxsize=1 << 16)
def expand(identifier: str) -> tuple[str, ...]:
    """Return an identifier's words: itself in lower case where it has several parts, and its parts with their endings cut."""
    if len(identifier) > _LONGEST:
        return ()
    parts = (_PART if identifier.isascii() else _FOREIGN_PART).findall(identifier)
    cut = tuple(stem(part.lower()) for part in parts if len(part) > 1 or len(parts) == 1)
    whole = identifier.strip("_").lower()
    return (whole, *cut) if len(parts) > 1 else cut


def stem(word: str) -> str:
    """Return a lower-case word without its ending for number or tense, as far as that is safe without a dictionary."""
    if len(word) < 4 or not word.isascii():
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            # `stopped` and `stop` are one word; `caching`, `cached` and `cache` too.
            return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls" else word
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


_COMMON = frozenset(cut for word in f"{_ENGLISH} {_TICKETS} {_LANGUAGES}".split() for cut in (word, stem(word)))


def telling(text: str) -> Iterator[tuple[str, str]]:
    """Yield the words of a text that are worth asking for, each with the identifier it comes from, as that is written."""
    # Others are found everywhere: they cost time and tell nothing.
    for found in _IDENTIFIER.findall(text):
        yield from ((word, found) for word in expand(found) if word not in _COMMON and not _short_number(word))


def _short_number(word: str) -> bool:
    return word.isdigit() and len(word) < 3
