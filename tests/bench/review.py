"""How fast the server answers, its pages draw, its events arrive, and what open pages cost the worker: beside an empty handler and static pages.

Everything is asked of `nightcrew serve` as a process of its own, over HTTP, with 10,000 tickets in its store; pages are drawn by a real Chromium.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from playwright.sync_api import Browser

from tests.bench.review_load import Load, measured
from tests.bench.review_pages import big_change, drawn, static_site
from tests.bench.review_store import TICKETS, fill
from tests.bench.target import Target
from tests.e2e.command import nightcrew
from tests.e2e.project import FAILING, TICKET, activated, make_project
from tests.e2e.serving import Server, chromium, entered, serving

PER_S = 200
_API, _PAGE, _BIG, _EVENT_MS, _SLOWER = 3.0, 2.0, 4.0, 200.0, 1.05


def measure(quick: bool, data: Path | None = None) -> Iterator[Target]:  # noqa: ARG001
    """Yield the targets."""
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as directory:
        root = Path(directory)
        yield from _reads(root, 5.0 if quick else 20.0)
        with chromium() as browser:
            yield from _drawing(root, browser, 3 if quick else 9)
            yield _events(root, browser, 10 if quick else 50)
        yield _worker(root, 3 if quick else 9)


def _reads(root: Path, seconds: float) -> Iterator[Target]:
    """Reads of a full store under load, beside a handler that does nothing but know who asks."""
    state = root / "full"
    tickets = fill(state)
    key = _key(state)
    with serving(state, "--no-work") as server:
        ways: Mapping[str, Load] = {
            "empty": Load(("/api/empty",)),
            "boards": Load(tuple(f"/api/tickets?limit=50&skip={at}" for at in range(0, TICKETS, 50))),
            "searches": Load(tuple(f"/api/tickets?words=ticket+{at}" for at in range(0, TICKETS, 97))),
            "tickets": Load(tuple(f"/api/tickets/{id}" for id in tickets[::7])),
        }
        found = measured(server.address, key, ways, PER_S, seconds)
    empty = found["empty"]
    for name in ("boards", "searches", "tickets"):
        beside = {"p99, ms": found[name], "empty handler's p99, ms": empty}
        what = f"reads of {name} with {TICKETS:,} tickets, {PER_S} a second: p99 of an empty handler's"
        yield Target(what, "times", _API, found[name] / empty, beside)


def _drawing(root: Path, browser: Browser, times: int) -> Iterator[Target]:
    """Pages in a browser, beside the same bytes as files."""
    state = root / "pages"
    repository = make_project(root / "repository")
    small = _fixed(repository, state, TICKET, "command:sed -i 's/range(1, /range(0, /' shop/total.py")
    big = _fixed(repository, state, TICKET, big_change(root))
    with serving(state, "--no-work") as server, entered(browser, server) as page:
        for name, path, limit in (
            ("the board", "/", _PAGE),
            ("a review", f"/tickets/{small}/review", _PAGE),
            ("a review of 5,000 lines", f"/tickets/{big}/review", _BIG),
        ):
            with static_site(page, f"{server.address}{path}") as static:
                taken = drawn(page, {"ours": f"{server.address}{path}", "static": static}, times)
            beside = {"ms": 1000 * taken["ours"], "static page, ms": 1000 * taken["static"]}
            yield Target(f"{name}, drawn: of a static page's", "times", limit, taken["ours"] / taken["static"], beside)


def _events(root: Path, browser: Browser, times: int) -> Target:
    """From what another process writes to the page that shows it."""
    state = root / "pages"
    writer = "from sys import argv, stdin; from tests.bench.review_store import touch; touch(argv[1], stdin)"
    with ExitStack() as stack:
        server = stack.enter_context(serving(state, "--no-work"))
        # What the bench asks of the page is code from outside, which the page's policy refuses.
        page = stack.enter_context(entered(browser, server, bypass_csp=True))
        page.evaluate(_LISTEN)
        process = subprocess.Popen(
            [sys.executable, "-c", writer, state], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin is not None and process.stdout is not None
        late = []
        for _ in range(times):
            before = page.evaluate("window.seen.length")
            process.stdin.write("\n")
            process.stdin.flush()
            wrote = float(process.stdout.readline())
            page.wait_for_function(f"window.seen.length > {before}")
            late.append(page.evaluate("window.seen.at(-1)") - 1000 * wrote)
        process.stdin.close()
        process.wait(30)
        process.stdout.close()
    worst = sorted(late)[max(0, int(0.95 * len(late)) - 1)]
    beside = {"median, ms": statistics.median(late)}
    return Target(f"an event reaches the page, 95 % of {times}", "ms", _EVENT_MS, worst, beside)


_LISTEN = """() => new Promise((done) => {
    window.seen = [];
    const events = new EventSource('/api/events');
    events.addEventListener('changed', () => window.seen.push(performance.timeOrigin + performance.now()));
    events.onopen = () => done();
})"""


def _worker(root: Path, times: int) -> Target:
    """The time of a job by the server's worker, with 100 pages open and with none."""
    state, repository = root / "worker", make_project(root / "worked on")
    key = _key(state)
    taken: dict[str, list[float]] = {"none": [], "open": []}
    with serving(state, environ=activated()) as server:
        # The first takes what is only once: the depot, byte code.
        _job(server, state, key, repository)
        for _ in range(times):
            taken["none"].append(_job(server, state, key, repository))
            with _open_pages(server, key, 100):
                taken["open"].append(_job(server, state, key, repository))
    middle = {name: statistics.median(each) for name, each in taken.items()}
    beside = {"s": middle["open"], "without pages, s": middle["none"]}
    return Target(
        "a job while 100 pages are open: of one while none is",
        "times",
        _SLOWER,
        middle["open"] / middle["none"],
        beside,
    )


def _job(server: Server, state: Path, key: str, repository: Path) -> float:
    environ = {**activated(), "NIGHTCREW_KEY": key}
    words = ("fix", TICKET, "--repo", repository, "--failing", FAILING, "--agent", "repair")
    answer = nightcrew("--server", server.address, *words, state=state, environ=environ)
    assert answer.document["status"] == "verified", answer
    seconds: float = answer.document["cost"]["seconds"]
    return seconds


@contextmanager
def _open_pages(server: Server, key: str, count: int) -> Iterator[None]:
    """Have a process of its own do what so many open boards do: listen, and ask for the page again when something changed."""
    words = [sys.executable, "-m", "tests.bench.review_viewers", server.address, str(count)]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, env={**os.environ, "NIGHTCREW_KEY": key}
    )
    assert process.stdout is not None and process.stdin is not None
    assert process.stdout.readline() == "listening\n"
    yield
    process.stdin.close()
    process.wait(60)
    process.stdout.close()


def _fixed(repository: Path, state: Path, text: str, agent: str) -> str:
    words = ("fix", text, "--repo", repository, "--failing", FAILING, "--agent", agent)
    answer = nightcrew(*words, state=state, environ=activated())
    assert answer.document["status"] == "verified", answer
    return str(answer.document["ticket"])


def _key(state: Path) -> str:
    for words in (("add", "bench", "--role", "review"), ("key", "bench")):
        answer = nightcrew("users", *words, state=state)
    return str(answer.document["key"])
