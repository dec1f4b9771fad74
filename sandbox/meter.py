"""Meter the processes of a command with psutil: CPU, memory, number; and say when a limit is passed."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

from sandbox.sandbox import Ended, Limits

_FASTEST_S = 0.025
_SLOWEST_S = 0.25


def descendants(pid: int) -> list[psutil.Process]:
    """Return the living processes below process `pid`, without looking at every process of the machine where possible."""
    try:
        if not Path(f"/proc/{pid}/task/{pid}/children").exists():
            return psutil.Process(pid).children(recursive=True)
    except (psutil.Error, ProcessLookupError):
        return []
    found: list[psutil.Process] = []
    waiting = [pid]
    while waiting:
        for child in _children(waiting.pop()):
            waiting.append(child)
            with suppress(psutil.Error):
                found.append(psutil.Process(child))
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (thread / "children").read_bytes().split())
    return children


class Meter:
    """Samples a command's processes, the more often the nearer it is to a limit."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.cpu_s = 0.0
        self.peak_bytes = 0
        self.peak_processes = 0
        self.pause_s = 2 * _FASTEST_S

    def sample(self, processes: list[psutil.Process]) -> tuple[Ended, str] | None:
        """Measure `processes`; return how the command is to be ended, and why, when it has passed a limit."""
        cpu_s, used_bytes = 0.0, 0
        for process in processes:
            with suppress(psutil.Error), process.oneshot():
                times = process.cpu_times()
                cpu_s += times.user + times.system + times.children_user + times.children_system
                memory = process.memory_info()
                # Pages of files and shared memory are counted by whoever maps them: leave them out of the sum.
                used_bytes += max(memory.rss - memory.shared, 0)
        return self.took(cpu_s, used_bytes, len(processes))

    def took(self, cpu_s: float, used_bytes: int, processes: int) -> tuple[Ended, str] | None:
        """Take note of a measurement that somebody else made; return as `sample` does."""
        self.cpu_s = max(self.cpu_s, cpu_s)
        self.peak_bytes = max(self.peak_bytes, used_bytes)
        self.peak_processes = max(self.peak_processes, processes)
        self._set_pause(used_bytes, processes)
        return self._passed(used_bytes, processes)

    def _set_pause(self, used_bytes: int, processes: int) -> None:
        near = (
            processes > (self._limits.processes or processes) // 4
            or used_bytes > (self._limits.memory_bytes or used_bytes) // 2
        )
        self.pause_s = _FASTEST_S if near else min(self.pause_s * 1.5, _SLOWEST_S)

    def _passed(self, used_bytes: int, processes: int) -> tuple[Ended, str] | None:
        limits = self._limits
        if limits.memory_bytes is not None and used_bytes > limits.memory_bytes:
            return Ended.OUT_OF_MEMORY, f"its processes held {used_bytes} bytes; the limit is {limits.memory_bytes}"
        if limits.processes is not None and processes > limits.processes:
            return Ended.TOO_MANY_PROCESSES, f"it had {processes} processes; the limit is {limits.processes}"
        if limits.cpu_s is not None and self.cpu_s > limits.cpu_s:
            return Ended.TIMED_OUT, f"it used {self.cpu_s:.1f} s of CPU; the limit is {limits.cpu_s:g} s"
        return None
