"""The zygote: a process that has everything imported and forks one server for each shadow, so that none waits for imports."""

from __future__ import annotations

import gc
import importlib
import os
import resource
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from shadowfs import wire
from shadowfs.pintable import PinTable
from shadowfs.secrets import hiding


def main(descriptor: int) -> None:
    """Fork servers as asked on a socket, until its other end closes."""
    # Servers are nobody's to wait for: their owners see them end by their control sockets.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    importlib.import_module("shadowfs.server")
    # Compiles patterns that every server then finds compiled.
    hiding()
    channel = socket.socket(fileno=descriptor)
    tables = _Tables()
    # What lives here lives for good; a collection in a server would only unshare its memory.
    gc.collect()
    gc.disable()
    while True:
        try:
            message, (control,) = wire.receive(channel)
        except EOFError:
            return
        table = tables.load(message["order"]["pin"]) if message["op"] == "serve" else None
        if os.fork() == 0:
            channel.close()
            _be_server(socket.socket(fileno=control), message, table)
        os.close(control)


class _Tables:
    """Keeps the pin table of the last shadow: a job makes several of one pin, which then share its memory."""

    def __init__(self) -> None:
        self._pin = ""
        self._table: PinTable | None = None

    def load(self, pin: str) -> PinTable | None:
        """Return the table; None where it cannot be read, which the server finds out and tells."""
        if pin != self._pin or self._table is None:
            self._pin = pin
            try:
                self._table = PinTable.load(Path(pin))
            except (OSError, ValueError, EOFError, TypeError):
                self._table = None
        return self._table


def _be_server(owner: socket.socket, message: dict[str, Any], table: PinTable | None) -> NoReturn:
    """Be a server, then end without whatever else a process does at its end."""
    from shadowfs.server import serve, try_mount

    try:
        if message["op"] == "serve":
            serve(owner, message["order"], table)
        else:
            try_mount(owner, message["mnt"])
    except BaseException:  # noqa: BLE001 - a process boundary: the trace goes to the shadow's log
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)
