"""Drives pyfuse3 on one thread: the kernel's requests and, between two of them, the owner's on a control socket.

`sync` replaces trio under pyfuse3 by one blocking poll: no scheduler, no locks, half the time per request. `trio` is the
fallback should a pyfuse3 come that does not work so. Both end when the control socket asks for it or the mount is gone.
"""

from __future__ import annotations

import select
from collections.abc import Awaitable, Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pyfuse3

Control = Callable[[], bool]
"""Serves one request on the control socket; says whether to go on."""


def drive(loop: str, control: int, serve: Control) -> None:
    """Serve the mount until `serve` says no, or the kernel ends it; `control` is the socket's descriptor."""
    if loop == "trio":
        _drive_trio(control, serve)
        return
    standin = _Standin(control, serve)
    kept = pyfuse3.trio  # type: ignore[attr-defined]
    pyfuse3.trio = standin.module()  # type: ignore[attr-defined]
    try:
        _run(pyfuse3.main(1, 1))
    finally:
        pyfuse3.trio = kept  # type: ignore[attr-defined]


class _Standin:
    """What pyfuse3 uses of trio, for a loop with one task that never suspends."""

    def __init__(self, control: int, serve: Control) -> None:
        self._control = control
        self._serve = serve
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._watched = -1

    def module(self) -> SimpleNamespace:
        """Return it in the shape of the module."""
        lowlevel = SimpleNamespace(
            current_trio_token=lambda: None,
            current_task=lambda: SimpleNamespace(name="shadowfs"),
            wait_readable=self._wait_readable,
            notify_closing=lambda _: None,
        )
        return SimpleNamespace(
            lowlevel=lowlevel, open_nursery=_Nursery, Lock=_Lock, ClosedResourceError=_Closed, from_thread=None
        )

    async def _wait_readable(self, fd: int) -> None:
        if fd != self._watched:
            self._poll.register(fd, select.POLLIN)
            self._watched = fd
        while True:
            ready = self._poll.poll()
            if any(at == self._control for at, _ in ready):
                if not self._serve():
                    raise _Closed
                continue
            return


class _Closed(Exception):
    """Raised when the loop is to end."""


class _Lock:
    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *exc: object) -> None:
        pass


class _Nursery:
    """Runs what was started when it is left."""

    def __init__(self) -> None:
        self._started: list[Awaitable[None]] = []

    async def __aenter__(self) -> _Nursery:
        return self

    def start_soon(self, function: Callable[..., Awaitable[None]], *arguments: Any, **_named: str) -> None:
        """Remember a task."""
        self._started.append(function(*arguments))

    async def __aexit__(self, *exc: object) -> None:
        for task in self._started:
            await task


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise RuntimeError("a handler suspended: with the sync loop none may; use the trio loop")


def _drive_trio(control: int, serve: Control) -> None:
    import trio

    async def listen(scope: trio.CancelScope) -> None:
        while True:
            await trio.lowlevel.wait_readable(control)
            if not serve():
                scope.cancel()
                return

    async def both() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen, nursery.cancel_scope)
            await pyfuse3.main(1, 1)
            nursery.cancel_scope.cancel()

    trio.run(both)
