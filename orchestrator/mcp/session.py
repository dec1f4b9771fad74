"""The session: takes a client's tickets, one after the other, and works on each as on any other ticket, with the client as its agent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from os.path import lexists
from pathlib import Path

from agents import Agent, AgentError
from orchestrator.crew import Crew
from orchestrator.errors import OrchestratorError
from orchestrator.mcp import answers
from orchestrator.mcp.agent import ClientAgent
from orchestrator.mcp.answers import refused
from orchestrator.mcp.desk import Answer, Desk
from orchestrator.mcp.hands import Given, Unable, texts
from orchestrator.plain import one_line
from orchestrator.records import CLIENT, AddedTest, AttemptState, Event, JobReport, Order, Status, Watch
from sandbox import SandboxError
from shadowfs import ShadowfsError
from verifier import VerifierError, is_test_file

EXPECTED = (OrchestratorError, ShadowfsError, SandboxError, VerifierError, AgentError, OSError)
_TOLD = ("pin", "attempt", "verify", "rung", "deliver", "progress")


@dataclass(slots=True)
class Session:
    """Serves one client from `desk` until it leaves.

    `order` is what every ticket has: the repository, and what whoever started the server said; its seconds are the most that a
    ticket gets at a time. `crew` opens a crew with the repository's settings as they are by then, whose agent is the one given.
    """

    desk: Desk
    order: Order
    crew: Callable[[Agent], Crew]
    watch: Watch

    def serve(self) -> None:
        """Take calls until the client has left. Raises `KeyboardInterrupt` where somebody else ends it."""
        try:
            while not self.desk.left:
                call = self.desk.take()
                if call is None:
                    return
                if call.name == "begin":
                    self._begin(call.given)
                else:
                    self.desk.answer(refused(self._nothing_open()))
        except KeyboardInterrupt:
            if not self.desk.left:
                raise

    def _nothing_open(self) -> str:
        last = self.desk.standing.last
        told = f"; the last one ended so: {last.text}" if last else ""
        return f"no ticket is open: `begin` one first{told}"

    def _begin(self, given: Given) -> None:
        agent = ClientAgent(self.desk)
        try:
            with self.desk.at_work() as here:
                answer = self._worked(agent, given) if here else refused("the client has left")
        except (Unable, *EXPECTED) as error:
            answer = refused(str(error))
        self.desk.note(ticket="", ends_at=None, shadows=(), last=answer)
        self.desk.answer(answer)

    def _worked(self, agent: ClientAgent, given: Given) -> Answer:
        """Work on a ticket to an end, which may be a client's that left; return how it ended."""
        seconds = self._seconds(given)
        with self.crew(agent) as crew:
            agent.ticket, agent.submitted, more = self._ticket(crew, given, seconds)
            agent.verdict = lambda: next(reversed(crew.show(agent.ticket).verdicts), None)
            self.desk.note(ticket=agent.ticket)
            report = crew.resume(agent.ticket, self._seen, seconds=more)
        if report.status is Status.PAUSED and report.why.startswith("interrupted"):
            raise KeyboardInterrupt
        return self._answer(report)

    def _answer(self, report: JobReport) -> Answer:
        """Return how a ticket ended; to a call that its end cut short this is no success."""
        answer, call = answers.ended(report), self.desk.in_hand
        if call is None or call.name in ("submit", "abandon") or report.status is Status.VERIFIED:
            return answer
        return replace(answer, text=f"`{call.name}` did not end: {answer.text}", refused=True)

    def _ticket(self, crew: Crew, given: Given, seconds: float | None) -> tuple[str, str, float]:
        """Return the ticket to work on, a new one or one begun earlier, what was submitted last, and the seconds to add to its budget."""
        if "ticket" not in given:
            order = replace(
                self.order,
                text=str(given.get("text", "")),
                failing=texts(given, "failing"),
                added=_added(given, self.order.repository),
                seconds=self.order.seconds if seconds is None else seconds,
            )
            return crew.hold(order).id, "", 0.0
        if set(given) - {"ticket", "seconds"}:
            raise Unable("a ticket begun earlier has its text and tests: give `ticket` alone, or with `seconds`")
        mine = {each.ticket.id: each for each in crew.list(self.order.repository) if each.agent == CLIENT}
        if given["ticket"] not in mine:
            there = ", ".join(list(mine)[:10]) or "none"
            raise Unable(f"no client began a ticket {given['ticket']!r} in this repository; the latest are: {there}")
        report = mine[str(given["ticket"])]
        trees = [each.tree for each in report.attempts if each.state is AttemptState.PROPOSED and each.tree]
        return report.ticket.id, trees[-1] if trees else "", seconds or 0.0

    def _seconds(self, given: Given) -> float | None:
        asked, most = given.get("seconds"), self.order.seconds
        if asked is None:
            return None
        assert isinstance(asked, int | float)
        if not asked > 0 or (most is not None and asked > most):
            raise Unable(f"`seconds` is {asked:g}: give more than 0" + (f" and at most {most:g}" if most else ""))
        return float(asked)

    def _seen(self, event: Event) -> None:
        if event.kind in _TOLD:
            self.desk.tell(f"{event.kind}: {one_line(event.text, 300)}")
        self.watch(event)


def _added(given: Given, repository: Path) -> tuple[AddedTest, ...]:
    """Return the tests that a ticket brings along. Raises `Unable` where they are none, or more than new tests."""
    found = given.get("tests", [])
    made = []
    for each in found if isinstance(found, list) else [None]:
        path, content = (each.get(name) if isinstance(each, dict) else None for name in ("path", "content"))
        if not isinstance(path, str) or not isinstance(content, str):
            raise Unable("`tests` must be a list of objects with `path` and `content`, both texts")
        # They are in the base too, where the ladder compares nothing: what is more than a new test belongs to the change.
        if not is_test_file(path) or not _is_new(repository, path):
            raise Unable(
                f"{path!r} is no path for an added test: `tests` takes new files of tests alone, as in tests/test_x.py; what else is"
                " needed, `edit` it into the change, where it is judged"
            )
        made.append(AddedTest(path, content.encode("utf-8", "replace")))
    return tuple(made)


def _is_new(repository: Path, path: str) -> bool:
    """Say whether nothing stands at a path, and on the way to it nothing but directories of this repository."""
    *folders, name = path.split("/")
    for folder in folders:
        repository /= folder
        if repository.is_symlink() or lexists(repository / ".git") or (lexists(repository) and not repository.is_dir()):
            return False
    return not lexists(repository / name)
