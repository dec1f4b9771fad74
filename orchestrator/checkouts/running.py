"""Running a set-up: in a sandbox on the checkout alone, with the network and the secrets that it may have, within time and room. Its output is kept."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.checkouts.errors import SetupFailed
from orchestrator.checkouts.plan import Action, Plan
from orchestrator.checkouts.secrets import forms, masked
from orchestrator.plain import one_line
from sandbox import Command, Completed, Ended, Limits, Policy, Process, Root, Sandbox, SandboxDriver, Toolchain

_LOOK_S = 0.5
_MEASURE_S = 5.0
_BLOCK_BYTES = 512
_LIMITS = Limits(memory_bytes=8 << 30, address_bytes=1 << 40, processes=1024, file_bytes=4 << 30, tmp_bytes=8 << 30)
"""Generous: compilers and package managers run here. Wall clock and room are the plan's."""
_PROXIES = tuple(
    name for scheme in ("http", "https", "all", "no") for name in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY")
)
_TOGETHER = ("/bin/sh", "-c", 'exec "$@" 2>&1', "sh")
_NAME_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a set-up runs: the files of `source`, seen at `target`, with a git directory of its own that borrows from `objects`."""

    source: Path
    target: Path
    git_dir: Path
    objects: Path
    hidden: tuple[Path, ...]
    limit_bytes: int


@dataclass(frozen=True, slots=True)
class Setup:
    """A set-up that is to be run. `environ` is what proxies are taken from; the output goes to `log`."""

    plan: Plan
    secrets: Mapping[str, str]
    tools: Toolchain
    environ: Mapping[str, str]
    driver: SandboxDriver
    log: Path
    told: Callable[[str], None]
    stopping: Callable[[], None]

    def run(self, ground: Ground) -> None:
        """Run all actions, one after the other. Raises `SetupFailed`, and what `stopping` raises."""
        self.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        ends = time.monotonic() + self.plan.seconds
        self._write(f"set-up of {self.plan.source}\n".encode(), fresh=True)
        for left_out in self.plan.left_out:
            self._write(f"left out: {left_out}\n".encode())
        with self.driver.open(self._root(ground), self._policy(ground)) as sandbox:
            for action in self.plan.actions:
                self.told(one_line(action.name, _NAME_CHARACTERS))
                self._write(f"\n$ {action.name}\n".encode(errors="replace"))
                self._check(action, self._ran(sandbox, action, ground, ends - time.monotonic()))

    def note(self, text: str) -> None:
        """Write something into the log, and tell it."""
        self._write(f"\nnightcrew: {text}\n".encode(errors="replace"))
        self.told(one_line(text, 400))

    def _root(self, ground: Ground) -> Root:
        readonly = (ground.objects, *self.tools.readonly)
        return Root(ground.source, ground.target, readonly=readonly, writable=(ground.git_dir,))

    def _policy(self, ground: Ground) -> Policy:
        proxies = {name: self.environ[name] for name in _PROXIES if name in self.environ}
        given = {name: self.secrets[name] for name in self.plan.secrets}
        workspace = {"GITHUB_WORKSPACE": str(ground.target)}
        variables = {**self.tools.environment, **workspace, **(proxies if self.plan.network else {}), **given}
        return Policy(network=self.plan.network, hidden=ground.hidden, environment=variables)

    def _ran(self, sandbox: Sandbox, action: Action, ground: Ground, left_s: float) -> Completed:
        given = {variable: self.secrets[name] for variable, name in action.secrets.items()}
        command = Command((*_TOGETHER, *action.argv), action.directory, {**action.environment, **given})
        limits = replace(_LIMITS, wall_s=max(left_s, _LOOK_S))
        with sandbox.start(command, limits) as process:
            return self._watched(process, ground)

    def _watched(self, process: Process, ground: Ground) -> Completed:
        """Wait for a command, within the room that the checkout may take."""
        measured = time.monotonic()
        while (completed := process.wait(_LOOK_S)) is None:
            self.stopping()
            if time.monotonic() - measured > _MEASURE_S:
                self._check_room(ground)
                measured = time.monotonic()
        self._write(masked(completed.stdout, forms(self.secrets)))
        self._check_room(ground)
        return completed

    def _check_room(self, ground: Ground) -> None:
        taken = bytes_below(ground.source)
        if taken > ground.limit_bytes:
            raise self._failed(
                f"it makes more than {ground.limit_bytes >> 20:,} MB: have it make less, or raise `checkout_mb` of its forge in config.toml"
            )

    def _check(self, action: Action, completed: Completed) -> None:
        if completed.ok:
            return
        if completed.ended is Ended.TIMED_OUT:
            raise self._failed(
                f"it took more than {self.plan.seconds:.0f} s: raise `seconds` under [setup] in its nightcrew.toml, or have it do less"
            )
        how = f"exited with {completed.exit_status}" if completed.ended is Ended.EXITED else str(completed.ended)
        raise self._failed(
            f"`{one_line(action.name, _NAME_CHARACTERS)}` {how}{f' ({completed.why})' if completed.why else ''}"
        )

    def _failed(self, why: str) -> SetupFailed:
        self._write(f"\nnightcrew: {why}\n".encode(errors="replace"))
        return SetupFailed(
            f"the set-up of {self.plan.source} failed: {why}. Its output is in {self.log}. Once it is mended at the forge, resume the ticket"
        )

    def _write(self, data: bytes, *, fresh: bool = False) -> None:
        with self.log.open("wb" if fresh else "ab") as file:
            file.write(data)


def bytes_below(folder: Path) -> int:
    """Return how much room a folder takes; what moves meanwhile is counted as it was seen, or not."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(f"{place}/{name}").st_blocks * _BLOCK_BYTES
    return total
