"""A socket between a driver and the engine, for tests: it counts what passes, and can be taken away."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path


class Between:
    """A socket between the driver and the engine, which can be taken away."""

    def __init__(self, path: Path) -> None:
        self.address = f"unix://{path}"
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        self._path = path
        self._pairs: list[socket.socket] = []
        self.sent = 0
        """The bytes that went to the engine."""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._server.accept()[0]
                engine = socket.socket(socket.AF_UNIX)
                engine.connect("/var/run/docker.sock")
                self._pairs += [client, engine]
                for source, target in ((client, engine), (engine, client)):
                    threading.Thread(target=self._pass, args=(source, target, source is client), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, there: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self.sent += len(data) if there else 0
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def go(self) -> None:
        """Go away, with all connections."""
        self._path.unlink()
        for each in (self._server, *self._pairs):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
