"""What the journal says of an attempt's earlier life: its diagnosis, how far its search came, the files it had changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.agent import Step, Workspace
from agents.repair.diagnosis import Diagnosis
from agents.repair.hints import Hints
from agents.repair.notes import Batch, Diagnosed, Hinted, Note, Original, Rejected, Unread, read
from shadowfs import RepoPath


@dataclass(slots=True)
class Past:
    """Where to go on from. `done` candidates were tried; those at the indexes `plausible` passed. `unread` says what was ignored."""

    diagnosis: Diagnosis | None = None
    hints: Hints | None = None
    done: int = 0
    plausible: list[int] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)
    originals: dict[RepoPath, bytes] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)

    def restore(self, workspace: Workspace) -> None:
        """Put back the files that a killed life had changed."""
        for path, data in self.originals.items():
            if workspace.read(path) != data:
                workspace.write(path, data)

    def take(self, note: Note | Unread) -> None:
        """Take in the next note of the journal."""
        match note:
            case Diagnosed(diagnosis=diagnosis):
                self._search_anew(diagnosis)
            case Hinted(hints=hints) if self.diagnosis is not None:
                self.hints = hints
            case Batch(done=done, plausible=plausible) if self.diagnosis is not None:
                self.done = done
                self.plausible += plausible
            case Rejected(index=index) if self.diagnosis is not None:
                self.rejected.append(index)
            case Original(path=path, content=content):
                self.originals.setdefault(path, content)
            case Unread(kind=kind, why=why):
                self.unread.append(why)
                if kind in (Diagnosed.kind, Hinted.kind, Batch.kind):
                    # What follows counts from a place that nobody knows any more.
                    self._search_anew(None)

    def _search_anew(self, diagnosis: Diagnosis | None) -> None:
        self.diagnosis, self.hints, self.done = diagnosis, None, 0
        self.plausible.clear()
        self.rejected.clear()


def recall(steps: Sequence[Step]) -> Past:
    """Read the notes that `RepairAgent` left in a journal; those that cannot be read are ignored, and why is in `unread`."""
    past = Past()
    for step in steps:
        note = read(step)
        if note is not None:
            past.take(note)
    return past
