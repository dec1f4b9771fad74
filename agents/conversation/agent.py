"""The conversation agent: a model that holds tools works step by step; what it calls done is checked before it is proposed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agents import shown
from agents.agent import Agent, NoFix, Proposal, Result, Task, Workspace
from agents.checked import Check
from agents.conversation.brief import prefix
from agents.conversation.hands import Hands
from agents.conversation.ledger import Ledger
from agents.conversation.stuck import Watchman
from agents.conversation.tools import TOOLS
from agents.models import (
    JournaledModel,
    MeteredModel,
    Model,
    ModelError,
    Price,
    Refused,
    Reply,
    Request,
    Role,
    ToolCall,
    ToolStyle,
    Trouble,
    arguments_of,
    free,
    probe,
    within_budget,
)
from agents.prompts import Group, Layout, Part, Prompt, TokenCounter, encoding_of, render
from agents.prompts.tokens import Count
from agents.wording import plain, title
from verifier import Ran, SuiteReport

_PAGE, _SILENT = "\f", "\0"

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


@dataclass(frozen=True, slots=True)
class ConversationAgent:
    """Lets a model work through tools; each call is paid for by `price`.

    `otherwise` works where the model cannot hold tools. `count` counts tokens as the model does; unless given, it is chosen by the model's name.
    """

    model: Model
    settings: Settings = Settings()
    count: Count | None = None
    price: Price = free
    otherwise: Agent | None = None
    name: str = "conversation"

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Converse until the work is done and holds, is given up, or goes nowhere. Raises `ModelError` where no model answers."""
        journaled = JournaledModel(MeteredModel(self.model, workspace, self.price), workspace)
        probed = probe(
            journaled, deadline_s=self._deadline(workspace, self.settings.probe_s), watch=within_budget(workspace)
        )
        if probed.style is ToolStyle.NONE and self.otherwise is not None:
            workspace.note("no_tools", {}, progress=f"{self.model.name} cannot hold tools: {self.otherwise.name}")
            return self.otherwise.work(task, workspace)
        if probed.style is ToolStyle.NONE:
            why = "; ".join(f"{trial.style}: {trial.why}" for trial in probed.trials)
            return NoFix(f"The model {self.model.name} cannot hold tools ({why}).", "A model that can.")
        count = self.count or TokenCounter(encoding_of(self.model.name))
        talk = _Talk.begin(task, workspace, probed.fitted(journaled), count, self.settings)
        return talk if isinstance(talk, NoFix) else talk.hold()

    def _deadline(self, workspace: Workspace, most_s: float) -> float:
        return min(most_s, workspace.remaining_s())


@dataclass(slots=True)
class _Talk:
    """One conversation."""

    task: Task
    workspace: Workspace
    model: Model
    count: Count
    settings: Settings
    hands: Hands
    ledger: Ledger
    opening: tuple[Part, ...]
    check: Check
    log: list[Group] = field(default_factory=list)
    watchman: Watchman = field(default_factory=Watchman)

    @classmethod
    def begin(cls, task: Task, workspace: Workspace, model: Model, count: Count, settings: Settings) -> _Talk | NoFix:
        """Run the tests as they are, and brief the model; an honest end where they say nothing."""
        ledger = Ledger.of(workspace)
        bad, _, first = ledger.once(lambda: _as_it_is(workspace.test()), "the tests as they are").partition(_PAGE)
        if bad == _SILENT:
            return NoFix(f"The suite says nothing: {first}", "Make the test command run, then ask again.")
        hands = Hands(task, workspace, ledger)
        opening = prefix(task, workspace, first)
        check = Check(task, workspace, frozenset(bad.splitlines()))
        return cls(task, workspace, model, count, settings, hands, ledger, opening, check)

    def hold(self) -> Result:
        """Take turns."""
        for turn in range(1, self.settings.turns + 1):
            reply = self._reply(turn)
            ended = self._take(turn, reply)
            if ended is not None:
                return ended
            if self.watchman.lost:
                return NoFix(f"After {turn} turns {self.watchman.lost}.", "Another model, or a clearer ticket.")
        return NoFix(f"The model was not done after {self.settings.turns} turns.", "More turns, or another model.")

    def _reply(self, turn: int) -> Reply:
        layout = Layout(self.model.context_tokens, self.settings.reply_tokens + self._tool_tokens())
        messages = render(Prompt(self.opening, tuple(self.log)), layout, self.count).messages
        for attempt in range(self.settings.tries):
            request = Request(
                messages, TOOLS, self.settings.temperature, self.settings.reply_tokens, seed=self.task.seed + attempt
            )
            try:
                deadline_s = min(self.settings.call_s, self.workspace.remaining_s())
                return self.model.complete(request, deadline_s=deadline_s, watch=within_budget(self.workspace))
            except ModelError as error:
                if error.trouble not in _PASSING or attempt + 1 == self.settings.tries:
                    raise
                self.workspace.note("trouble", {"turn": turn, "why": error.why}, progress=f"the model: {error.trouble}")
        raise AssertionError("a turn has at least one try")

    def _tool_tokens(self) -> int:
        return sum(self.count(f"{tool.name} {tool.description} {dict(tool.parameters)}") for tool in TOOLS)

    def _take(self, turn: int, reply: Reply) -> Result | None:
        """Do what a reply calls for, and add both to the log; return the end, where it is one."""
        said = [Part("reply", reply.text, Role.ASSISTANT, calls=reply.calls)]
        ended: Result | None = None
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

    def _do(self, turn: int, call: ToolCall) -> tuple[str, Result | None]:
        given = arguments_of(call, TOOLS)
        if isinstance(given, Refused):
            return given.why, None
        if call.name == "give_up":
            return "", NoFix(plain(str(given["why"])), plain(str(given.get("needs", ""))))
        if call.name == "done":
            return self._done(given)
        progress = f"turn {turn}: {call.name} {given.get('path') or given.get('pattern') or given.get('command') or ''}"
        return self.ledger.once(lambda: self.hands.do(call.name, given), plain(progress)[:120]), None

    def _done(self, given: Mapping[str, object]) -> tuple[str, Result | None]:
        """Check what the model says is done; where it is not so, tell it."""
        wrong = self.ledger.once(self.check.wrong, "checking what the model says is done")
        if wrong:
            return f"It is not done. {wrong}", None
        explanation = plain(str(given["explanation"])).strip()
        return "", Proposal(self.workspace.change(), title(str(given["title"])), explanation)


def _as_it_is(report: SuiteReport) -> str:
    """Return the ids of bad tests and what a model is shown of a run, as one text for the ledger."""
    if report.ran in (Ran.NOT_STARTED, Ran.NOTHING_COLLECTED):
        return f"{_SILENT}{_PAGE}{plain(report.why or report.output[-500:])}"
    return "\n".join(report.bad()) + _PAGE + shown.report(report)
