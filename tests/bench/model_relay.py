"""Runs inside a sandbox without a network: passes a port of loopback on to a Unix socket, starts a command, and ends with it.

`python model_relay.py SOCKET PORT COMMAND…`. Standard library only.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading


def main(place: str, port: int, command: list[str]) -> int:
    """Relay until the command ends; return its exit status."""
    listening = socket.create_server(("127.0.0.1", port))
    threading.Thread(target=_accept, args=(listening, place), daemon=True).start()
    return subprocess.run(command, check=False).returncode


def _accept(listening: socket.socket, place: str) -> None:
    while True:
        client, _ = listening.accept()
        model = socket.socket(socket.AF_UNIX)
        model.connect(place)
        for one, other in ((client, model), (model, client)):
            threading.Thread(target=_pump, args=(one, other), daemon=True).start()


def _pump(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        one.close()
        other.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
