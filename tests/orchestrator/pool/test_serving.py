"""A client's connection is bounded before anybody knows whose it is."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from orchestrator.pool.serving import Connection
from tests.orchestrator.pool.standins import Fronting

MOST = 1 << 20
"""Far more than the limit and than what sockets hold by themselves."""


@pytest.fixture
def held(front: Fronting) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", front.port), 30) as connection:
        yield connection


def is_cut_off(connection: socket.socket, piece: bytes, times: int) -> bool:
    """Say whether the other side ends the connection while it is sent this so often."""
    try:
        for _ in range(times):
            connection.sendall(piece)
        connection.settimeout(1.0)
        while connection.recv(1000):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize(
    ("begun", "piece"),
    [
        (b"GET /health HTTP/1.1\r\n", b"x: y\r\n" * 1000),
        (b"GET /health HTTP/1.1\r\nx: ", b"y" * 8000),
        (b"GET /", b"y" * 8000),
        (b"POST /v1/models HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n" * 1000),
    ],
    ids=["headers", "header", "path", "trailers"],
)
def test_headers_have_an_end(begun: bytes, piece: bytes, held: socket.socket) -> None:
    held.sendall(begun)
    assert is_cut_off(held, piece, MOST // len(piece))


def test_a_long_body_has_no_headers(held: socket.socket) -> None:
    held.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % MOST)
    held.sendall(b" " * MOST)
    assert held.recv(100).startswith(b"HTTP/1.1 400")


def test_headers_that_do_not_come_are_given_up(front: Fronting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "head_s", 0.3)
    with ExitStack() as opened:
        silent, slow, second = (
            opened.enter_context(socket.create_connection(("127.0.0.1", front.port), 30)) for _ in range(3)
        )
        slow.sendall(b"GET /health HTTP/1.1\r\nHo")
        second.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        while not second.recv(1000).endswith(b"{}"):
            pass
        time.sleep(0.5)
        second.sendall(b"GET /health HTTP/1.1\r\nHo")
        assert [each.recv(1) for each in (silent, slow, second)] == [b"", b"", b""]


def test_connections_are_so_many_and_not_one_more(front: Fronting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "most", 2)
    with ExitStack() as opened:
        for _ in range(2):
            kept = opened.enter_context(socket.create_connection(("127.0.0.1", front.port), 30))
            kept.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert kept.recv(1000).startswith(b"HTTP/1.1 200")
        third = opened.enter_context(socket.create_connection(("127.0.0.1", front.port), 30))
        assert is_cut_off(third, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", 1)
