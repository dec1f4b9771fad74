"""The command agent: any program that edits files in its working directory, run inside the workspace's sandbox."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from agents.agent import NoFix, Proposal, Result, Task, Workspace
from agents.door import Models, door_for, no_models
from agents.wording import tail, title
from sandbox import Command, Completed, Ended, Limits

_NOTE = "command"
_WELL = "exited with status 0"
_NEEDS = "A command that edits files below its working directory."
_SAID = ("how", "stdout", "stderr", "model")


@dataclass(frozen=True, slots=True)
class CommandAgent:
    """Runs a command (a line for `sh`, or arguments) at the root of the repository; what it changed there is the proposal.

    The command gets the ticket's text on standard input and in the file that `NIGHTCREW_TICKET` names, and the ids of the
    failing tests, one a line, in `NIGHTCREW_FAILING`. Where an agent before it was refused, `NIGHTCREW_REFUSED` names a file with what the
    ladder said. The last of its standard output becomes the explanation. Where the task
    lets it ask a model and `models` has one, it finds its address, name and a key in the environment (`agents.door.Door`).
    """

    command: str | tuple[str, ...]
    limits: Limits = Limits(wall_s=None, address_bytes=32 << 30)
    """Of the command; the workspace's budget cuts the time. Node reserves ten GiB of addresses for each WebAssembly memory."""
    models: Models = no_models

    @property
    def name(self) -> str:
        """Return `command:` and the command, as `--agent` takes it."""
        return f"command:{self.command if isinstance(self.command, str) else shlex.join(self.command)}"

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Run the command once; a life after a crash takes up what it had said by then.

        Raises `ModelError` where the task names a model that is not there.
        """
        said = _said_before(workspace) or self._run(task, workspace)
        change = workspace.change()
        if not change:
            return NoFix(f"The command changed nothing; it {said['how']}.{_quoted(said)}", _NEEDS)
        explanation = said["stdout"] or "The command said nothing about its change."
        if said["how"] != _WELL:
            explanation = f"{explanation}\n(The command {said['how']}.)"
        return Proposal(change, title(task.text), explanation)

    def _run(self, task: Task, workspace: Workspace) -> Mapping[str, str]:
        text = task.text.encode("utf-8", "replace")
        environment = {
            "NIGHTCREW_TICKET": workspace.sandbox.put("ticket.txt", text),
            "NIGHTCREW_FAILING": "\n".join(task.failing),
        }
        if task.refused:
            said_before = "\n\n".join(task.refused).encode("utf-8", "replace")
            environment["NIGHTCREW_REFUSED"] = workspace.sandbox.put("refused.txt", said_before)
        argv = ("sh", "-c", self.command) if isinstance(self.command, str) else self.command
        completed, model = self._run_with_model(Command(argv, environment=environment, stdin=text), task, workspace)
        said = {
            "how": _how(completed),
            "stdout": tail(completed.stdout),
            "stderr": tail(completed.stderr),
            "model": model,
        }
        workspace.note(_NOTE, said, progress=f"the command {said['how']}" + (f" ({model})" if model else ""))
        return said

    def _run_with_model(self, command: Command, task: Task, workspace: Workspace) -> tuple[Completed, str]:
        """Run the command and say what its asking a model came to, "" where it has none."""
        door, why = door_for(task, workspace, self.models)
        if door is None:
            return workspace.run(command, self.limits), why
        with door:
            completed = workspace.run(door.through(command, task.suite.python or "python3"), self.limits, door.attend)
        door.check(0.0)
        return completed, f"the model: {door.told}"


def _said_before(workspace: Workspace) -> Mapping[str, str] | None:
    notes = [step.data for step in workspace.journal() if step.kind == f"note:{_NOTE}"]
    return {key: str(notes[-1].get(key, "")) for key in _SAID} if notes else None


def _how(completed: Completed) -> str:
    if completed.ended is Ended.EXITED:
        return f"exited with status {completed.exit_status}"
    return f"ended early ({completed.ended}{f': {completed.why}' if completed.why else ''})"


def _quoted(said: Mapping[str, str]) -> str:
    last = said["stderr"] or said["stdout"]
    model = f" ({said['model']})" if said["model"] else ""
    return f" It said: {last}{model}" if last else f" It said nothing.{model}"
