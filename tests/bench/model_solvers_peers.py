"""Other people's agents on a task, as their own documents recommend for models without tools, in environments of their own.

They run in a sandbox without a network, started again on what they left while tests fail and time is left. Their files count as they are at its end.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox import Command, Ended, Limits
from tests.bench.model_edits import peers_environment
from tests.bench.model_solvers import Order, Outcome, inside, last_line
from tests.bench.model_tasks import CACHE

PORT = 8787
URL = f"http://127.0.0.1:{PORT}/v1"
RELAY = Path(__file__).with_name("model_relay.py")
_STARTS = 5
_LEAST_S = 10.0
_MEMORY = 8 << 30
COMMON = {
    "OPENAI_API_KEY": "none",
    "OPENAI_API_BASE": URL,
    "OPENAI_BASE_URL": URL,
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "COLUMNS": "200",
}


@dataclass(frozen=True, slots=True)
class Peer:
    """A program that works in the repository. In its words `TEXT`, `MODEL`, `FILE` and `TESTS` stand for what the task says."""

    name: str
    requirements: tuple[str, ...]
    program: str
    words: tuple[str, ...]
    environment: Mapping[str, str]
    apart: tuple[str, ...] = ()
    """Requirements that are installed without what they depend on."""
    shared: Callable[[], Path] | None = None
    """What makes, and returns the interpreter of, an environment that another benchmark has too."""

    @property
    def edition(self) -> str:
        """Return a hash of what is installed and how it is started."""
        said = repr(
            (
                self.requirements,
                self.apart,
                self.program,
                self.words,
                sorted({**COMMON, **self.environment}.items()),
                _STARTS,
            )
        )
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    @property
    def place(self) -> Path:
        """Return its environment."""
        return CACHE.parent / f"solver-{self.name}" if self.shared is None else self.shared().parent.parent

    def make_ready(self) -> None:
        """Make its environment once."""
        ready = self.place / "ready"
        if self.shared is not None:
            return
        if ready.exists() and ready.read_text("utf-8") == repr((self.requirements, self.apart)):
            return
        subprocess.run([sys.executable, "-m", "venv", "--clear", self.place], check=True)
        for words in (self.requirements, ("--no-deps", *self.apart) if self.apart else ()):
            if words:
                pip = [
                    str(self.place / "bin" / "python"),
                    "-m",
                    "pip",
                    "-q",
                    "--disable-pip-version-check",
                    "install",
                    *words,
                ]
                subprocess.run(pip, check=True, capture_output=True, timeout=1800)
        ready.write_text(repr((self.requirements, self.apart)), "utf-8")

    def work(self, order: Order) -> Outcome:
        """Start it, and start it again on what it left while it helps."""
        said, starts = "", 0
        path = {"PATH": f"{order.repository}/.venv/bin:/usr/local/bin:/usr/bin:/bin"}
        with inside(order, (self.place,), {**COMMON, **self.environment, **path}) as sandbox:
            relay = sandbox.put("relay.py", RELAY.read_bytes())
            program = str(self.place / "bin" / self.program)
            python = str(self.place / "bin" / "python")
            socket = str(order.served.directory / "model")
            command = Command((python, "-I", relay, socket, str(PORT), python, program, *self._told(order)))
            while starts < _STARTS and order.left_s > _LEAST_S:
                starts += 1
                done = sandbox.run(command, Limits(wall_s=order.left_s, memory_bytes=_MEMORY))
                said = last_line(done)
                if done.ended is not Ended.EXITED:
                    break
                check = Limits(wall_s=max(1.0, min(60.0, order.left_s)))
                if sandbox.run(Command(tuple(order.task.command.split())), check).ok:
                    break
        return Outcome(order.left_files(), said, starts)

    def _told(self, order: Order) -> tuple[str, ...]:
        given = {
            "TEXT": order.task.text,
            "MODEL": f"openai/{order.model}",
            "FILE": order.task.path,
            "TESTS": f"cd {order.repository} && {order.task.command}",
        }
        return tuple(given.get(word, word) for word in self.words)


MINI = Peer(
    "mini",
    ("pyyaml", "requests", "jinja2", "pydantic>=2", "litellm==1.81.10", "tenacity", "rich", "python-dotenv", "typer", "platformdirs",
     "prompt_toolkit", "openai==2.20.0"),
    "mini",
    ("-c", "mini_textbased.yaml", "-c", "model.cost_tracking=ignore_errors", "-m", "MODEL", "--model-class", "litellm_textbased",
     "-t", "TEXT", "--yolo", "--exit-immediately", "--cost-limit", "0", "-o", "/tmp/mini.json"),
    {"MSWEA_CONFIGURED": "true", "MSWEA_SILENT_STARTUP": "1", "MSWEA_GLOBAL_CONFIG_DIR": "/tmp/mini"},
    apart=("mini-swe-agent==2.4.6",),
)  # fmt: skip
"""Its text-based configuration (`mini_textbased.yaml`), which it has for models without tools, at the server's own temperature."""

AIDER = Peer(
    "aider",
    ("aider-chat==0.86.2",),
    "aider",
    ("--model", "MODEL", "--edit-format", "whole", "--message", "TEXT", "--auto-test", "--test-cmd", "TESTS", "--yes-always", "--no-git",
     "--map-tokens", "0", "--no-stream", "--no-pretty", "--no-fancy-input", "--no-check-update", "--no-show-model-warnings",
     "--no-show-release-notes", "--no-suggest-shell-commands", "--no-detect-urls", "--no-analytics", "--no-gitignore", "FILE"),
    {},
    shared=peers_environment,
)  # fmt: skip
"""Whole files, as it takes them for a model it has no settings for and recommends for weak ones; the file with the bug is in its chat."""
