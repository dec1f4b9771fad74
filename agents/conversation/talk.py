"""The tool loop: ask a model, do what it calls for, tell it what came of it, on a history that only grows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from agents.agent import NoFix, Task, Workspace
from agents.conversation.stuck import Watchman
from agents.models import (
    Model,
    ModelError,
    Refused,
    Reply,
    Request,
    Role,
    Tool,
    ToolCall,
    Trouble,
    arguments_of,
    within_budget,
)
from agents.prompts import Group, Layout, Part, Prompt, render
from agents.prompts.tokens import Count

End = TypeVar("End")

_PASSING = frozenset({Trouble.EMPTY, Trouble.GARBAGE, Trouble.REPETITION, Trouble.BROKEN, Trouble.SILENT})
"""Trouble that another turn may not have."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How long a conversation may be: turns, tokens of a reply, seconds of a call, and tries of a turn that yields nothing."""

    turns: int = 80
    reply_tokens: int = 4_096
    call_s: float = 600.0
    probe_s: float = 120.0
    tries: int = 3
    temperature: float = 0.2


@dataclass(slots=True)
class Talk(Generic[End]):
    """One conversation over `tools`. `does` carries out a call of a turn: it says what to tell the model, and the end where it is one."""

    task: Task
    workspace: Workspace
    model: Model
    count: Count
    settings: Settings
    opening: tuple[Part, ...]
    tools: tuple[Tool, ...]
    does: Callable[[int, str, Mapping[str, object]], tuple[str, End | None]]
    log: list[Group] = field(default_factory=list)
    watchman: Watchman = field(default_factory=Watchman)

    def hold(self) -> End | NoFix:
        """Take turns until one ends it; give up where they go nowhere."""
        for turn in range(1, self.settings.turns + 1):
            ended = self._take(turn, self._reply(turn))
            if ended is not None:
                return ended
            if self.watchman.lost:
                return NoFix(f"After {turn} turns {self.watchman.lost}.", "Another model, or a clearer ticket.")
        return NoFix(f"The model was not done after {self.settings.turns} turns.", "More turns, or another model.")

    def _reply(self, turn: int) -> Reply:
        layout = Layout(self.model.context_tokens, self.settings.reply_tokens + self._tool_tokens())
        messages = render(Prompt(self.opening, tuple(self.log)), layout, self.count).messages
        for attempt in range(self.settings.tries):
            seed = self.task.seed + attempt
            request = Request(messages, self.tools, self._temperature(), self.settings.reply_tokens, seed=seed)
            try:
                deadline_s = min(self.settings.call_s, self.workspace.remaining_s())
                return self.model.complete(request, deadline_s=deadline_s, watch=within_budget(self.workspace))
            except ModelError as error:
                if error.trouble not in _PASSING or attempt + 1 == self.settings.tries:
                    raise
                self.workspace.note("trouble", {"turn": turn, "why": error.why}, progress=f"the model: {error.trouble}")
        raise AssertionError("a turn has at least one try")

    def _temperature(self) -> float:
        return round(self.settings.temperature + self.task.variant.warmer, 3)

    def _tool_tokens(self) -> int:
        return sum(self.count(f"{tool.name} {tool.description} {dict(tool.parameters)}") for tool in self.tools)

    def _take(self, turn: int, reply: Reply) -> End | None:
        """Do what a reply calls for, and add both to the log; return the end, where it is one."""
        said = [Part("reply", reply.text, Role.ASSISTANT, calls=reply.calls)]
        ended: End | None = None
        if reply.cut:
            said.append(Part("cut", "Your answer was cut at its limit: make it shorter, one step at a time."))
        for call in reply.calls:
            outcome = "This call was left out: the work had ended." if ended is not None else ""
            if not outcome:
                outcome, ended = self._do(turn, call)
            said.append(Part(call.name, outcome, Role.TOOL, untrusted=True, answers=call.id))
            if nudge := self.watchman.called(call.name, call.arguments, outcome):
                said.append(Part("circle", nudge))
        if not reply.calls and not reply.cut:
            said.append(Part("nothing called", self.watchman.spoke()))
        self.log.append(Group(f"turn {turn}", tuple(said), whole=True))
        return ended

    def _do(self, turn: int, call: ToolCall) -> tuple[str, End | None]:
        given = arguments_of(call, self.tools)
        return (given.why, None) if isinstance(given, Refused) else self.does(turn, call.name, given)
