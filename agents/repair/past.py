"""What the journal says of an attempt's earlier life: its diagnosis, how far its search came, the files it had changed."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.agent import Step, Workspace
from agents.repair.diagnosis import Diagnosis
from shadowfs import RepoPath


@dataclass(slots=True)
class Past:
    """Where to go on from. `done` candidates were tried; those at the indexes `plausible` passed."""

    diagnosis: Diagnosis | None = None
    done: int = 0
    plausible: list[int] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)
    originals: dict[RepoPath, bytes] = field(default_factory=dict)

    def restore(self, workspace: Workspace) -> None:
        """Put back the files that a killed life had changed."""
        for path, data in self.originals.items():
            if workspace.read(path) != data:
                workspace.write(path, data)


def recall(steps: Sequence[Step]) -> Past:
    """Read the notes that `RepairAgent` left in a journal."""
    past = Past()
    for step in steps:
        data = step.data
        match step.kind:
            case "note:diagnosis":
                past.diagnosis = Diagnosis.of(data)
            case "note:batch":
                past.done = int(str(data["done"]))
                past.plausible += data["plausible"]  # type: ignore[arg-type]
            case "note:rejected":
                past.rejected.append(int(str(data["index"])))
            case "note:original":
                past.originals.setdefault(str(data["path"]), base64.b64decode(str(data["content"])))
    return past


def keep_original(workspace: Workspace, path: RepoPath, data: bytes) -> None:
    """Journal a file's content before it is changed for a try."""
    workspace.note("original", {"path": path, "content": base64.b64encode(data).decode()})
