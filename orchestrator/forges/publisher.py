"""The publisher: goes through what is due, one step after the other. Whoever runs it, and however many do, each step is done once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from agents import AgentError
from orchestrator.errors import OrchestratorError
from orchestrator.forges.errors import ForgeRefused, ForgeUnavailable, NotPushable, UnknownForge
from orchestrator.forges.filing import file
from orchestrator.forges.office import NotYet, Office, Result
from orchestrator.forges.pushing import leave, push
from orchestrator.forges.returning import checked, remark
from orchestrator.forges.steps import Kind, Step
from orchestrator.forges.store import Ended
from orchestrator.forges.telling import announce, react, tell
from sandbox import SandboxError
from shadowfs import ShadowfsError
from verifier import VerifierError

TRIES = 14
"""How often a step is tried before it is given up: for about nine hours."""
_SOONEST_S, _LATEST_S = 5.0, 3600.0
_LONGEST_S = 86400.0
"""However long a forge asks to be left alone."""
_AT_ONCE = 100
_EXPECTED = (OrchestratorError, ShadowfsError, SandboxError, VerifierError, AgentError, OSError)
"""What goes wrong in the world; anything else is a defect of ours, and whoever called hears of it."""
_DO: Mapping[Kind, Callable[[Office, Step], Result]] = {
    Kind.FILE: file,
    Kind.REACT: react,
    Kind.TELL: tell,
    Kind.REMARK: remark,
    Kind.CHECKED: checked,
    Kind.PUSH: push,
}


class Publisher:
    """Does what is to be done at forges and trackers."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def step(self) -> tuple[str, ...]:
        """Do what is due now, a hundred steps at most, and return a line for each."""
        done = [line for ended in self._office.store.ended() for line in self._announced(ended)]
        while len(done) < _AT_ONCE and (step := self._office.store.take()) is not None:
            done.append(self._do(step))
        return tuple(done)

    def _announced(self, ended: Ended) -> Iterator[str]:
        try:
            announce(self._office, ended)
        except UnknownForge as error:
            # Its entry is gone from the configuration: nobody is there to be told.
            self._office.store.told(ended, ())
            yield f"tell of {ended.ticket}: {error}"
        except _EXPECTED as error:
            yield f"tell of {ended.ticket}: again with the next step: {error}"

    def _do(self, step: Step) -> str:
        name = f"{step.kind} {step.thread.forge} {step.thread.repository} {step.thread.number}".strip()
        store = self._office.store
        try:
            result = _DO[step.kind](self._office, step)
        except NotYet as error:
            store.later(step, error.in_s, str(error), counts=False)
            return f"{name}: waits: {error}"
        except (ForgeRefused, NotPushable, UnknownForge) as error:
            return f"{name}: {self._given_up(step, str(error))}"
        except _EXPECTED as error:
            if step.tries + 1 >= TRIES:
                return f"{name}: {self._given_up(step, str(error))}"
            after_s = error.after_s if isinstance(error, ForgeUnavailable) else 0.0
            in_s = min(_LONGEST_S, max(after_s, min(_LATEST_S, _SOONEST_S * 2.0**step.tries)))
            store.later(step, in_s, str(error))
            return f"{name}: again in {in_s:.0f} s: {error}"
        store.done(step, result.todo, result.why)
        return f"{name}: {result.why or 'done'}"

    def _given_up(self, step: Step, why: str) -> str:
        """Give a step up; what cannot be pushed is left for whoever looks."""
        try:
            result = leave(self._office, step, why) if step.kind is Kind.PUSH else Result(why=why)
        except _EXPECTED as error:
            self._office.store.later(step, _LATEST_S, f"{why}; and it cannot be left here: {error}")
            return f"again in {_LATEST_S:.0f} s: {error}"
        self._office.store.done(step, result.todo, f"given up: {why}")
        return f"given up: {why}"
