"""What tests of forges work with: a fake forge, forges opened on it, a clock that can be put forward, and a crew whose agents play scripts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.configuration.config import ForgeTable, MachineConfig
from orchestrator.crew import Crew
from orchestrator.forges.records import Receipt
from orchestrator.forges.wiring import Forges
from orchestrator.records import JobReport, Status
from tests.orchestrator import project
from tests.orchestrator.forges import fakeapi, webhooks
from tests.orchestrator.forges.fake import TOKEN, FakeForge, Route, serving
from tests.orchestrator.forges.webhooks import SECRET, Sent

ROUTES: Mapping[str, Route] = {"github": fakeapi.github, "gitea": fakeapi.gitea, "gitlab": fakeapi.gitlab}
ENVIRON = {"FORGE_TOKEN": TOKEN, "FORGE_SECRET": SECRET}


class Clock:
    """The present time, put forward as tests like."""

    ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@dataclass(slots=True)
class Desk:
    """A forge, and nightcrew at it."""

    fake: FakeForge
    forges: Forges
    clock: Clock
    repository: Path
    state: Path
    paused: list[float] = field(default_factory=list)

    def receive(self, sent: Sent, name: str = "hub") -> Receipt:
        """Take a webhook."""
        return self.forges.receive(name, *sent)

    def settle(self, ahead_s: float = 30.0) -> list[str]:
        """Do all that is due, after so many seconds, until nothing is."""
        self.clock.ahead_s += ahead_s
        done: list[str] = []
        while lines := self.forges.publisher.step():
            done += lines
        return done

    def tickets(self) -> tuple[JobReport, ...]:
        """Return all tickets."""
        return self.forges.office.crew.list()

    def filed(self) -> str:
        """Have the ticket of issue 5 filed, and return its id."""
        self.fake.issue()
        asked: Mapping[str, Callable[[], Sent]] = {
            "github": lambda: webhooks.github("issues", webhooks.labeled()),
            "gitea": lambda: webhooks.gitea("issue_comment", webhooks.commented()),
            "gitlab": lambda: webhooks.gitlab(webhooks.gitlab_issue()),
        }
        assert self.receive(asked[self.forges.office.entry("hub").kind]()).status == 202
        self.settle()
        (report,) = self.tickets()
        return report.ticket.id

    def verified(self, crew: Crew) -> str:
        """File that ticket and have the crew repair it."""
        ticket = self.filed()
        report = crew.work_next()
        assert report is not None
        assert (report.ticket.id, report.status) == (ticket, Status.VERIFIED), report.why
        return ticket


def forges_at(
    address: str,
    state: Path,
    repository: Path,
    clock: Clock,
    *,
    kind: str = "github",
    environ: Mapping[str, str] = ENVIRON,
    pause: Callable[[float], None] = time.sleep,
    **entry: Any,
) -> Forges:
    """Open forges on the fake one at an address, called `hub`; `entry` are further keys of its table."""
    given = {
        "kind": kind,
        "url": address,
        "api": f"{address}/api",
        "token_env": "FORGE_TOKEN",
        "secret_env": "FORGE_SECRET",
        "repositories": {FakeForge.repository: str(repository)},
        "allow": ("alice",),
        **entry,
    }
    machine = MachineConfig(forges={"hub": ForgeTable.model_validate(given)})
    settings = project.settings(state, agent="command:true")
    return Forges(state, machine, lambda _: settings, environ, state.parent, clock=clock, pause=pause, timeout_s=5.0)


@contextmanager
def desk(folder: Path, kind: str = "github", **given: Any) -> Iterator[Desk]:
    """Open forges on a fake one of this kind of its own; `given` as for `forges_at`."""
    repository = next(iter(folder.glob("the project")), None) or project.make(folder)
    state, clock, paused = folder / "state", Clock(), list[float]()
    with serving(FakeForge(folder / "forge", repository, ROUTES[kind])) as fake:
        opened = forges_at(fake.url, state, repository, clock, kind=kind, pause=paused.append, **given)
        with opened as forges:
            yield Desk(fake, forges, clock, repository, state, paused)
