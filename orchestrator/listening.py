"""A socket at an address that somebody configured."""

from __future__ import annotations

import socket

from orchestrator.errors import BadConfig


def bound(host: str, port: int, otherwise: str) -> socket.socket:
    """Return a socket that is bound there, at any free port where `port` is 0. Raises `BadConfig`, which says `otherwise`, where that cannot be."""
    try:
        family, kind, protocol, _, at = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(at)
    except OSError as error:
        why = f"{host}:{port} cannot be listened at ({error.strerror or error})"
        raise BadConfig(f"{why}: {otherwise}") from error
    return listening
