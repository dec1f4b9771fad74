"""A door that is open, and a program's side of it: what asks there, by http.client, as a program in a sandbox would."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from agents import Endpoint, MemoryWorkspace, Patience
from agents.door import Door, DoorLimits
from agents.models import Key
from sandbox import Command
from tests.agents.models.server import Answer

KEY = "sk-very-secret-words"
HASTY = Patience(connect_s=2.0, first_s=0.3, idle_s=0.3)
USAGE = {"prompt_tokens": 100, "completion_tokens": 10}
ASKED: Mapping[str, object] = {"model": "test", "messages": [{"role": "user", "content": "hello"}]}


def body_of(**given: object) -> bytes:
    return json.dumps({**ASKED, **given}).encode()


def endpoint(url: str, **more: Any) -> Endpoint:
    return Endpoint("local", url, "test", Key(KEY), **more)


@dataclass(frozen=True)
class Said:
    """A reply as a program sees it."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.document["error"]

    @property
    def events(self) -> list[str]:
        return [part.removeprefix("data: ") for part in self.body.decode().split("\n\n") if part]


@dataclass(frozen=True)
class Program:
    """What a program holds: an address, a key, and what listens there, which it can keep."""

    port: int
    key: str
    door: Door
    listener: socket.socket

    def request(self, method: str, path: str, body: bytes | None = None, key: str | None = None) -> Said:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            headers = {"Authorization": f"Bearer {self.key if key is None else key}"}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Said(
                response.status, response.read(), {name.lower(): value for name, value in response.getheaders()}
            )
        finally:
            connection.close()

    def chat(self, **given: object) -> Said:
        return self.request("POST", "/v1/chat/completions", body_of(**given))

    def ask(self, **given: object) -> socket.socket:
        """Send a call and do not wait for its reply."""
        end = socket.create_connection(("127.0.0.1", self.port))
        body = body_of(**given)
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.key}\r\nContent-Length: {len(body)}\r\n\r\n"
        end.sendall(head.encode() + body)
        return end


@contextmanager
def opened(given: Endpoint, workspace: MemoryWorkspace, limits: DoorLimits = DoorLimits()) -> Iterator[Program]:
    """Open a door, and hand a listening socket over as what runs inside does."""
    with Door(given, workspace, limits) as door, socket.socket() as listener:
        command = door.through(Command(("program",)))
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            socket.send_fds(theirs, [b"D"], [listener.fileno()])
            assert door.admit(ours, 5.0)
        yield Program(listener.getsockname()[1], command.environment["OPENAI_API_KEY"], door, listener)


def replies(text: str, **more: object) -> Answer:
    """Return an answer that does not stream."""
    message = {"role": "assistant", "content": text, **more}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return lambda asked: asked.refuse(
        200, json.dumps({"object": "chat.completion", "choices": [choice], "usage": USAGE})
    )


def hear(end: socket.socket, wanted: bytes, times: int = 1) -> None:
    """Read until something has come so often; fail where the connection ends before."""
    come = b""
    while come.count(wanted) < times:
        piece = end.recv(4096)
        assert piece, come
        come += piece
