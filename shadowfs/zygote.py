"""The zygote: a process that has everything imported and forks one server for each shadow, so that none waits for imports."""

from __future__ import annotations

import gc
import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any

from shadowfs import wire

Serve = Callable[[socket.socket, dict[str, Any]], None]
TryMount = Callable[[socket.socket, str], None]


def main(descriptor: int) -> None:
    """Fork servers as asked on a socket, until its other end closes."""
    # Servers are nobody's to wait for: their owners see them end by their control sockets.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    from shadowfs.server import serve, try_mount

    channel = socket.socket(fileno=descriptor)
    gc.collect()
    gc.freeze()
    gc.disable()
    while True:
        try:
            message, (control,) = wire.receive(channel)
        except EOFError:
            return
        if os.fork() == 0:
            channel.close()
            _end(serve, try_mount, socket.socket(fileno=control), message)
        os.close(control)


def _end(serve: Serve, try_mount: TryMount, control: socket.socket, message: dict[str, Any]) -> None:
    """Be a server, then end without whatever else a process does at its end."""
    try:
        if message["op"] == "try":
            try_mount(control, message["mnt"])
        else:
            serve(control, message["order"])
    except BaseException:  # noqa: BLE001 - a process boundary: the trace goes to the shadow's log
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)
