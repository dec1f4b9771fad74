"""Examples out of texts, and files surveyed and edited by what they show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agents.migration.places import Survey, edited, survey
from agents.migration.rule import Learnt, learn
from shadowfs import Example, ExampleFile


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a file: its text, the lines of its places, and reasons by line."""

    text: str
    lines: tuple[int, ...]
    unlike: tuple[tuple[int, str], ...]


def learnt(*pairs: tuple[str, str], suffix: str = "py", name: str = "one") -> Learnt:
    """Learn from files `pkg/example0.py` and so on, before and after."""
    files = (
        ExampleFile(f"pkg/example{number}.{suffix}", before.encode(), after.encode())
        for number, (before, after) in enumerate(pairs)
    )
    return learn([Example(name, tuple(files))])


def done(told: Learnt, text: str, path: str = "pkg/other.py") -> Done:
    """Edit all places of a file."""
    found = survey(path, text.encode(), told.rules)
    if not isinstance(found, Survey):
        return Done(text, (), ())
    unlike = tuple((other.line, other.why) for other in found.unlike)
    return Done(edited(found, found.places).decode(), tuple(place.line for place in found.places), unlike)


def rules(told: Learnt) -> list[str]:
    """Return rules as text."""
    return [str(rule) for rule in told.rules]


def reasons(found: Iterable[tuple[int, str]], line: int) -> str:
    """Return why a line is unlike the examples."""
    return "; ".join(why for at, why in found if at == line)
