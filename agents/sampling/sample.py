"""A reply as candidates: what it would put in the place of which lines, as the smallest edits that make it so."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from agents.edits.grammar import broken_at
from agents.models import Reply
from agents.sampling.asking import Ask, Form
from agents.sampling.fitting import fittings
from agents.sampling.place import Place, Span, functions, split
from verifier import Candidate, Edit

_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[^\n`]*\n(.*?)^[ \t]*(?:```|~~~)[ \t]*$", re.DOTALL | re.MULTILINE)
_FENCE_LINE = re.compile(r"^[ \t]*(?:```|~~~)\w*[ \t]*$\n?", re.MULTILINE)
_PAIR = re.compile(
    r"^\W*WRONG\W*?:\**[ \t]*(.*?)^\W*RIGHT\W*?:\**[ \t]*(.*?)(?=^\W*WRONG\W*?:|\Z)",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
_ALIKE = 0.8
"""How like a line must be to what a model copied of it; models lose a space or a quote."""
_MOST_PAIRS = 3
_MOST_PLACES = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """A candidate at a place: the lines it takes away, those it puts there, and how much asked for it.

    `weight` is 1 for each reply that did, and the probability of each departure from what stands there.
    """

    place: Place
    old: str
    new: str
    candidate: Candidate
    weight: float = 1.0
    by_repair: bool = False
    """Whether the repair agent found it, too."""


def samples_of(reply: Reply, ask: Ask, data: bytes) -> list[Sample] | str:
    """Return the edits that a reply to a question asks for, the likeliest first; else why it is none.

    Of a reply that was cut only what is surely whole counts.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return f"{ask.place.path} is not UTF-8"
    wanted = list(_pairs(reply, ask.place, split(text)) if ask.form is Form.ANY else _block(reply, ask))
    if not wanted:
        return "the reply holds no edit in the form that was asked for"
    made = [_sample(ask.place, span, code, text) for span, code in wanted]
    good = [each for each in made if isinstance(each, Sample)]
    return good or next(each for each in made if isinstance(each, str))


def _pairs(reply: Reply, place: Place, lines: list[str]) -> Iterator[tuple[Span, str]]:
    """Yield which lines pairs of wrong and right ones would replace, and by what."""
    pairs = list(_PAIR.finditer(reply.text))
    for pair in (pairs[:-1] if reply.cut else pairs)[:_MOST_PAIRS]:
        wrong, right = (_FENCE_LINE.sub("", each).strip("\n").rstrip() for each in pair.groups())
        for span in _spans(wrong, place, lines):
            yield span, right


def _block(reply: Reply, ask: Ask) -> Iterator[tuple[Span, str]]:
    """Yield what the longest fenced block would replace; without any the whole reply is taken for it."""
    blocks = [block for block in _FENCE.findall(reply.text) if block.strip()]
    code = max(blocks, key=len) if blocks else "" if reply.cut else _FENCE_LINE.sub("", reply.text)
    if code.strip():
        yield (ask.statement if ask.form is Form.STATEMENT else Span(ask.place.first, ask.place.last)), code


def _spans(wrong: str, place: Place, lines: list[str]) -> list[Span]:
    """Return where in a place lines stand that a model copied: the most suspicious first where there are several."""
    copied = [_bare(line) for line in wrong.splitlines() if line.strip()]
    if not copied:
        return []
    height = len(copied)
    windows = [Span(first, first + height - 1) for first in range(place.first, place.last - height + 2)]
    stand = {window: [_bare(line) for line in lines[window.first - 1 : window.last]] for window in windows}
    exact = [window for window in windows if stand[window] == copied]
    if not exact:
        ratios = {
            window: difflib.SequenceMatcher(None, "\n".join(stand[window]), "\n".join(copied)).ratio()
            for window in windows
        }
        best = max(ratios.values(), default=0.0)
        exact = [window for window in windows if ratios[window] == best and best >= _ALIKE]
    rank = {line: at for at, each in enumerate(place.statements) for line in range(each.first, each.last + 1)}
    return sorted(exact, key=lambda window: (rank.get(window.first, len(rank)), window.first))[:_MOST_PLACES]


def _bare(line: str) -> str:
    return " ".join(line.split())


def _sample(place: Place, span: Span, code: str, text: str) -> Sample | str:
    """Return the first way to fit code into the place of a span that the file parses with; else why none does."""
    lines = split(text)
    old = "".join(lines[span.first - 1 : span.last])
    wrong = ""
    for new in fittings(code, old):
        if new == old:
            return "the reply changes nothing"
        whole = "".join(lines[: span.first - 1]) + new + "".join(lines[span.last :])
        unparsed = _unparsed(whole, text, place)
        if not unparsed:
            return between(place, text, whole)
        wrong = wrong or unparsed
    return wrong


def _unparsed(after: str, before: str, place: Place) -> str:
    """Return why the file would be worse code than it is; "" where it parses, as far as that can be told, and still has the function of the place."""
    if not place.path.endswith(".py"):
        return _broken(after, before, place)
    try:
        ast.parse(before)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    try:
        tree = ast.parse(after)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"the code does not parse: {error}"
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return f"the code has no function {place.name}" if place.name and place.name not in names else ""


def _broken(after: str, before: str, place: Place) -> str:
    """Return the same of a file in another language than Python, by its grammar."""
    if broken_at(place.path, before.encode()) is not None:
        return ""
    at = broken_at(place.path, after.encode())
    if at is not None:
        return f"the code does not parse from line {at} on"
    names = {name for _, _, name in functions(place.path, after.encode())}
    return f"the code has no {place.name}" if place.name and place.name not in names else ""


def between(place: Place, before: str, after: str, *, weight: float = 1.0, by_repair: bool = False) -> Sample:
    """Return the smallest edit that makes one text of a place's file of another, and the lines that it touches."""
    shorter = min(len(before), len(after))
    head = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    tail = next((at for at in range(shorter - head) if before[-1 - at] != after[-1 - at]), shorter - head)
    start = len(before[:head].encode())
    end = len(before[: len(before) - tail].encode())
    candidate = Candidate((Edit(place.path, start, end, after[head : len(after) - tail]),))
    return Sample(place, _lines(before, head, tail), _lines(after, head, tail), candidate, weight, by_repair)


def _lines(text: str, head: int, tail: int) -> str:
    """Return the whole lines of a text but for those that lie within its first `head` and its last `tail` characters."""
    end = text.find("\n", max(head, len(text) - tail))
    return text[text.rfind("\n", 0, head) + 1 : len(text) if end < 0 else end]
