"""What orchestrating a job costs in CPU, its sandbox and tests left out: two workers, embedded and over Celery, in one run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from orchestrator.crew import Crew
from orchestrator.records import Order, Status
from orchestrator.reporting.board import Sought
from shadowfs import CopyDriver, pin
from tests.bench.target import Target
from tests.orchestrator import project
from tests.servers import Redis, postgres_server, redis_server

LIMIT_MS = 50.0
_WORKERS = 2
_WARM, _FEW = 6, 100
_PATIENCE_S = 300.0


def measure_jobs(count: int) -> Iterator[Target]:
    """Yield what a job costs over the embedded loop and over Celery, on the store that each usually has, and each on the other's."""
    few = min(count, _FEW)
    # Before there are servers below this process, whose time would count.
    shadows_ms = _shadows_ms(few)
    with redis_server() as redis, postgres_server() as postgres:
        beside = {
            "of which its three shadows, ms": shadows_ms,
            f"{few} by one worker, embedded, SQLite, ms": _job_ms("embedded", few, None, redis, workers=1),
            f"{few} over Celery, SQLite, ms": _job_ms("celery", few, None, redis),
            f"{few} embedded, PostgreSQL, ms": _job_ms("embedded", few, postgres.url(), redis),
        }
        for name, kind, url in (
            ("embedded, SQLite", "embedded", None),
            ("over Celery, PostgreSQL", "celery", postgres.url()),
        ):
            what = f"CPU of a job beyond its sandbox and tests, {count:,} on two workers, {name}: shadows are copies, git's processes count"
            yield Target(what, "ms", LIMIT_MS, _job_ms(kind, count, url, redis), beside)


def _job_ms(kind: str, count: int, url: str | None, redis: Redis, workers: int = _WORKERS) -> float:
    """Have jobs worked on to their end, and return the CPU milliseconds of all processes of the workers for each."""
    redis.client.flushall()
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as folder:
        repository, state = project.make(Path(folder)), Path(folder) / "state"
        url = url or f"sqlite:///{state}/nightcrew.db"
        with (
            Crew(state, project.settings(state), url=url) as crew,
            _worker(kind, state, url, redis, workers) as process,
        ):
            _work_off(crew, repository, _WARM, Path(folder))
            before = _cpu_s(process)
            _work_off(crew, repository, count, Path(folder))
            return 1000 * (_cpu_s(process) - before) / count


def _shadows_ms(count: int) -> float:
    """Return the CPU milliseconds of a job's shadows alone: the attempt's with two steps, and the two that a ladder opens."""
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as folder:
        repository, state = project.make(Path(folder)), Path(folder) / "state"
        snapshot, driver, me = pin(repository, state), CopyDriver(state), psutil.Process()

        def shadows() -> None:
            with driver.create(snapshot) as shadow:
                for path, data in (("helper.py", b"START = 0\n"), ("sums.py", project.FIXED.encode())):
                    shadow.write(path, data)
                    shadow.checkpoint()
                tree = shadow.seal().tree
            for each in (snapshot.tree, tree):
                driver.create(snapshot, each).close()

        for _ in range(_WARM):
            shadows()
        before = _cpu_s(me)
        for _ in range(count):
            shadows()
        taken_s = _cpu_s(me) - before
        snapshot.depot.close()
    return 1000 * taken_s / count


def _work_off(crew: Crew, repository: Path, count: int, folder: Path) -> None:
    order = Order("total() forgets a number", repository, failing=(project.FAILING,), agent="command:true")
    wanted = crew.board(Sought(limit=1)).total + count
    for _ in range(count):
        crew.file(order)
    last = time.monotonic() + _PATIENCE_S + count
    while (counts := crew.board(Sought(limit=1)).counts).get(Status.VERIFIED, 0) < wanted:
        failed = (
            [report.why for report in crew.list() if report.status is Status.FAILED]
            if counts.get(Status.FAILED)
            else []
        )
        assert not failed, failed
        assert time.monotonic() < last, f"{counts}\n{(folder / 'log').read_text()[-2000:]}"
        time.sleep(0.2)


@contextmanager
def _worker(kind: str, state: Path, url: str, redis: Redis, workers: int) -> Iterator[psutil.Process]:
    environ = {**os.environ, "NIGHTCREW_STORE": url, "NIGHTCREW_BROKER": redis.url}
    words = [sys.executable, "-m", "tests.bench.durable_worker", kind, str(state), str(workers)]
    with (state.parent / "log").open("wb") as log:
        process = subprocess.Popen(words, env=environ, stdout=log, stderr=log)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)


def _cpu_s(process: psutil.Process) -> float:
    """Return the CPU seconds of a process and all that it ever started."""
    return sum(sum(each.cpu_times()[:4]) for each in (process, *process.children(recursive=True)))
