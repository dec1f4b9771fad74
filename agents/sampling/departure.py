"""Departures: where a model that writes code once more would leave what stands there, and the edits that each may be part of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from agents.models import Token

_LEAST = 0.003
"""What is less probable is no departure worth trying."""
_PIECE = re.compile(r"(?:[^\w\r\n]|_)?[^\W\d_]+|\d| ?(?:[^\w\s]|_)+|[\r\n]+|[ \t]+(?!\S)|[ \t]")
"""Pieces of code such as tokenizers make tokens of: a word with what stands before it, a digit, signs, white space."""
_KEPT, _DROPPED = 3, 5
"""So many pieces of what a model wrote are kept, at most, and so many of what stood there are dropped, before the rest goes on as it was."""
_SKIPPED = 3
_STEP = "    "


@dataclass(frozen=True, slots=True)
class Departure:
    """At an offset of the code another token than the one that stands there, and its probability (0 to 1).

    `then` is what the model wrote after it, as far as it was asked to; with `whole` the line came to its end.
    """

    at: int
    token: str
    p: float
    then: str = ""
    whole: bool = False

    @property
    def written(self) -> str:
        """Return all that the model wrote."""
        return self.token + self.then

    def followed(self, text: str) -> Departure:
        """Return it with what the model writes after that."""
        return replace(self, then=self.then + text, whole=True)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Other text in the place of the lines `first` to `last` of the code (from 0, the second included), each with its end."""

    first: int
    last: int
    text: str


def departures(code: str, at: int, end: int, tokens: Sequence[Token]) -> tuple[list[Departure], int]:
    """Hold what a model wrote at an offset of the code against what stands there; return its departures, and where to go on.

    Where it left the code for good that is behind the piece that it left, so that it is taken back there.
    """
    found: list[Departure] = []
    for number, token in enumerate(tokens):
        if at >= end:
            break
        for text, p in token.likeliest:
            if text != token.text and p >= _LEAST and _readable(text) and not _stands(text, code, at):
                found.append(Departure(at, text, p, whole="\n" in text))
        if not _stands(token.text, code, at):
            if _readable(token.text):
                then = "".join(each.text for each in tokens[number + 1 :])
                p = dict(token.likeliest).get(token.text, 0.0)
                found.append(Departure(at, token.text, p, then, whole="\n" in token.text + then))
            return found, _behind(code, at)
        at += len(token.text)
    return found, at if tokens else end


def rewrites(code: str, departure: Departure) -> Iterator[Rewrite]:
    """Yield what a departure may mean, the likeliest first: the line written to its end, or its first pieces in the place of some that stood there."""
    start = code.rfind("\n", 0, departure.at) + 1
    stop = code.find("\n", departure.at)
    stop = len(code) if stop < 0 else stop
    line = code.count("\n", 0, start)
    before, after = code[start : departure.at], code[departure.at : stop]
    written = departure.written.partition("\n")[0]
    if departure.whole:
        yield Rewrite(line, line, f"{before}{written}".rstrip() + "\n")
        if written.strip() and not before.strip():
            yield from _lines_more(code, line, f"{before}{departure.written}")
            yield from _lines_less(code, line, written)
    kept = [departure.token.rstrip("\r\n"), *_growing(written, len(departure.token))]
    dropped = [0, *(match.end() for match in _PIECE.finditer(after))][: _DROPPED + 1]
    same = next((at for at, (a, b) in enumerate(zip(departure.token, after, strict=False)) if a != b), 0)
    dropped += [same] if after[:same].strip() else []
    for head in kept:
        for tail in dropped:
            yield Rewrite(line, line, f"{before}{head}{after[tail:]}".rstrip() + "\n")


def _growing(written: str, least: int) -> list[str]:
    """Return the beginnings of what was written that end with a piece behind the first `least` characters."""
    ends = [match.end() for match in _PIECE.finditer(written) if match.end() > least]
    return [written[:end] for end in ends[: _KEPT - 1]]


def _lines_more(code: str, line: int, written: str) -> Iterator[Rewrite]:
    """Yield the code with what was written before a line: its first line with those below it, or as the head of what stands there."""
    lines = code.split("\n")
    first, *rest = written.split("\n")
    depth = _depth(first)
    block = [first.rstrip()]
    for each in rest[:-1]:
        if not each.strip() or _depth(each) <= depth:
            break
        block.append(each.rstrip())
    yield Rewrite(line, line, "\n".join([*block, lines[line]]) + "\n")
    if first.rstrip().endswith(":"):
        below = next(
            (at for at in range(line, len(lines)) if lines[at].strip() and _depth(lines[at]) < depth), len(lines)
        )
        for last in dict.fromkeys((line, max(line, below - 1))):
            held = [_STEP + each if each.strip() else each for each in lines[line : last + 1]]
            yield Rewrite(line, last, "\n".join([first.rstrip(), *held]).rstrip("\n") + "\n")


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _lines_less(code: str, line: int, written: str) -> Iterator[Rewrite]:
    """Yield the code without lines that the model passed over to write one that stands further down."""
    following = code.split("\n")[line + 1 : line + 1 + _SKIPPED]
    for skipped, each in enumerate(following):
        if each.strip() and each.strip() == written.strip():
            yield Rewrite(line, line + skipped, "")
            return


def _stands(text: str, code: str, at: int) -> bool:
    """Say whether a token is what stands at an offset. Of white space all must be there but the last, which words have with them."""
    if not text or not code.startswith(text, at):
        return False
    if text.strip(" "):
        return True
    run = len(code) - at - len(code[at:].lstrip(" "))
    return run - len(text) < 2


def _behind(code: str, at: int) -> int:
    """Return the offset behind the piece at an offset, with the white space before it."""
    match = _PIECE.match(code, at)
    while match is not None and not match.group().strip(" \t") and match.end() < len(code):
        match = _PIECE.match(code, match.end())
    return match.end() if match is not None else at + 1


def _readable(text: str) -> bool:
    """Say whether a token is code: part of a character comes as a replacement character, `<|…|>` are a model's own marks, and words about the code are none."""
    own = text.startswith("<|") and text.endswith("|>")
    return bool(text) and "\ufffd" not in text and not own and not text.strip().startswith(("#", "```"))
