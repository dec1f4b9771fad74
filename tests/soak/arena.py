"""Where the killing is done: a repository, servers, workers that die, others that are killed, and what must hold in the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from orchestrator.crew import Crew
from orchestrator.records import Order, Status
from tests.orchestrator import project
from tests.servers import Postgres, Redis
from tests.soak.deadly import Book
from tests.soak.node import NAMED

_UNSIGNED_S = 70.0
_PATIENCE_S = 120.0
"""How long nothing may come to an end before that counts as hanging."""


@dataclass(slots=True)
class Arena:
    """Tickets of one repository, worked on by nodes over a store and, for Celery, a broker."""

    folder: Path
    kind: str
    kills: int
    redis: Redis | None = None
    postgres: Postgres | None = None
    workers: int = 2
    tickets: list[str] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    repository: Path = field(init=False)
    book: Book = field(init=False)
    url: str | None = field(init=False)
    before: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.repository = project.make(self.folder)
        self.before = project.digest(self.repository)
        (self.folder / "book").mkdir()
        self.book = Book(self.folder / "book", self.kills)
        self.url = None if self.postgres is None else self.postgres.url()

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @contextmanager
    def crew(self) -> Iterator[Crew]:
        """Open a crew that kills nobody."""
        with Crew(self.state, project.settings(self.state, agent="model"), url=self.url) as crew:
            yield crew

    def file(self, count: int) -> None:
        """File tickets, each with a number of its own in its text."""
        with self.crew() as crew:
            for _ in range(count):
                text = f"total() forgets a number; {NAMED}{len(self.tickets)} "
                order = Order(text, self.repository, failing=(project.FAILING,), agent="command:true")
                self.tickets.append(crew.file(order).id)

    @contextmanager
    def node(self) -> Iterator[subprocess.Popen[bytes]]:
        """Have workers run; whatever they leave is ended."""
        process = self.start()
        try:
            yield process
        finally:
            end(process, signal.SIGTERM)

    def start(self) -> subprocess.Popen[bytes]:
        """Start workers."""
        words = [self.kind, str(self.state), str(self.book.folder), str(self.kills), str(self.workers)]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        environ["NIGHTCREW_BROKER"] = "" if self.redis is None else self.redis.url
        environ["NIGHTCREW_STORE"] = self.url or ""
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.soak.node", *words], env=environ, stdout=log, stderr=log
            )

    def work_off(self, meanwhile: Callable[[subprocess.Popen[bytes]], None] = lambda _: None) -> None:
        """Have everything worked on to its end; a node that dies is started again."""
        process = self.start()
        try:
            last, left = time.monotonic(), len(self.tickets)
            lives = 0
            while left:
                if process.poll() is not None:
                    process = self.start()
                meanwhile(process)
                time.sleep(0.2)
                now = self._left()
                claims = len(self.book.told("claims"))
                if (now, claims) != (left, lives):
                    last, left, lives = time.monotonic(), now, claims
                assert time.monotonic() - last < _PATIENCE_S, f"{left} tickets hang\n{self.log()}"
        finally:
            end(process, signal.SIGTERM)

    def log(self) -> str:
        """Return what the workers said last."""
        return (self.folder / "log").read_text("utf-8", "replace")[-4_000:]

    def _left(self) -> int:
        with self.crew() as crew:
            jobs = [crew.store.job_of(ticket) for ticket in self.tickets]
            for job in jobs:
                # What was killed around a worker (its sandbox, its mount) ends a job with a reason; whoever sees that goes on with it.
                if job.status is Status.FAILED:
                    defects = [
                        step.intent["traceback"] for step in crew.store.steps(job.number) if step.kind == "defect"
                    ]
                    assert not defects, defects[-1]
                    self.killed["failed, and gone on with"] += 1
                    assert self.killed.total() < 50 + len(self.tickets), job
                    crew.enqueue(job.ticket)
                assert job.status in (Status.QUEUED, Status.WORKING, Status.VERIFIED, Status.FAILED), job
        return sum(job.status is not Status.VERIFIED for job in jobs)

    def check(self) -> None:
        """Assert what must hold once all is done."""
        with self.crew() as crew:
            self._swept(crew)
            reports = [crew.show(ticket) for ticket in self.tickets]
            assert {ticket.id for ticket in crew.store.tickets()} == set(self.tickets)
        assert [each.status for each in reports] == [Status.VERIFIED] * len(reports)
        assert sorted(project.branches(self.repository)) == sorted(str(each.branch) for each in reports)
        for each in reports:
            assert project.git(self.repository, "rev-list", "--count", f"main..{each.branch}") == "1"
        assert project.digest(self.repository) == self.before
        assert str(self.state) not in Path("/proc/mounts").read_text()
        assert left_of(self.state) == []

    def _swept(self, crew: Crew) -> None:
        """Have what dead workers left removed: a directory that nobody has signed may be one that somebody makes, and goes a minute later."""
        last = time.monotonic() + _UNSIGNED_S
        crew.sweep()
        while (left := self._directories()) and time.monotonic() < last:
            time.sleep(1.0)
            crew.sweep()
        assert not left, [(each, list(each.rglob("*"))[:20]) for each in left]

    def _directories(self) -> list[Path]:
        """Return what there is of shadows and sandboxes."""
        return [each for name in ("shadows", "sandboxes") for each in (self.state / name).glob("*")]

    def asked_again(self) -> int:
        """Return how many of the model's replies were asked for again though they had been journaled."""
        again, last = 0, dict[tuple[int, int], bool]()
        events = sorted((*self.book.told("asked"), *self.book.told("kept")), key=lambda each: each["at"])
        for number, event in enumerate(events):
            if event["what"] == "asked":
                reply = event["ticket"], event["turn"]
                again += last.get(reply, False)
                # It was journaled if its thread wrote down an outcome before it did anything else.
                follows = next((each for each in events[number + 1 :] if each["who"] == event["who"]), event)
                last[reply] = follows["what"] == "kept"
        return again

    def around(self) -> int:
        """Return how often something around a worker was killed."""
        return sum(count for what, count in self.killed.items() if not what.startswith("failed"))

    def pauses(self) -> list[float]:
        """Return the seconds from each death of a job to its next claim."""
        claims = self.book.told("claims")
        found = []
        for death in self.book.told("deaths"):
            later = [each["at"] for each in claims if each["job"] == death["job"] and each["at"] > death["at"]]
            if later:
                found.append(min(later) - death["at"])
        return found


def left_of(state: Path) -> list[str]:
    """Return the processes that have a state directory among their words."""
    found = []
    for each in psutil.process_iter(["cmdline", "pid"]):
        words = each.info["cmdline"] or []
        if each.pid != os.getpid() and any(str(state) in word for word in words):
            found.append(" ".join(words))
    return found


def end(process: subprocess.Popen[bytes], sign: signal.Signals) -> None:
    """End a node, and what is left of its processes."""
    below = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(sign)
    try:
        process.wait(90)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
        raise
    finally:
        for each in below:
            if each.is_running():
                each.kill()
        psutil.wait_procs(below, 30)
