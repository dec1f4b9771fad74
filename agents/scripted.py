"""The scripted agent: does a fixed list of things. For tests of whatever runs agents, and for demonstrations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agents.agent import NoFix, Proposal, Result, Task, Workspace
from sandbox import Command
from shadowfs import RepoPath


@dataclass(frozen=True, slots=True)
class Write:
    """Write a file."""

    path: RepoPath
    data: bytes


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a file."""

    path: RepoPath


Action = Write | Delete | Command | NoFix | Exception


@dataclass(frozen=True, slots=True)
class ScriptedAgent:
    """Does what its script says, in order: writes, deletes and runs; `NoFix` ends it honestly, an exception is raised."""

    script: Sequence[Action]
    title: str = "Do as the script says"
    explanation: str = "The script says so."
    name: str = "scripted"

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Play the script; propose what it changed."""
        del task
        for action in self.script:
            match action:
                case Write(path, data):
                    workspace.write(path, data)
                case Delete(path):
                    workspace.delete(path)
                case Command():
                    workspace.run(action)
                case NoFix():
                    return action
                case Exception():
                    raise action
        change = workspace.change()
        return Proposal(change, self.title, self.explanation) if change else NoFix("The script changed nothing.")
