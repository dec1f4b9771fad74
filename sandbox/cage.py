"""The Protocol between a running command and the means that hold its processes together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import psutil

from sandbox.sandbox import Ended


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start on the host: arguments, environment, standard input, further descriptors to hand down.

    The descriptors, standard input too, are closed here once it has started.
    """

    argv: tuple[str, ...]
    environment: dict[str, str]
    stdin: int
    descriptors: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a command ended, its exit status where it exited, and why where that is not plain."""

    ended: Ended
    exit_status: int | None = None
    why: str = ""


class Cage(Protocol):
    """Holds the processes of one command together: finds them all and ends them all."""

    @property
    def listens(self) -> Mapping[int, Callable[[bytes], None]]:
        """Descriptors to read from while the command runs, each with who takes what comes."""
        ...

    def spawned(self, pid: int) -> None:
        """Take note of the process that was started."""
        ...

    def members(self) -> list[psutil.Process]:
        """Return the command's living processes."""
        ...

    def kill(self) -> bool:
        """Kill all processes; False while they cannot be found yet. May be called again and again."""
        ...

    def settle(self, timeout_s: float) -> bool:
        """Make sure that nothing is left after the first process has ended; False when `timeout_s` passes first."""
        ...

    def verdict(self, exit_code: int, stderr: bytes) -> Verdict:
        """Read the end out of the first process's exit code (negative for a signal). Raises `SandboxError`."""
        ...

    def close(self) -> None:
        """Close its descriptors."""
        ...
