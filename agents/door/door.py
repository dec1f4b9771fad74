"""The door of one command: opened where its sandbox hands a listening socket out, served in a thread, closed with the command."""

from __future__ import annotations

import importlib.util
import os
import secrets
import select
import socket
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from agents.agent import Workspace
from agents.door.account import Account
from agents.door.limits import DoorLimits
from agents.models import Endpoint, ModelError, Trouble
from sandbox import Command, Process

GRACE_S = 15.0
"""A program that was refused a call for want of budget has this long to end by itself."""
_END_S = 60
"""A thread that has not ended by then is left behind."""

_LIBRARIES = ("httpx2", "h11")
_NAME = "nightcrew-door.py"
# Where no such Python is, the program starts without a door.
_ENTER = 'command -v "$0" >/dev/null && exec "$0" -I -S "$@"; shift; exec "$@"'
_KEYS = ("OPENAI_API_KEY", "LLM_API_KEY")
_NAMES = ("LLM_MODEL", "OPENAI_MODEL")


class Door:
    """Lets one command in the workspace's sandbox ask the model of `endpoint`, paid for out of the workspace's budget.

    Start what `through` returns, and give its channel to `admit`, or its process to `attend` four times a second. The
    program finds `OPENAI_BASE_URL`, `OPENAI_API_BASE` and `LLM_BASE_URL`, a key that opens this door alone
    (`OPENAI_API_KEY`, `LLM_API_KEY`) and the model's name (`LLM_MODEL`, `OPENAI_MODEL`). Use it as a context manager.
    """

    def __init__(self, endpoint: Endpoint, workspace: Workspace, limits: DoorLimits = DoorLimits()) -> None:
        """Raise `ModelError` where the libraries are missing that talk to a model."""
        missing = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
        if missing:
            raise ModelError(Trouble.NO_LIBRARY, f"the package `{missing[0]}` is not installed")
        self._endpoint = endpoint
        self._workspace = workspace
        self._limits = limits
        self._account = Account(endpoint, workspace, limits)
        self._token = f"door-{secrets.token_urlsafe(24)}"
        self._ours, self._theirs = socket.socketpair()
        self._opened = threading.Event()
        self._thread: threading.Thread | None = None
        self._listener: socket.socket | None = None

    @property
    def model(self) -> str:
        """Return the name by which the program asks for the model."""
        return self._endpoint.model

    @property
    def told(self) -> str:
        """Return in words what came of it: how many calls, and what went wrong last."""
        if self._thread is not None and not self._opened.is_set():
            return "it stayed closed: no python3 ran in the sandbox, or its engine passes no sockets on"
        return self._account.told

    def through(self, command: Command, python: str = "python3") -> Command:
        """Return a command that makes the model's address inside, with the sandbox's `python`, and becomes `command`."""
        source = (Path(__file__).parent / "inside" / "enter.py").read_bytes()
        file = self._workspace.sandbox.put(_NAME, source)
        given = dict.fromkeys(_KEYS, self._token) | dict.fromkeys(_NAMES, self.model)
        argv = ("sh", "-c", _ENTER, python, file, *command.argv)
        return replace(command, argv=argv, environment={**given, **command.environment})

    def admit(self, channel: socket.socket, wait_s: float = 0.0) -> bool:
        """Take the address off the first message of a command's channel; say whether it has come within `wait_s` seconds.

        What follows on the channel is between the caller and the program. Safe to repeat.
        """
        if self._thread is None:
            end = channel.dup()
            self._thread = threading.Thread(target=self._serve, args=(end,), name="model-door", daemon=True)
            self._thread.start()
        return self._opened.wait(wait_s)

    def attend(self, process: Process) -> None:
        """Open for a running command, and raise what ends it."""
        self.admit(process.channel)
        self.check()

    def check(self, grace_s: float = GRACE_S) -> None:
        """Raise what the job is to end with: a stop at once, `OutOfBudget` once the program had `grace_s` seconds."""
        self._account.check(grace_s)

    def close(self) -> None:
        """End calls under way, which are paid for as far as they came, and stop listening. Safe to call twice."""
        self._ours.close()
        if self._thread is None or self._ended(self._thread):
            self._theirs.close()
            if self._listener is not None:
                self._listener.close()

    def _ended(self, thread: threading.Thread) -> bool:
        """Wait for the thread; say whether it has ended."""
        for _ in range(_END_S):
            if self._listener is not None:
                # Hostile code can have it wait in accept(), which nothing else ends; what still lives there can listen anew.
                with suppress(OSError):
                    self._listener.shutdown(socket.SHUT_RDWR)
            thread.join(1.0)
            if not thread.is_alive():
                return True
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _serve(self, channel: socket.socket) -> None:
        with channel:
            self._listener = listener = self._received(channel)
        if listener is None:
            return
        self._opened.set()
        # Nothing is imported for a program that never asks.
        if self._theirs in select.select([listener, self._theirs], [], [])[0]:
            return
        from agents.door.server import serve

        serve(listener, self._theirs, self._endpoint, self._account, self._limits, self._token)

    def _received(self, channel: socket.socket) -> socket.socket | None:
        """Wait for the listening socket; None where the door is closed before, or something else comes."""
        if self._theirs in select.select([channel, self._theirs], [], [])[0]:
            return None
        descriptors: list[int] = []
        with suppress(ConnectionError):
            _, descriptors, _, _ = socket.recv_fds(channel, 1, 1, socket.MSG_CMSG_CLOEXEC)
        return _listening(descriptors[0]) if descriptors else None


def _listening(descriptor: int) -> socket.socket | None:
    """Return what was received where it is a socket that listens for TCP; close anything else."""
    try:
        received = socket.socket(fileno=descriptor)
    except OSError:
        os.close(descriptor)
        return None
    listens = received.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    kind = received.family, received.type, received.proto, listens
    if kind == (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, 1):
        return received
    received.close()
    return None
