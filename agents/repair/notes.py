"""What the repair agent keeps in its journal, for a life after a crash: one frozen record for each kind of note.

A note that is not as it should be, because another version wrote it, is read as `Unread`: a reason, never a crash.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, NoReturn, TypeGuard

from agents.agent import Step, Workspace
from agents.repair.diagnosis import Diagnosis
from agents.repair.hints import Hints, Offer
from agents.repair.source import Splice
from shadowfs import RepoPath


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """What the search goes by; places in its ranked order hold for this diagnosis only."""

    kind: ClassVar[str] = "diagnosis"
    diagnosis: Diagnosis

    def data(self) -> dict[str, object]:
        """Return it as JSON values."""
        return self.diagnosis.data()

    @classmethod
    def read(cls, fields: Fields) -> Diagnosed:
        """Return what `data` was made of."""
        return cls(
            Diagnosis(
                failing=fields.texts("failing"),
                messages=fields.texts("messages"),
                guards=fields.texts("guards"),
                whole=fields.flag("whole"),
                scores=fields.scores("scores"),
                seconds=fields.number("seconds"),
                guard_seconds=fields.number("guard_seconds"),
            )
        )


@dataclass(frozen=True, slots=True)
class Hinted:
    """What was heard from outside the code and its tests; places in the ranked order hold for it, too."""

    kind: ClassVar[str] = "hints"
    hints: Hints

    def data(self) -> dict[str, object]:
        """Return it as JSON values."""
        return self.hints.data()

    @classmethod
    def read(cls, fields: Fields) -> Hinted:
        """Return what `data` was made of."""
        offers = tuple(_offer(each) for each in fields.records("offers"))
        return cls(Hints(fields.scores("raised"), offers, fields.texts("failures")))


def _offer(fields: Fields) -> Offer:
    splices = (
        Splice(each.integer("start"), each.integer("end"), each.text("text")) for each in fields.records("splices")
    )
    path, line, kind = fields.text("path"), fields.integer("line"), fields.text("kind")
    return Offer(path, line, kind, fields.number("closeness"), tuple(splices))


@dataclass(frozen=True, slots=True)
class Batch:
    """So many candidates were `done` when a batch ended; `plausible` are the places of those in it that passed."""

    kind: ClassVar[str] = "batch"
    done: int
    plausible: tuple[int, ...]

    def data(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {"done": self.done, "plausible": list(self.plausible)}

    @classmethod
    def read(cls, fields: Fields) -> Batch:
        """Return what `data` was made of."""
        return cls(fields.integer("done"), fields.integers("plausible"))


@dataclass(frozen=True, slots=True)
class Rejected:
    """The place of a plausible patch that a real run did not confirm."""

    kind: ClassVar[str] = "rejected"
    index: int

    def data(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {"index": self.index}

    @classmethod
    def read(cls, fields: Fields) -> Rejected:
        """Return what `data` was made of."""
        return cls(fields.integer("index"))


@dataclass(frozen=True, slots=True)
class Original:
    """A file's content before it was first changed for a try."""

    kind: ClassVar[str] = "original"
    path: RepoPath
    content: bytes

    def data(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {"path": self.path, "content": base64.b64encode(self.content).decode()}

    @classmethod
    def read(cls, fields: Fields) -> Original:
        """Return what `data` was made of."""
        try:
            return cls(fields.text("path"), base64.b64decode(fields.text("content"), validate=True))
        except binascii.Error as error:
            raise ValueError(f"field `content` is no base64: {error}") from None


@dataclass(frozen=True, slots=True)
class Unread:
    """A note of a known kind that could not be read, and why."""

    kind: str
    why: str


Note = Diagnosed | Hinted | Batch | Rejected | Original

_READERS: Mapping[str, Callable[[Fields], Note]] = {
    record.kind: record.read for record in (Diagnosed, Hinted, Batch, Rejected, Original)
}


def keep(workspace: Workspace, note: Note, *, progress: str = "") -> None:
    """Journal a note, and show `progress` to whoever watches."""
    workspace.note(note.kind, note.data(), progress=progress)


def read(step: Step) -> Note | Unread | None:
    """Return the note that a step of the journal is; None where it is none of these."""
    kind = step.kind.removeprefix("note:")
    if kind == step.kind or kind not in _READERS:
        return None
    try:
        return _READERS[kind](Fields(step.data))
    except ValueError as error:
        return Unread(kind, f"step {step.number} holds no {kind} of this version: {error}")


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a note, read with the type they must have; `ValueError` names the one that is missing or is otherwise."""

    data: Mapping[str, object]

    def text(self, name: str) -> str:
        """Return a string."""
        value = self.data.get(name)
        return value if isinstance(value, str) else self._refuse(name, "text")

    def flag(self, name: str) -> bool:
        """Return true or false."""
        value = self.data.get(name)
        return value if isinstance(value, bool) else self._refuse(name, "flag")

    def number(self, name: str) -> float:
        """Return a number."""
        value = self.data.get(name)
        return float(value) if _is_number(value) else self._refuse(name, "number")

    def integer(self, name: str) -> int:
        """Return a whole number that counts something."""
        value = self.data.get(name)
        return value if _is_count(value) else self._refuse(name, "count")

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings."""
        values = self._items(name)
        texts = tuple(value for value in values if isinstance(value, str))
        return texts if len(texts) == len(values) else self._refuse(name, "list of texts")

    def integers(self, name: str) -> tuple[int, ...]:
        """Return a list of counts."""
        values = self._items(name)
        counts = tuple(value for value in values if _is_count(value))
        return counts if len(counts) == len(values) else self._refuse(name, "list of counts")

    def records(self, name: str) -> tuple[Fields, ...]:
        """Return a list of notes within this one."""
        values = self._items(name)
        records = tuple(Fields(value) for value in values if isinstance(value, Mapping))
        return records if len(records) == len(values) else self._refuse(name, "list of records")

    def scores(self, name: str) -> tuple[tuple[RepoPath, int, float], ...]:
        """Return a list of path, line and suspicion."""
        scores: list[tuple[RepoPath, int, float]] = []
        for value in self._items(name):
            match value:
                case (str(path), int(line), int(score) | float(score)):
                    scores.append((path, line, float(score)))
                case _:
                    self._refuse(name, "list of path, line and score")
        return tuple(scores)

    def _items(self, name: str) -> tuple[object, ...]:
        value = self.data.get(name)
        return tuple(value) if isinstance(value, list | tuple) else self._refuse(name, "list")

    def _refuse(self, name: str, what: str) -> NoReturn:
        if name not in self.data:
            raise ValueError(f"field `{name}` is missing")
        raise ValueError(f"field `{name}` is no {what}: {self.data[name]!r:.80}")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
