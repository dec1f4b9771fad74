"""The ways of working on a task that are compared: nightcrew, and the plain baseline here; other people's agents in `model_solvers_peers`.

Each gets a prepared repository, the same ticket, and a model's address; what it leaves is judged by others.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from sandbox import Command, Completed, Limits, LocalDriver, Policy, Root, Sandbox
from tests.bench.kept import Kept
from tests.bench.model_proxy import Served
from tests.bench.model_tasks import Task, branch_files, changed, files
from tests.e2e.command import NIGHTCREW, clean_environment

ROOT = Path(__file__).parent.parent.parent
SECONDS, TOKENS = 150.0, 60_000
TEMPERATURE, AT_ONCE, MOST_SAMPLES = 0.8, 4, 24
_SHOWN = 3_000
_GRACE_S = 20.0
_CHECK = Limits(wall_s=60.0)


@dataclass(frozen=True, slots=True)
class Order:
    """One task for one solver: the repository and its files as they were, where the model is and how it is called, and when the time is over."""

    task: Task
    repository: Path
    before: Mapping[str, bytes]
    served: Served
    model: str
    ends: float

    @property
    def left_s(self) -> float:
        """Return the seconds that are left."""
        return self.ends - time.monotonic()

    def left_files(self) -> dict[str, bytes | None]:
        """Return what was changed in the repository."""
        return changed(self.before, files(self.repository))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a solver left: its change, what it said of it, and how often it started."""

    change: Mapping[str, bytes | None]
    said: str
    starts: int = 1


class Solver(Protocol):
    """A way to work on a task. `edition` is what its rows depend on, beside the task, the model and the limits."""

    @property
    def name(self) -> str: ...

    @property
    def edition(self) -> str: ...

    def make_ready(self) -> None:
        """Install what it needs."""
        ...

    def work(self, order: Order) -> Outcome:
        """Work until it is done or the time is over."""
        ...


_CONFIGURED = """[models.small]
base_url = "{url}"
model = "{model}"
context = 16384
works = "samples"
repair = false
parallel = 1
"""
"""The machine's configuration: the model holds no tools, its server has one slot, and the repair agent's candidates are switched off."""


class Nightcrew:
    """`nightcrew fix --agent model` as a person types it. Its change is that of the branch it delivers."""

    name = "nightcrew"

    @property
    def edition(self) -> str:
        """Return a hash of the agents and of what judges for them."""
        made = Kept.of(Path(), "agents", "verifier").code
        return hashlib.sha256(f"{made}{_CONFIGURED}".encode()).hexdigest()[:16]

    def make_ready(self) -> None:
        """It is here."""

    def work(self, order: Order) -> Outcome:
        """Run the command; what it has not delivered in time does not count."""
        with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as state:
            failing = [word for id in order.task.failing for word in ("--failing", id)]
            command = [str(NIGHTCREW), "fix", order.task.text, "--repo", str(order.repository), "--agent", "model", "--test", order.task.command,
                       *failing, "--seconds", f"{order.left_s:.0f}", "--no-ask", "--json", "--state", f"{state}/state"]  # fmt: skip
            configuration = Path(state, "config", "nightcrew", "config.toml")
            configuration.parent.mkdir(parents=True)
            configuration.write_text(_CONFIGURED.format(url=order.served.url, model=order.model), "utf-8")
            named = {"XDG_CONFIG_HOME": f"{state}/config", "LLM_BASE_URL": "", "OPENAI_BASE_URL": "", "LLM_MODEL": ""}
            environ = clean_environment(named)
            with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
                try:
                    document, _ = process.communicate(timeout=max(0.0, order.left_s))
                except subprocess.TimeoutExpired:
                    _end(process)
                    return Outcome({}, "not done in time")
        return self._outcome(order, json.loads(document))

    def _outcome(self, order: Order, document: Mapping[str, Any]) -> Outcome:
        status = str(document.get("status", document.get("error")))
        if not document.get("branch"):
            return Outcome({}, f"{status}: {document.get('why', '')}"[:300])
        there = branch_files(order.repository, document["branch"])
        return Outcome(changed(order.before, {**order.before, **there}), status)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command that is late, letting it clear away what it made."""
    process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


class Baseline:
    """Asks for the whole corrected file, once at temperature 0 and then several at once, and tries each; the first with which all seen tests pass wins.

    It is told which file holds the bug.
    """

    name = "baseline"

    @property
    def edition(self) -> str:
        """Return a hash of how it asks."""
        return hashlib.sha256(f"{_ASKED}{TEMPERATURE}{AT_ONCE}{MOST_SAMPLES}{_SHOWN}".encode()).hexdigest()[:16]

    def make_ready(self) -> None:
        """It is here."""

    def work(self, order: Order) -> Outcome:
        """Sample and try."""
        path, task = order.repository / order.task.path, order.task
        original = path.read_text("utf-8")
        tried: set[str] = set()
        seeds = count()
        pool = ThreadPoolExecutor(AT_ONCE)
        with inside(order) as sandbox:
            messages = [{"role": "user", "content": _asked(order, self._failure(order, sandbox))}]
            while (seed := next(seeds)) < MOST_SAMPLES and order.left_s > 0:
                # The first alone: the likeliest reply, and the server then has the prompt in its cache.
                temperatures = (
                    {seed: 0.0} if seed == 0 else dict.fromkeys((seed, *islice(seeds, AT_ONCE - 1)), TEMPERATURE)
                )
                waiting = [pool.submit(ask, order, messages, *each, len(original)) for each in temperatures.items()]
                for each in as_completed(waiting):
                    code = _code(each.result())
                    if code is None or code in tried:
                        continue
                    tried.add(code)
                    path.write_text(code, "utf-8")
                    if order.left_s > 0 and _passes(order, sandbox):
                        # Requests that are under way are cancelled with their source.
                        pool.shutdown(wait=False, cancel_futures=True)
                        return Outcome(order.left_files(), f"{len(tried)} files were tried")
                    path.write_text(original, "utf-8")
        return Outcome({}, f"{len(tried)} files were tried, none of {task.path} holds")

    def _failure(self, order: Order, sandbox: Sandbox) -> str:
        words = order.task.command.split()[: -len(order.task.tests)] + list(order.task.failing)
        done = sandbox.run(Command(tuple(words)), _CHECK)
        return done.stdout.decode("utf-8", "replace")


_ASKED = """The file {path} has a bug. These tests fail by it:
{ids}

How they fail:
```
{failure}
```

The file {path}:
```python
{code}
```

Reply with the whole corrected file {path} in one fenced block, and nothing else. Change as little as possible.
"""


def _asked(order: Order, failure: str) -> str:
    task = order.task
    code = (order.repository / task.path).read_text("utf-8")
    return _ASKED.format(path=task.path, ids="\n".join(task.failing[:10]), failure=failure[-_SHOWN:], code=code)


def ask(order: Order, messages: Sequence[Mapping[str, str]], seed: int, temperature: float, length: int) -> str:
    """Ask the model once; return its text, "" where none came in time. `length` is that of the file in characters."""
    if order.left_s <= 1:
        return ""
    at = urlsplit(order.served.url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=order.left_s)
    body = {
        "model": order.model,
        "messages": messages,
        "temperature": temperature,
        "seed": seed,
        "max_tokens": length // 2 + 200,
    }
    try:
        connection.request(
            "POST", f"{at.path}/chat/completions", json.dumps(body), {"Content-Type": "application/json"}
        )
        response = connection.getresponse()
        document = json.loads(response.read())
        return str(document["choices"][0]["message"].get("content") or "") if response.status == 200 else ""
    except (OSError, ValueError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def _code(reply: str) -> str | None:
    """Return the longest fenced block of a reply, if it is Python."""
    found: list[str] = re.findall(r"```[\w.+-]*\n(.*?)^```", reply, re.DOTALL | re.MULTILINE)
    code = max(found, key=len, default="")
    try:
        compile(code, "reply", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    return code or None


def _passes(order: Order, sandbox: Sandbox) -> bool:
    return sandbox.run(Command(tuple(order.task.command.split())), Limits(wall_s=min(60.0, max(1.0, order.left_s)))).ok


@contextmanager
def inside(
    order: Order, shown: tuple[Path, ...] = (), environment: Mapping[str, str] | None = None
) -> Iterator[Sandbox]:
    """Open a sandbox for a solver: the repository, the model's socket, and `shown`; no network, nothing of the hidden tests."""
    base = Path(os.path.realpath(sys.base_prefix))
    root = Root(
        order.repository,
        order.repository,
        readonly=(Path(sys.base_prefix), base, *shown),
        writable=(order.served.directory,),
    )
    policy = Policy(hidden=(ROOT,), environment=environment or {})
    with (
        tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as scratch,
        LocalDriver(Path(scratch)).open(root, policy) as sandbox,
    ):
        yield sandbox


def last_line(done: Completed) -> str:
    """Return how a program ended, and the last thing it said."""
    lines = (done.stdout + b"\n" + done.stderr).decode("utf-8", "replace").split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"{done.ended} {done.exit_status}: {said[:200]}"
