"""What a red build says: its failures, and the text of a ticket about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MESSAGE_CHARACTERS = 2_000
SHOWN = 20
"""Failures of which the ticket tells the message."""


class UnreadableBuild(Exception):
    """Raised where a file is not what it should be, or tells of no failure; the message says what to give instead."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that failed: its name as the tool has it, and the id by which the repository's tests are named ("" where it has none).

    `path` and `line` are where it shows, as the repository has them.
    """

    name: str
    message: str = ""
    test: str = ""
    path: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Red:
    """A red build: by which tool it is told, what failed, and the end of what was printed where that says more."""

    tool: str
    failures: tuple[Failure, ...]
    ends: str = ""

    @property
    def failing(self) -> tuple[str, ...]:
        """Return the ids of the tests that failed, each once."""
        return tuple(dict.fromkeys(each.test for each in self.failures if each.test))

    @property
    def unplaced(self) -> int:
        """Return how many failed tests have no id here."""
        return sum(not each.test for each in self.failures)

    @property
    def text(self) -> str:
        """Return a ticket about it."""
        parts = [f"{_count(self.failures)} in CI ({self.tool}):"] if self.failures else []
        for each in self.failures[:SHOWN]:
            where = f" ({each.path}:{each.line})" if each.path and each.line else f" ({each.path})" if each.path else ""
            parts.append(f"{each.name}{where}\n{each.message.strip()[-MESSAGE_CHARACTERS:]}".rstrip())
        if len(self.failures) > SHOWN:
            parts.append("And: " + ", ".join(each.name for each in self.failures[SHOWN:][: 10 * SHOWN]))
        if self.ends:
            parts.append(f"The log ends like this:\n\n{self.ends}")
        return "\n\n".join(parts)


def _count(failures: Sequence[Failure]) -> str:
    return "1 thing fails" if len(failures) == 1 else f"{len(failures)} things fail"
