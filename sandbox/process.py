"""A running command: pumps its output, meters it, holds it to its limits, and leaves nothing of it behind.

One thread drives one command from start to end: bubblewrap's tie to its parent is a tie to the thread that started it.
"""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Self

from sandbox.cage import Cage, Launch, Started, Verdict
from sandbox.errors import SandboxError
from sandbox.meter import Meter
from sandbox.output import Output
from sandbox.quota import Room
from sandbox.sandbox import Completed, Ended, Limits, Usage

_CHUNK_BYTES = 1 << 16
_RETRY_S = 0.01
_UNKILLABLE_S = 20.0


class Running:
    """A command under way; `sandbox.Process` for whoever started it."""

    def __init__(
        self,
        launch: Launch,
        cage: Cage,
        limits: Limits,
        quota: Room,
        channel: socket.socket | None = None,
        finished: Callable[[Running], None] = lambda _: None,
        meter: Meter | None = None,
    ) -> None:
        self._launch = launch
        self._cage = cage
        self._limits = limits
        self._quota = quota
        self._channel = channel
        self._finished = finished
        self._meter = meter or Meter(limits)
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._lock = threading.Lock()
        self._forced: Verdict | None = None
        self._killed_at: float | None = None
        self._done = threading.Event()
        self._completed: Completed | None = None
        self._error: Exception | None = None

    @property
    def channel(self) -> socket.socket:
        """The host's end of the command's channel. Raises `SandboxError` for a command that was not given one."""
        if self._channel is None:
            raise SandboxError("this command has no channel: use start() instead of run()")
        return self._channel

    @property
    def completed(self) -> Completed | None:
        """How it ended, None while it runs."""
        return self._completed

    @property
    def over(self) -> bool:
        """Whether it has ended, or could not be started."""
        return self._done.is_set()

    def begin(self) -> Self:
        """Drive the command in a thread of its own."""
        threading.Thread(target=self._drive_quietly, name="sandbox-command", daemon=True).start()
        return self

    def drive(self) -> Completed:
        """Run the command to its end in this thread. Raises `SandboxError` when it could not be set up."""
        try:
            self._completed = self._run()
            return self._completed
        except (SandboxError, OSError) as error:
            self._error = error
            raise
        finally:
            self._cage.close()
            with self._lock:
                os.close(self._wake)
                self._wake = -1
            self._done.set()
            self._finished(self)

    def wait(self, timeout_s: float | None = None) -> Completed | None:
        """Wait for the end; None when `timeout_s` passes first."""
        if not self._done.wait(timeout_s):
            return None
        if self._completed is None:
            raise SandboxError(f"the command could not be run: {self._error or 'interrupted'}") from self._error
        return self._completed

    def stop(self) -> Completed:
        """End the command and everything it started, now."""
        self._force(Verdict(Ended.STOPPED, why="stopped by its caller"))
        with self._lock:
            if self._wake >= 0:
                os.eventfd_write(self._wake, 1)
        completed = self.wait()
        assert completed is not None
        return completed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if not self._done.is_set():
            with suppress(SandboxError):
                self.stop()
        if self._channel is not None:
            self._channel.close()

    def _drive_quietly(self) -> None:
        # `wait` raises the error again, to whoever waits.
        with suppress(SandboxError, OSError):
            self.drive()

    def _force(self, verdict: Verdict) -> None:
        with self._lock:
            self._forced = self._forced or verdict

    def _run(self) -> Completed:
        began = time.monotonic()
        outputs = Output(self._limits.output_bytes), Output(self._limits.output_bytes)
        with ExitStack() as stack:
            started = self._launch.start(stack)
            self._cage.spawned(started.pid)
            stack.callback(self._end_all)
            cpu_s, exit_code = self._watch(started, outputs, began)
        stdout, stdout_dropped = outputs[0].finish()
        stderr, stderr_dropped = outputs[1].finish()
        verdict = self._forced or self._cage.verdict(exit_code, stderr)
        usage = Usage(
            time.monotonic() - began,
            max(cpu_s, self._meter.cpu_s),
            self._meter.peak_bytes,
            max(self._meter.peak_processes, 1),
        )
        dropped = stdout_dropped + stderr_dropped
        return Completed(verdict.ended, verdict.exit_status, stdout, stderr, dropped, verdict.why, usage)

    def _watch(self, started: Started, outputs: tuple[Output, Output], began: float) -> tuple[float, int]:
        """Serve the command until its first process ends; return the CPU seconds and exit code of that."""
        with selectors.DefaultSelector() as selector:
            selector.register(started.exited, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            for pipe, output in zip(started.outputs, outputs, strict=True):
                selector.register(pipe, selectors.EVENT_READ, output.add)
            for descriptor, heard in self._cage.listens.items():
                selector.register(descriptor, selectors.EVENT_READ, heard)
            self._serve(selector, started.exited, began)
        result = started.collect()
        self._look_for_refusal()
        self._end_all()
        for pipe, output in zip(started.outputs, outputs, strict=True):
            while data := _read(pipe):
                output.add(data)
        return result

    def _serve(self, selector: selectors.BaseSelector, exited: int, began: float) -> None:
        deadline = None if self._limits.wall_s is None else began + self._limits.wall_s
        sample_at = began + self._meter.pause_s
        while True:
            now = time.monotonic()
            if deadline is not None and now >= deadline:
                self._force(Verdict(Ended.TIMED_OUT, why=f"it ran for {self._limits.wall_s:g} s"))
                deadline = None
            if now >= sample_at:
                self._sample()
                sample_at = time.monotonic() + self._meter.pause_s
            if self._forced is not None:
                sample_at = min(sample_at, now + self._kill(now))
            due = sample_at if deadline is None else min(sample_at, deadline)
            for key, _ in selector.select(max(due - time.monotonic(), 0)):
                if key.fd == exited:
                    return
                if key.fd == self._wake:
                    os.eventfd_read(self._wake)
                elif data := _read(key.fd):
                    key.data(data)
                else:
                    selector.unregister(key.fd)

    def _sample(self) -> None:
        passed = self._meter.sample(self._cage.members())
        if passed is not None:
            self._force(Verdict(passed[0], why=passed[1]))
        self._look_for_refusal()
        if (full := self._quota.passed()) is not None:
            self._force(Verdict(Ended.OUT_OF_SPACE, why=full))

    def _look_for_refusal(self) -> None:
        # Processes that live for a moment fill the kernel's limit without the meter ever seeing many of them.
        if self._cage.refused():
            why = f"the kernel refused it one more process or thread; the limit is {self._limits.processes} processes"
            self._force(Verdict(Ended.TOO_MANY_PROCESSES, why=why))

    def _kill(self, now: float) -> float:
        """Kill what runs; return the seconds until it is worth trying again. Raises `SandboxError` when it does not die."""
        self._killed_at = self._killed_at or now
        if now - self._killed_at > _UNKILLABLE_S:
            raise SandboxError(f"processes of {self._launch.name} do not end although killed: see `ps` for state D")
        return _RETRY_S if not self._cage.kill() else 10 * _RETRY_S

    def _end_all(self) -> None:
        if not self._cage.settle(_UNKILLABLE_S):
            raise SandboxError("processes of the command do not end although killed: see `ps` for state D")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _CHUNK_BYTES)
    except (BlockingIOError, ConnectionResetError):
        return b""
