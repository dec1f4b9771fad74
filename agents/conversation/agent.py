"""The conversation agent: a model that holds tools works step by step; what it calls done is checked before it is proposed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agents import shown
from agents.agent import Agent, NoFix, Proposal, Result, Task, Workspace
from agents.checked import Check
from agents.conversation.applying import Applier
from agents.conversation.brief import Found, known, prefix
from agents.conversation.hands import Hands
from agents.conversation.interview import Interview
from agents.conversation.ledger import Ledger
from agents.conversation.planning import HOW, PLANNING, Approved, Planning
from agents.conversation.readings import Readings
from agents.conversation.talk import Settings, Talk
from agents.conversation.tools import ASKING, TOOLS
from agents.models import (
    JournaledModel,
    MeteredModel,
    Model,
    Price,
    Priced,
    Request,
    Tool,
    ToolStyle,
    free,
    probe,
    within_budget,
)
from agents.prompts import Layout, Prompt, TokenCounter, encoding_of, render
from agents.prompts.tokens import Count
from agents.wording import plain, title
from shadowfs import RepoPath
from verifier import Ran, SuiteReport

_PAGE, _SILENT = "\f", "\0"


@dataclass(frozen=True, slots=True)
class _Speaker:
    """A model that holds tools."""

    model: Model
    count: Count


@dataclass(frozen=True, slots=True)
class ConversationAgent:
    """Lets a model work through tools; each call is paid for by `price`.

    `otherwise` works where the model cannot hold tools. `count` counts tokens as the model does; unless given, it is chosen by the model's name.
    `planner` plans where a plan is asked for; unless given, the model itself does. `applier` writes files where an edit has no sure place.
    """

    model: Model
    settings: Settings = Settings()
    count: Count | None = None
    price: Price = free
    otherwise: Agent | None = None
    name: str = "conversation"
    planner: Priced | None = None
    applier: Priced | None = None

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Converse until the work is done and holds, is given up, goes nowhere, or waits for a person. Raises `ModelError` where no model answers."""
        speaker = self._speaker(workspace, Priced(self.model, self.price, count=self.count))
        if isinstance(speaker, NoFix):
            # Who wants to see a plan first gets no change without one, and samples hold files that a user may save meanwhile.
            if self.otherwise is None or task.plan or task.follow:
                return speaker
            workspace.note("no_tools", {}, progress=f"{self.model.name} cannot hold tools: {self.otherwise.name}")
            return self.otherwise.work(task, workspace)
        ledger = Ledger.of(workspace)
        bad, _, first = ledger.once(lambda: _as_it_is(workspace.test()), "the tests as they are").partition(_PAGE)
        if bad == _SILENT:
            return NoFix(f"The suite says nothing: {first}", "Make the test command run, then ask again.")
        found = Found.of(task, workspace, ledger, first)
        hands, interview = Hands(task, workspace, ledger, self._applier(workspace)), Interview(task.answers)
        plan = ""
        if task.plan:
            approved = self._plan(speaker, hands, interview, found)
            if not isinstance(approved, Approved):
                return approved
            plan = approved.text
        check = Check(task, workspace, frozenset(bad.splitlines()))
        readings = Readings(workspace, ledger, check.wrong, task.follow)
        talk: Talk[Result] = Talk(
            task,
            workspace,
            speaker.model,
            speaker.count,
            self.settings,
            prefix(task, found, plan=plan),
            _tools(task),
            _Work(hands, check, interview, readings).does,
        )
        ended = talk.hold()
        # What was kept holds, whatever became of the rest.
        return readings.offered() if isinstance(ended, NoFix) and readings.kept else ended

    def opening(self, task: Task, read: Callable[[RepoPath], bytes]) -> Request | None:
        """Return what the first turn's request begins with, where the model calls tools natively. Raises `PromptTooLong`."""
        if task.plan:
            return None
        count = self.count or TokenCounter(encoding_of(self.model.name))
        layout = Layout(self.model.context_tokens, self.settings.reply_tokens)
        return Request(render(Prompt(known(task, read)), layout, count).messages, _tools(task))

    def _applier(self, workspace: Workspace) -> Applier | None:
        if self.applier is None:
            return None
        metered = MeteredModel(self.applier.model, workspace, self.applier.price)
        return Applier(JournaledModel(metered, workspace), workspace)

    def _speaker(self, workspace: Workspace, who: Priced) -> _Speaker | NoFix:
        """Find out how a model holds tools; an honest end where it cannot."""
        journaled = JournaledModel(MeteredModel(who.model, workspace, who.price), workspace)
        deadline_s = min(self.settings.probe_s, workspace.remaining_s())
        probed = probe(journaled, deadline_s=deadline_s, watch=within_budget(workspace))
        if probed.style is ToolStyle.NONE:
            why = "; ".join(f"{trial.style}: {trial.why}" for trial in probed.trials)
            return NoFix(f"The model {who.model.name} cannot hold tools ({why}).", "A model that can.")
        return _Speaker(
            probed.fitted(journaled), who.count or TokenCounter(encoding_of(who.known_as or who.model.name))
        )

    def _plan(self, speaker: _Speaker, hands: Hands, interview: Interview, found: Found) -> Approved | Result:
        """Let the planner plan until a person approves it."""
        task, workspace = hands.task, hands.workspace
        planner = speaker if self.planner is None else self._speaker(workspace, self.planner)
        if isinstance(planner, NoFix):
            return planner
        talk: Talk[Approved | Result] = Talk(
            task,
            workspace,
            planner.model,
            planner.count,
            self.settings,
            prefix(task, found, how=HOW),
            PLANNING,
            Planning(hands, interview).does,
        )
        return talk.hold()


@dataclass(frozen=True, slots=True)
class _Work:
    """Carries out the calls of a model that works."""

    hands: Hands
    check: Check
    interview: Interview
    readings: Readings

    def does(self, turn: int, name: str, given: Mapping[str, object]) -> tuple[str, Result | None]:
        """Carry out one call."""
        match name:
            case "done":
                return self._done(given)
            case "give_up":
                return "", NoFix(plain(str(given["why"])), plain(str(given.get("needs", ""))))
            case "ask":
                return self.interview.ask(given)
            case "alternative":
                return self.readings.keep(given), None
            case _:
                return self.hands.once(turn, name, given), None

    def _done(self, given: Mapping[str, object]) -> tuple[str, Result | None]:
        """Check what the model says is done; where it is not so, tell it."""
        workspace, ledger = self.hands.workspace, self.hands.ledger
        if self.readings.kept and not ledger.once(lambda: " ".join(workspace.change().paths())):
            return "", self.readings.offered()
        wrong = ledger.once(self.check.wrong, "checking what the model says is done")
        if wrong:
            return f"It is not done. {wrong}", None
        if self.readings.kept:
            self.readings.add(given)
            return "", self.readings.offered()
        explanation = plain(str(given["explanation"])).strip()
        return "", Proposal(workspace.change(), title(str(given["title"])), explanation)


def _tools(task: Task) -> tuple[Tool, ...]:
    return ASKING if task.ask else TOOLS


def _as_it_is(report: SuiteReport) -> str:
    """Return the ids of bad tests and what a model is shown of a run, as one text for the ledger."""
    if report.ran in (Ran.NOT_STARTED, Ran.NOTHING_COLLECTED):
        return f"{_SILENT}{_PAGE}{plain(report.why or report.output[-500:])}"
    return "\n".join(report.bad()) + _PAGE + shown.report(report)
