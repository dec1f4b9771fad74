"""What an agent asks first is in its pool's cache before it asks, and what it asks after a long run of tests is there again."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from agents import (
    JournaledModel,
    Message,
    ModelError,
    Priced,
    Reply,
    Request,
    Role,
    ScriptedModel,
    Step,
    Trouble,
    Usage,
    Watch,
)
from agents.models import unwatched
from orchestrator.crew import Crew
from orchestrator.pool import read_spent
from orchestrator.records import JobReport, Status, Ticket
from orchestrator.settings import Settings
from orchestrator.store.memory.store import MemoryStore
from orchestrator.wiring import real_engines
from orchestrator.working.journal import Journal
from orchestrator.working.warmth import Warming, Warmth
from sandbox import Limits, NoneDriver, Root, Sandbox
from tests.orchestrator import project
from tests.orchestrator.crews import order
from tests.orchestrator.pool.standins import Fronting, Standing, fronting, standins
from verifier import Ran, Suite, SuiteReport

PREFILL_PER_S = 4_000
GUIDANCE = "Keep it simple. " * 1_000
ASKED = Request((Message(Role.USER, "x" * 400),), max_tokens=100, temperature=0.2)


@pytest.fixture(scope="module")
def engine() -> Iterator[Standing]:
    with standins(1, "--prefill-per-s", str(PREFILL_PER_S)) as (started,):
        yield started


@pytest.fixture
def front(engine: Standing, tmp_path: Path) -> Iterator[Fronting]:
    engine.clear()
    with fronting(tmp_path, [engine]) as made:
        yield made


def call(name: str, **arguments: object) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"tool_calls": [{"id": f"call_{name}", "type": "function", "function": function}]}


def fixed(front: Fronting, engine: Standing, repository: Path, tmp_path: Path, *, pool: bool) -> JobReport:
    """Have the model of a front fix the project."""
    engine.say(
        call("read_file", path="notes/colour.txt"),
        {"content": "It is vermilion."},
        call("edit", path="sums.py", old="    for number in numbers[1:]:", new="    for number in numbers:"),
        call("done", title="Count all", explanation="The first was left out."),
    )
    (tmp_path / "config/nightcrew").mkdir(parents=True)
    table = f'[models.own]\nbase_url = "{front.url}"\nmodel = "edit"\nworks = "tools"\npool = {str(pool).lower()}\n'
    (tmp_path / "config/nightcrew/config.toml").write_text(table, "utf-8")
    state = tmp_path / "state"
    engines = real_engines(state, {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config")})
    with Crew(state, project.settings(state, driver="copy", agent="model:own"), engines=engines) as crew:
        report = crew.fix(order(repository))
    engines.close()
    assert report.status is Status.VERIFIED, report
    return report


def tickets(front: Fronting, tmp_path: Path) -> set[str]:
    """Return the tickets that a front has heard of."""
    front.until(lambda: read_spent(tmp_path / "ledger.db"))
    return {each.ticket for each in read_spent(tmp_path / "ledger.db")}


def test_what_an_agent_asks_first_is_warm_and_paid_for(
    front: Fronting, engine: Standing, repository: Path, tmp_path: Path
) -> None:
    (repository / "AGENTS.md").write_text(GUIDANCE, "utf-8")
    report = fixed(front, engine, repository, tmp_path, pool=True)
    ahead, *asked = sorted(engine.seen, key=lambda each: each["max_tokens"] != 1)
    first = next(each for each in asked if "repair a software" in each["messages"][0]["content"])
    assert GUIDANCE in ahead["messages"][1]["content"]
    assert first["messages"][1]["content"].startswith(ahead["messages"][1]["content"])
    assert (first["messages"][0], first["tools"]) == (ahead["messages"][0], ahead["tools"])
    assert first["cached"] > 0.7 * first["tokens"]
    assert first["first_s"] < 0.5 * first["tokens"] / PREFILL_PER_S
    assert report.cost.tokens_in > sum(each["tokens"] for each in asked)
    assert report.ticket.id not in report.ticket.alias
    assert tickets(front, tmp_path) == {report.ticket.alias}


def test_a_server_that_is_no_pool_is_sent_nothing_ahead(
    front: Fronting, engine: Standing, repository: Path, tmp_path: Path
) -> None:
    fixed(front, engine, repository, tmp_path, pool=False)
    assert all(each["max_tokens"] != 1 for each in engine.seen)
    assert tickets(front, tmp_path) == {""}


class Holding:
    """A model that answers once its caller goes away, or at once."""

    name, context_tokens = "holding", 32_768

    def __init__(self, *, at_once: bool = True) -> None:
        self.at_once = at_once
        self.asked: list[Request] = []
        self.came = threading.Event()

    def complete(self, request: Request, *, deadline_s: float, watch: Watch = unwatched) -> Reply:
        """Answer with nothing, or wait for what the watch raises."""
        del deadline_s
        self.asked.append(request)
        self.came.set()
        while not self.at_once:
            watch("")
        return Reply("", usage=Usage(100, 1))


@pytest.fixture
def steps(repository: Path) -> Journal:
    """Return the journal of an attempt."""
    store = MemoryStore(lambda: 0.0)
    number = store.add(Ticket("261121-abc", "sums", order(repository), 0.0), Settings(tokens=1_000)).number
    lease = store.claim("me", 1e9, number)
    assert lease is not None
    return Journal(store, lease, 1)


def tokens(steps: Journal) -> int:
    """Return the tokens that an attempt has taken."""
    cost = steps.store.cost(steps.lease.job, attempt=1)
    return cost.tokens_in + cost.tokens_out


class Suites:
    """Runs tests for as long as something takes."""

    def __init__(self, wait: Callable[[], object]) -> None:
        self._wait = wait

    def run(
        self, sandbox: Sandbox, suite: Suite, ids: Sequence[str] | None = None, limits: Limits = Limits()
    ) -> SuiteReport:
        """Wait."""
        del sandbox, suite, ids, limits
        self._wait()
        return SuiteReport(Ran.COMPLETED)


def run(warming: Warming, tmp_path: Path) -> None:
    with closing(NoneDriver(tmp_path).open(Root(tmp_path, tmp_path))) as sandbox:
        warming.run(sandbox, project.UNITTEST)


def test_before_a_long_run_ends_the_latest_request_is_sent_again(steps: Journal, tmp_path: Path) -> None:
    scripted, model = ScriptedModel(["a"], name="holding"), Holding()
    JournaledModel(scripted, _Diary(steps)).complete(ASKED, deadline_s=1.0)
    warmth = Warmth(Priced(model), steps, lambda: None)
    waits = iter((lambda: None, lambda: model.came.wait(60.0)))
    warming = Warming(Suites(lambda: next(waits)()), warmth, long_s=0.0, ahead_s=0.0)
    run(warming, tmp_path)
    assert not model.asked
    run(warming, tmp_path)
    (asked,) = model.asked
    assert (asked.messages, asked.max_tokens) == (ASKED.messages, 1)
    assert tokens(steps) == 101


def test_whoever_goes_on_waits_for_nothing_and_what_was_read_is_paid(steps: Journal) -> None:
    model = Holding(at_once=False)
    warmth = Warmth(Priced(model), steps, lambda: ASKED)
    warmth.begin()
    assert model.came.wait(60.0)
    warmth.begin()
    warmth.close()
    assert len(model.asked) == 1
    assert tokens(steps) == 100
    assert steps.reserve(0.0, 900)


@pytest.mark.parametrize(
    "opening",
    [
        pytest.param(lambda: None, id="nothing known"),
        pytest.param(lambda: replace(ASKED, messages=(Message(Role.USER, "x" * 10_000),)), id="too dear"),
    ],
)
def test_what_cannot_be_sent_is_not(steps: Journal, opening: Callable[[], Request | None]) -> None:
    model = Holding()
    warmth = Warmth(Priced(model), steps, opening)
    warmth.begin()
    warmth.close()
    assert not model.asked


def test_trouble_of_the_pool_is_none_of_the_attempt(steps: Journal) -> None:
    warmth = Warmth(Priced(ScriptedModel([ModelError(Trouble.UNREACHABLE, "it is down")])), steps, lambda: ASKED)
    warmth.begin()
    warmth.close()
    assert tokens(steps) == 0


@dataclass(frozen=True, slots=True)
class _Diary:
    steps: Journal

    def journal(self) -> Sequence[Step]:
        return self.steps.completed()

    def note(self, kind: str, data: Mapping[str, object]) -> None:
        self.steps.finish(self.steps.begin(f"note:{kind}", data), {})
