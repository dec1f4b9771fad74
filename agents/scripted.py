"""The scripted agent: does a fixed list of things. For tests of whatever runs agents, and for demonstrations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agents.agent import NoFix, Option, Proposal, Query, Question, Result, Task, Workspace
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


@dataclass(frozen=True, slots=True)
class Ask:
    """End with a question, each of whose options is one file written."""

    text: str
    options: tuple[Write, ...]


@dataclass(frozen=True, slots=True)
class Inquire:
    """End with a query, until there is an answer; then go on. Where nobody may be asked, go on at once."""

    text: str
    choices: tuple[str, ...] = ()


Action = Write | Delete | Command | NoFix | Ask | Inquire | Exception


@dataclass(frozen=True, slots=True)
class ScriptedAgent:
    """Does what its script says, in order: writes, deletes and runs; `NoFix`, `Ask` and `Inquire` end it, an exception is raised."""

    script: Sequence[Action]
    title: str = "Do as the script says"
    explanation: str = "The script says so."
    name: str = "scripted"

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Play the script; propose what it changed."""
        answers = iter(task.answers)
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
                case Ask(text, options) if task.ask:
                    return Question(text, tuple(self._option(workspace, write) for write in options))
                case Ask(options=options):
                    workspace.write(options[0].path, options[0].data)
                case Inquire(text, choices):
                    if task.ask and next(answers, None) is None:
                        return Query(text, choices)
                case Exception():
                    raise action
        change = workspace.change()
        return Proposal(change, self.title, self.explanation) if change else NoFix("The script changed nothing.")

    def _option(self, workspace: Workspace, write: Write) -> Option:
        before = workspace.read(write.path)
        workspace.write(write.path, write.data)
        proposal = Proposal(workspace.change(), self.title, self.explanation)
        workspace.write(write.path, before)
        return Option(proposal, f"makes {write.path} {len(write.data)} bytes")
