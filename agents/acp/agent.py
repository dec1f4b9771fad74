"""The agent of the Agent Client Protocol: any program that speaks it, run in the sandbox, served, and checked before it is believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agents.acp.settings import Settings
from agents.agent import NoFix, Proposal, Result, Task, Workspace
from agents.door import Models, no_models
from agents.wording import title

_ENDED = "acp_ended"


@dataclass(frozen=True, slots=True)
class AcpAgent:
    """Runs a command (a line for `sh`) that speaks the Agent Client Protocol on its standard input and output.

    What it changed is the proposal, also where it failed before it was done. `environment` goes to it. Where the task lets it
    ask a model and `models` has one, it finds its address, name and a key there too (`agents.door.Door`).
    """

    command: str
    settings: Settings = Settings()
    environment: Mapping[str, str] = field(default_factory=dict)
    models: Models = no_models

    @property
    def name(self) -> str:
        """Return `acp:` and the command, as `--agent` takes it."""
        return f"acp:{self.command}"

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Let it work, turn by turn, until what it did holds or it does not get on. A life after a crash takes up where that left.

        Raises `ModelError` where the task names a model that is not there.
        """
        ended = _ended_before(workspace)
        if ended is None:
            try:
                # The protocol's package takes a while to import, and is an extra.
                from agents.acp.turns import lead
            except ImportError as error:
                why = f"The package of the Agent Client Protocol is missing: {error}."
                return NoFix(why, "Install it: uv tool install 'nightcrew[acp]'.")
            ended = lead(self, task, workspace)
            workspace.note(_ENDED, ended)
        change = workspace.change()
        why, said, needs = (str(ended.get(name, "")) for name in ("why", "said", "needs"))
        if not change:
            return NoFix((why or "The agent changed nothing.") + (f" It said: {said}" if said else ""), needs)
        explanation = said or "The agent said nothing about its change."
        return Proposal(change, title(task.text), f"{explanation}\n({why})" if why else explanation)


def _ended_before(workspace: Workspace) -> Mapping[str, object] | None:
    return next((step.data for step in workspace.journal() if step.kind == f"note:{_ENDED}"), None)
