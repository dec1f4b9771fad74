"""How much a line that a model copied is like a line of the file: the same code, a slip of the pen, or something else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache
from pathlib import PurePosixPath

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

_HASH = frozenset(
    [
        "py",
        "pyi",
        "pyx",
        "rb",
        "sh",
        "bash",
        "zsh",
        "pl",
        "r",
        "yaml",
        "yml",
        "toml",
        "cfg",
        "ini",
        "mk",
        "cmake",
        "ex",
        "exs",
        "nim",
        "jl",
        "ps1",
        "tf",
        "nix",
    ]
)
_DASHES = frozenset(["sql", "lua", "hs", "elm", "adb", "ada"])
_WORD = re.compile(r"\w+|[^\w\s]")
_QUOTES = "\"'`"
_SLIPS = frozenset(",;:'\"`)]}")
"""Punctuation that is left out or doubled without another meaning coming out; `<` for `<=` would be one."""
_DEFINES = re.compile(
    r"\b(?:def|class|function|func|fn|struct|enum|trait|interface|type|module|namespace)\s+[\w(*<]|\bimpl\b|\bmacro_rules!|#\s*define\b"
)
_CONTROLS = re.compile(
    r"(?:\}\s*)?(?:if|else|elif|for|while|do|try|switch|match|case|with|except|catch|finally|return)\b"
)
_LEAST_TYPO = 4
_COMMENT = 0.6
"""How like another a comment is that says the same."""
_LONGEST = 2000
"""Characters of a line beyond which it is compared for equality only: machines wrote it."""


class Likeness(IntEnum):
    """What a copied line is to a real one, from nothing to the same code (comments and spaces aside)."""

    OTHER = 0
    CHANGED = 1
    TYPO = 2
    SAME = 3


def squeezed(line: str) -> str:
    """Return a line without any spaces."""
    return "".join(line.split())


def words(text: str) -> frozenset[str]:
    """Return the words and signs of a text."""
    return frozenset(_WORD.findall(text))


def defines(line: str) -> bool:
    """Say whether a line looks like the head of a definition, whose name says which of several alike places is meant."""
    text = line.strip()
    if _DEFINES.search(text):
        return True
    return text.endswith(("{", ":", "(")) and "(" in text and not _CONTROLS.match(text)


def within_heads(lines: Sequence[str]) -> frozenset[int]:
    """Return the numbers of the lines that a definition's head goes on over, to its closing parenthesis or where its body begins."""
    found, depth = set(), 0
    for at, line in enumerate(lines):
        if depth > 0:
            found.add(at)
        if depth > 0 or defines(line):
            depth = max(0, depth + line.count("(") - line.count(")"))
        if line.rstrip().endswith("{"):
            depth = 0
    return frozenset(found)


def comment_marks(path: str) -> tuple[str, ...]:
    """Return what begins a comment in files of a path's suffix."""
    suffix = PurePosixPath(path).suffix[1:].casefold()
    if suffix in _HASH or PurePosixPath(path).name.casefold() in ("makefile", "dockerfile"):
        return ("#",)
    return ("--",) if suffix in _DASHES else ("//", "/*")


@lru_cache(maxsize=65536)
def code(line: str, marks: tuple[str, ...]) -> str:
    """Return a line without its comment and without spaces; quotes are heeded on the line itself only."""
    text = line.strip()
    if marks == ("//", "/*") and (text.startswith(("* ", "*/")) or text == "*"):
        return ""
    if not any(mark in text for mark in marks):
        return squeezed(text)
    quote, at = "", 0
    while at < len(text):
        letter = text[at]
        if letter == "\\":
            at += 1
        elif quote:
            quote = "" if letter == quote else quote
        elif letter in _QUOTES and letter in text[at + 1 :]:
            quote = letter
        elif text.startswith(marks, at):
            return squeezed(text[:at])
        at += 1
    return squeezed(text)


def likeness(copied: str, real: str, marks: tuple[str, ...], vocabulary: frozenset[str]) -> tuple[Likeness, float]:
    """Compare a copied line with a real one of a file that holds the words `vocabulary`; also say what the pair is worth (0 to 1)."""
    if copied == real or squeezed(copied) == squeezed(real):
        return Likeness.SAME, 1.0
    if max(len(copied), len(real)) > _LONGEST:
        return Likeness.OTHER, 0.0
    one, two = code(copied, marks), code(real, marks)
    if not one and not two:
        ratio = fuzz.ratio(copied.strip(), real.strip()) / 100
        return (Likeness.SAME, ratio) if ratio >= _COMMENT else (Likeness.OTHER, 0.0)
    if one == two:
        return Likeness.SAME, 0.95
    if one and two and is_typo(copied, real, marks, vocabulary):
        return Likeness.TYPO, 0.9
    ratio = fuzz.ratio(one, two) / 100
    return (Likeness.CHANGED, ratio / 5) if ratio >= 0.6 else (Likeness.OTHER, 0.0)


def is_typo(copied: str, real: str, marks: tuple[str, ...], vocabulary: frozenset[str]) -> bool:
    """Say whether a copied line differs from a real one by a slip: in a word that the file nowhere has, or in two."""
    one, two = code(copied, marks), code(real, marks)
    allowed = 2 if len(two) >= 30 else 1
    if OSA.distance(one, two, score_cutoff=allowed) > allowed:
        return False
    mine, theirs = Counter(_WORD.findall(copied)), Counter(_WORD.findall(real))
    strange, missed = list((mine - theirs).elements()), list((theirs - mine).elements())
    if not strange and not missed:
        # The same words in another order, or other spaces within quotes.
        return False
    if any(not _slip(word, vocabulary) for word in strange) or _digits(one) != _digits(two):
        return False
    if len(strange) == len(missed) and not all(map(_slipped, strange, missed)):
        return False
    return all(word in _SLIPS or (len(word) >= _LEAST_TYPO and not word.isdigit()) for word in missed)


def _slip(word: str, vocabulary: frozenset[str]) -> bool:
    if word in _SLIPS:
        return True
    return len(word) >= _LEAST_TYPO - 1 and word not in vocabulary


def _slipped(one: str, two: str) -> bool:
    """Say whether words differ by two letters that changed places, or by one too few or too many within: names that are alike differ at their ends."""
    if OSA.distance(one, two, score_cutoff=1) > 1:
        return False
    if len(one) == len(two):
        return sorted(one) == sorted(two)
    one, two = one.strip("_") or one, two.strip("_") or two
    return (one[0], one[-1]) == (two[0], two[-1])


def _digits(text: str) -> list[str]:
    return [letter for letter in text if letter.isdigit()]
