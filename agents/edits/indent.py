"""How deep a new line stands in the file: what a model's indentation becomes when the file's own is another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from agents.edits.edit import Unclear

_TAB = 4


def indent(line: str) -> str:
    """Return the spaces and tabs that a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


@dataclass(frozen=True, slots=True)
class Sample:
    """A line of the replacement (by number) whose place is known: its indentation as written and as the file has it."""

    at: int
    written: str
    real: str


class Indents:
    """Carries indentation over from a replacement to a file, by samples of both."""

    def __init__(self, samples: Sequence[Sample], lines: Sequence[str], real: Sequence[str]) -> None:
        self.samples = samples
        self.same = all(each.written == each.real for each in samples)
        self.step = _unit([indent(line) for line in lines if line.strip()])
        self.real_step = _unit([indent(line) for line in real if line.strip()])

    def line(self, at: int, line: str) -> str:
        """Return the line numbered `at` of the replacement as the file would have it."""
        if self.same or not line.strip():
            return line
        return self._real(at, indent(line)) + line.lstrip(" \t")

    def _real(self, at: int, written: str) -> str:
        equal = [each for each in self.samples if each.written == written]
        if equal:
            return min(equal, key=lambda each: abs(each.at - at)).real
        shifts = {_shift(each.written, each.real) for each in self.samples}
        if len(shifts) == 1 and (moved := _moved(written, *shifts.pop())) is not None:
            return moved
        return self._scaled(written, min(self.samples, key=lambda each: abs(each.at - at)))

    def _scaled(self, written: str, near: Sample) -> str:
        """Count the levels to the nearest sample, and go as many in the file's own unit."""
        levels, odd = divmod(_width(written) - _width(near.written), _width(self.step))
        if odd:
            raise Unclear(
                "the indentation of the REPLACE lines fits neither the SEARCH lines nor the file; copy the file's own"
            )
        if levels >= 0:
            return near.real + self.real_step * levels
        cut = len(self.real_step) * -levels
        if cut > len(near.real):
            raise Unclear("the REPLACE lines are indented less than the file allows; copy the file's own indentation")
        return near.real[: len(near.real) - cut]


def _width(written: str) -> int:
    return sum(_TAB if letter == "\t" else 1 for letter in written)


def _shift(written: str, real: str) -> tuple[str, str]:
    """Return what stands before (written, real) once what both end in is gone."""
    common = 0
    while common < min(len(written), len(real)) and written[-1 - common] == real[-1 - common]:
        common += 1
    return written[: len(written) - common], real[: len(real) - common]


def _moved(written: str, away: str, put: str) -> str | None:
    return put + written[len(away) :] if written.startswith(away) else None


def _unit(indents: Sequence[str]) -> str:
    """Return the smallest step by which indentation grows."""
    if any("\t" in each for each in indents):
        return "\t"
    widths = sorted({len(each) for each in indents})
    steps = [after - before for before, after in pairwise(widths)]
    return " " * min((step for step in steps if step > 1), default=4)
