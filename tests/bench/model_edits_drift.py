"""Edits as models write them, drifted from the file they are meant for: generated from real files, frozen by a seed.

A case is a window of a real file, a small edit of it, and one kind of drift: in what the model copied, or in the file since it was read.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from agents.edits.grammar import broken_at
from tests.bench.model_edits_sources import SourceFile, parses

_WORD = re.compile(r"[A-Za-z_]{5,}")
_NUMBER = re.compile(r"\b\d+\b")
_SWAPS = (
    ("==", "!="),
    (" and ", " or "),
    ("&&", "||"),
    (" + ", " - "),
    ("true", "false"),
    ("True", "False"),
    (" < ", " <= "),
)
_HEAD = {
    "Python": re.compile(r"\s*(?:async )?def (\w+)"),
    "JavaScript": re.compile(r"\s*(?:export )?(?:async )?function\*? (\w+)\("),
    "TypeScript": re.compile(r"\s*(?:export )?(?:async )?function\*? (\w+)[<(]"),
    "Go": re.compile(r"func (?:\([^)]*\) )?(\w+)\("),
    "Rust": re.compile(r"\s*(?:pub(?:\([a-z]+\))? )?fn (\w+)"),
    "C": re.compile(r"(?:static |inline )*[A-Za-z_]\w*[ *]+(\w+)\([^;]*$"),
}
_SYNONYMS = (
    ("the ", "a "),
    ("is ", "gets "),
    ("of ", "for "),
    ("and ", "plus "),
    ("if ", "when "),
    ("to ", "in order to "),
    ("for ", "of "),
    ("a ", "one "),
)


@dataclass(frozen=True, slots=True)
class Case:
    """One edit: the file as it is, what the model wrote, and the file as it should become; None where it must be refused.

    `hinted` is right too in a form that names the definition or the line: a place that stands twice is told apart there.
    `line` (from 1) is where the window began in the file as the model read it, `under` the head of the definition it was in.
    """

    kind: str
    language: str
    path: str
    file: str
    search: tuple[str, ...]
    replace: tuple[str, ...]
    intended: str | None
    hinted: str | None
    line: int
    under: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A window of a file and its edit, before any drift: lines `at` up to `end` of `lines` become `replace`."""

    source: SourceFile
    lines: tuple[str, ...]
    at: int
    end: int
    replace: tuple[str, ...]

    @property
    def search(self) -> tuple[str, ...]:
        """Return the window."""
        return self.lines[self.at : self.end]

    def with_file(self, lines: Sequence[str], at: int, end: int) -> Draft:
        """Return the draft on a file of other lines, its window there."""
        return replace(self, lines=tuple(lines), at=at, end=end)

    def on(self, lines: Sequence[str], window: Sequence[str]) -> Draft:
        """Return the draft on a file in which each line of the window is written otherwise; the edit keeps what it left."""
        replaced: list[str] = []
        for tag, i1, i2, j1, j2 in _ops(self.search, self.replace):
            replaced += window[i1:i2] if tag == "equal" else self.replace[j1:j2]
        return replace(self.with_file(lines, self.at, self.end), replace=tuple(replaced))

    def free(self) -> list[int]:
        """Return the numbers, in the window, of the lines with code that the edit leaves and that are not beside it."""
        near: set[int] = set()
        for tag, i1, i2, _, _ in _ops(self.search, self.replace):
            if tag != "equal":
                near.update(range(i1 - 1, i2 + 1))
        return [at for at, line in enumerate(self.search) if at not in near and len(line.strip()) > 3]


Drift = Callable[[Draft, random.Random], "Case | None"]


def comment_mark(language: str) -> str:
    """Return what begins a comment on a line."""
    return "#" if language == "Python" else "//"


def cases(sources: Sequence[SourceFile], kinds: Sequence[tuple[str, Drift]], count: int, seed: int) -> list[Case]:
    """Return `count` cases, the kinds taking turns, Python twice as often as any other language."""
    rng = random.Random(seed)
    by_language: dict[str, list[SourceFile]] = defaultdict(list)
    for source in sources:
        by_language[source.language].append(source)
    languages = [name for name in sorted(by_language) for _ in range(2 if name == "Python" else 1)]
    made: list[Case] = []
    while len(made) < count:
        name, drift = kinds[len(made) % len(kinds)]
        case = None
        while case is None:
            draft = _draft(rng.choice(by_language[rng.choice(languages)]), rng)
            case = drift(draft, rng) if draft else None
        made.append(replace(case, kind=name))
    return made


def _draft(source: SourceFile, rng: random.Random) -> Draft | None:
    """Return a window of 4 to 14 lines inside one definition, unlike any other of the file, and an edit that parses."""
    lines = tuple(source.text.split("\n"))
    size = rng.randint(4, 14)
    at = rng.randrange(max(1, len(lines) - size))
    window = lines[at : at + size]
    if not window[0].strip() or not window[-1].strip() or sum(len(line.strip()) > 3 for line in window) < 3:
        return None
    if _prose(lines, at, source) or occurrences(lines, window) != 1:
        return None
    edited = _edited(window, source.language, rng)
    if edited is None:
        return None
    whole = "\n".join([*lines[:at], *edited, *lines[at + size :]])
    return Draft(source, lines, at, at + size, edited) if sound(source, whole) else None


def sound(source: SourceFile, text: str) -> bool:
    """Say whether what a file became parses, or the file did not before either."""
    if source.language == "Python":
        return parses(text)
    return broken_at(source.path, text.encode()) is None or broken_at(source.path, source.text.encode()) is not None


def _prose(lines: Sequence[str], at: int, source: SourceFile) -> bool:
    """Say whether a window begins in a long string: an edit there is one of prose."""
    return source.language == "Python" and sum(line.count('"""') for line in lines[:at]) % 2 == 1


def occurrences(lines: Sequence[str], window: Sequence[str]) -> int:
    """Return how often a window stands in lines, spaces and blank lines aside."""
    wanted, there = (
        "".join(f"\n{squeezed}\n" for line in each if (squeezed := "".join(line.split()))) for each in (window, lines)
    )
    return there.count(wanted)


def _edited(window: Sequence[str], language: str, rng: random.Random) -> tuple[str, ...] | None:
    mark = comment_mark(language)
    spots = [
        at
        for at, line in enumerate(window)
        if len(line.strip()) > 6 and not line.strip().startswith((mark, "*", "/*", '"""'))
    ]
    if not spots:
        return None
    at = rng.choice(spots)
    line, lines = window[at], list(window)
    pad = line[: len(line) - len(line.lstrip())]
    match rng.randrange(5):
        case 0 | 1:
            other = _other(line, rng)
            if other is None:
                return None
            lines[at] = other
        case 2:
            del lines[at]
        case 3:
            lines.insert(at, pad + _statement(language, rng))
        case _:
            other = _other(line, rng)
            if other is None:
                return None
            lines[at : at + 1] = [pad + _statement(language, rng), other]
    return tuple(lines) if any(line.strip() for line in lines) else None


def _other(line: str, rng: random.Random) -> str | None:
    """Return a line with one thing in it changed: a number, an operator, a name."""
    ways = [line.replace(one, two, 1) for pair in _SWAPS for one, two in (pair, pair[::-1]) if one in line]
    if number := _NUMBER.search(line):
        ways.append(f"{line[: number.start()]}{int(number[0]) + 1}{line[number.end() :]}")
    names = [found for found in _WORD.finditer(line) if found.start() >= len(line) - len(line.lstrip()) + 1]
    if names:
        chosen = rng.choice(names)
        ways.append(f"{line[: chosen.start()]}{chosen[0]}_new{line[chosen.end() :]}")
    ways = [way for way in ways if way != line]
    return rng.choice(ways) if ways else None


def _statement(language: str, rng: random.Random) -> str:
    name = f"added_{rng.randrange(100)}"
    return {
        "Python": f"{name} = {rng.randrange(9)}",
        "Go": f"{name} := {rng.randrange(9)}",
        "Rust": f"let {name} = {rng.randrange(9)};",
        "C": f"int {name} = {rng.randrange(9)};",
    }.get(language, f"const {name} = {rng.randrange(9)};")


def word_counts(lines: Sequence[str]) -> Counter[str]:
    """Return how often each longer word stands in lines."""
    return Counter(_WORD.findall("\n".join(lines)))


def statement(language: str, rng: random.Random) -> str:
    """Return a statement that somebody may have put in."""
    return _statement(language, rng).replace("added_", "meanwhile_")


def mapped(draft: Draft, change: Callable[[int, str], str | None]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return SEARCH and REPLACE with each line of the window changed the same way in both; None from `change` drops it."""
    search = draft.search
    changed = [change(at, line) for at, line in enumerate(search)]
    replaced: list[str | None] = []
    for tag, i1, i2, j1, j2 in _ops(search, draft.replace):
        if tag == "equal":
            replaced += changed[i1:i2]
        else:
            replaced += draft.replace[j1:j2]
    kept = tuple(line for line in changed if line is not None), tuple(line for line in replaced if line is not None)
    return kept if kept != (search, draft.replace) else None


def case(
    draft: Draft,
    written: tuple[tuple[str, ...], tuple[str, ...]] | None = None,
    was: Draft | None = None,
    *,
    refuse: bool = False,
    hinted: bool = False,
) -> Case:
    """Return a case: what was written, on the draft's file; `was` is the file as the model read it."""
    search, replaced = written or (draft.search, draft.replace)
    whole = [*draft.lines[: draft.at], *draft.replace, *draft.lines[draft.end :]]
    read = was or draft
    return Case(
        "",
        draft.source.language,
        draft.source.path,
        "\n".join(draft.lines),
        search,
        replaced,
        None if refuse else "\n".join(whole),
        "\n".join(whole) if hinted else None,
        read.at + 1,
        head_above(read.lines, read.at, draft.source.language),
    )


def head_above(lines: Sequence[str], at: int, language: str) -> str:
    """Return the nearest head of a definition above a line."""
    return next((line.strip() for line in reversed(lines[:at]) if _HEAD[language].match(line)), "")


def heads(lines: Sequence[str], language: str) -> Iterator[tuple[int, int, str]]:
    """Yield first line, end and name of each definition, the end judged by indentation."""
    for at, line in enumerate(lines):
        found = _HEAD[language].match(line)
        if found:
            depth = len(line) - len(line.lstrip())
            end = at + 1
            while end < len(lines) and (not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > depth):
                end += 1
            closed = end < len(lines) and lines[end].strip().startswith(("}", ")"))
            yield at, end + closed, found[1]


def typo(word: str, rng: random.Random) -> str:
    """Return a word with two letters swapped, one left out, or one doubled."""
    at = rng.randrange(1, len(word) - 1)
    return rng.choice(
        (f"{word[:at]}{word[at + 1]}{word[at]}{word[at + 2 :]}", word[:at] + word[at + 1 :], word[: at + 1] + word[at:])
    )


def mistyped(line: str, rng: random.Random) -> str | None:
    """Return a line with a typo in one of its words."""
    found = list(_WORD.finditer(line))
    if not found:
        return None
    chosen = rng.choice(found)
    wrong = line[: chosen.start()] + typo(chosen[0], rng) + line[chosen.end() :]
    return wrong if wrong != line else None


def paraphrased(words: str) -> str:
    """Return the words of a comment said otherwise."""
    for one, two in _SYNONYMS:
        if one in words:
            return words.replace(one, two, 1)
    return f"{words.rstrip('.')}, as noted"


def _ops(search: Sequence[str], replaced: Sequence[str]) -> list[tuple[str, int, int, int, int]]:
    return list(SequenceMatcher(None, search, replaced, autojunk=False).get_opcodes())
