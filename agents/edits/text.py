"""A file as lines that remember their endings, so that what no edit touches is given back byte for byte."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from agents.edits.edit import Unclear

_ENDING = re.compile(r"(\r\n|\n|\r)")
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_BOM = "\ufeff"


def split(text: str) -> tuple[str, ...]:
    """Return the lines of what a model wrote, without their endings; a last ending begins no further line."""
    parts = _ENDING.split(text)[::2]
    return tuple(parts[:-1] if not parts[-1] else parts)


@dataclass(frozen=True, slots=True)
class Splice:
    """Replace the lines `first` up to, not including, `last` (from 0) by `lines`."""

    first: int
    last: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """The lines of a file and the ending of each ("" for a last line that has none).

    `opaque` says that the file is not UTF-8: its bytes stand as Latin-1, so that they come back as they were.
    """

    lines: tuple[str, ...]
    endings: tuple[str, ...]
    bom: str = ""
    opaque: bool = False

    @staticmethod
    def of(data: bytes) -> Text:
        """Read a file; raise `Unclear` when it holds no text."""
        if b"\0" in data:
            raise Unclear("it is not a text file, so lines of it cannot be edited")
        try:
            text, opaque = data.decode("utf-8"), False
        except UnicodeDecodeError:
            text, opaque = data.decode("latin-1"), True
        bom = _BOM if text.startswith(_BOM) else ""
        parts = _ENDING.split(text[len(bom) :])
        lines, endings = parts[::2], [*parts[1::2], ""]
        if not lines[-1]:
            lines, endings = lines[:-1], endings[:-1]
        return Text(tuple(lines), tuple(endings), bom, opaque)

    def data(self) -> bytes:
        """Return the bytes of the file."""
        text = self.bom + "".join(line + ending for line, ending in zip(self.lines, self.endings, strict=True))
        return text.encode("latin-1" if self.opaque else "utf-8")

    @property
    def ending(self) -> str:
        """Return the ending that most lines have."""
        counted = Counter(filter(None, self.endings))
        return counted.most_common(1)[0][0] if counted else "\n"

    def spliced(self, splices: Iterable[Splice]) -> Text:
        """Return the text with splices, which do not overlap, made; raise `Unclear` for what it cannot hold."""
        lines, endings = list(self.lines), list(self.endings)
        usual = self.ending
        for splice in sorted(splices, key=lambda each: (each.first, each.last), reverse=True):
            self._check(splice)
            taken = endings[splice.first : splice.last]
            near = next(filter(None, [*taken, *endings[max(splice.first - 1, 0) : splice.first + 1]]), usual)
            lines[splice.first : splice.last] = splice.lines
            endings[splice.first : splice.last] = _fitted(taken, len(splice.lines), near)
            if splice.lines and splice.first and not endings[splice.first - 1]:
                endings[splice.first - 1], endings[-1] = usual, ""
        return replace(self, lines=tuple(lines), endings=tuple(_closed(endings, usual)))

    def ended(self, newline: bool) -> Text:
        """Return the text with, or without, an ending of its last line."""
        if not self.lines or bool(self.endings[-1]) is newline:
            return self
        return replace(self, endings=(*self.endings[:-1], self.ending if newline else ""))

    def _check(self, splice: Splice) -> None:
        there = "\n".join(self.lines[splice.first : splice.last]) if self.opaque else ""
        for line in splice.lines:
            if self.opaque and any(run not in there for run in _FOREIGN.findall(line)):
                raise Unclear(
                    f"the file is not UTF-8, so only ASCII can be put into it; write {line.strip()!r} in ASCII"
                )
            try:
                line.encode("utf-8")
            except UnicodeEncodeError as error:
                raise Unclear(f"{line.strip()!r} holds a character that no file can hold: {error.reason}") from error
            if "\0" in line:
                raise Unclear("a NUL character cannot be put into a text file")


def _fitted(taken: Sequence[str], count: int, near: str) -> list[str]:
    if count == 0:
        return []
    last = taken[-1] if taken else near
    inner = [each or near for each in taken[: count - 1]]
    return [*inner, *[near] * (count - 1 - len(inner)), last]


def _closed(endings: Sequence[str], usual: str) -> list[str]:
    return [*(each or usual for each in endings[:-1]), *endings[-1:]]
