"""What is odd in HTTP at the model door, byte by byte."""

from __future__ import annotations

import json
import socket

import pytest

from agents import MemoryWorkspace
from tests.agents.door.doorway import ASKED, Program, endpoint, hear, opened, replies
from tests.agents.models.server import serving


def exchange(program: Program, sent: bytes) -> bytes:
    """Send bytes as they stand, and return what comes until the connection ends."""
    with socket.create_connection(("127.0.0.1", program.port), timeout=10) as end:
        end.sendall(sent)
        end.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: end.recv(4096), b""))


@pytest.mark.parametrize(
    ("head", "answer"),
    [
        ("HEAD /v1/models HTTP/1.1", b""),
        ("CONNECT example.com:443 HTTP/1.1", b""),
        ("GET /v1/models HTTP/1.0", b"401"),
        ("GET http://example.com/ HTTP/1.1", b"401"),
        ("GET /v1/models HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade", b""),
        ("POST /v1/chat/completions HTTP/1.1\r\nContent-Length: -5", b"400"),
        ("POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: gzip", b"400"),
        ("\x16\x03\x01 no HTTP", b"400"),
        ("GET / HTTP/1.1\r\nX: " + "x" * 300_000, b"400"),
    ],
)
def test_what_is_odd_http_ends_a_connection_and_not_the_job(head: str, answer: bytes) -> None:
    with serving(replies("yes")) as server, opened(endpoint(server.url), MemoryWorkspace({})) as program:
        assert answer in exchange(program, f"{head}\r\nHost: x\r\n\r\n".encode("latin-1"))[:200]
        program.door.check(0.0)
        assert program.chat().status == 200


def test_requests_may_come_in_pieces_and_one_after_another_on_one_connection() -> None:
    body = json.dumps(ASKED).encode()
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:5], body[5:])) + b"0\r\n\r\n"
    with (
        serving(replies("yes")) as server,
        opened(endpoint(server.url), MemoryWorkspace({})) as program,
        socket.create_connection(("127.0.0.1", program.port), timeout=10) as end,
    ):
        common = f"Host: x\r\nAuthorization: Bearer {program.key}\r\n"
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\n{common}Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
        )
        end.sendall(head.encode())
        assert end.recv(4096).startswith(b"HTTP/1.1 100")
        end.sendall(chunked)
        hear(end, b'"yes"')
        end.sendall(f"GET /v1/models HTTP/1.1\r\n{common}\r\n".encode() * 2)
        hear(end, b"nightcrew", 2)
    assert len(server.asked) == 1
