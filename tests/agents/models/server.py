"""A small OpenAI-compatible server on loopback that answers as it is told, and misbehaves as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Asked"], None]


@dataclass
class Asked:
    """One request, and the way to answer it."""

    handler: BaseHTTPRequestHandler
    body: dict[str, Any]
    closing: threading.Event

    @property
    def key(self) -> str:
        return str(self.handler.headers.get("Authorization", ""))

    def refuse(
        self, status: int, body: str, headers: Mapping[str, str] | None = None, kind: str = "application/json"
    ) -> None:
        self.handler.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body.encode())), **(headers or {})}.items():
            self.handler.send_header(name, value)
        self.handler.end_headers()
        self.handler.wfile.write(body.encode())

    def open(self) -> None:
        self.handler.send_response(200)
        self.handler.send_header("Content-Type", "text/event-stream")
        self.handler.send_header("Connection", "close")
        self.handler.end_headers()

    def send(self, data: str) -> None:
        self.handler.wfile.write(f"data: {data}\n\n".encode())
        self.handler.wfile.flush()

    def chunk(self, delta: object = None, finish: object = None, **more: object) -> None:
        self.send(json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}))

    def hang(self) -> None:
        """Say nothing more until the server ends."""
        self.closing.wait()


@dataclass
class Server:
    """The answers to come (the last one stays), and the requests that came."""

    answers: list[Answer]
    url: str
    asked: list[Asked] = field(default_factory=list)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [each.body for each in self.asked]


@contextmanager
def serving(*answers: Answer) -> Iterator[Server]:
    closing = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked = Asked(self, body, closing)
            server.asked.append(asked)
            self.close_connection = True
            answer = server.answers[min(len(server.asked), len(server.answers)) - 1]
            # The client goes away, as some tests want it to.
            with suppress(BrokenPipeError, ConnectionResetError):
                answer(asked)

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = Server(list(answers), f"http://127.0.0.1:{http.server_address[1]}/v1")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        closing.set()
        http.shutdown()
        http.server_close()
        thread.join()


def says(*pieces: str, finish: str = "stop", usage: Mapping[str, object] | None = None) -> Answer:
    def answer(asked: Asked) -> None:
        asked.open()
        for piece in pieces:
            asked.chunk({"content": piece})
        asked.chunk({}, finish)
        if usage is not None:
            asked.send(json.dumps({"choices": [], "usage": usage}))
        asked.send("[DONE]")

    return answer


def refuses(status: int, message: str, *, headers: Mapping[str, str] | None = None, **more: object) -> Answer:
    return lambda asked: asked.refuse(status, json.dumps({"error": {"message": message, **more}}), headers)


def hangs_after(*pieces: str) -> Answer:
    def answer(asked: Asked) -> None:
        asked.open()
        for piece in pieces:
            asked.chunk({"content": piece})
        asked.hang()

    return answer


def sends(*events: str) -> Answer:
    """Send events as they stand, and end."""

    def answer(asked: Asked) -> None:
        asked.open()
        for event in events:
            asked.send(event)

    return answer


def chunks(*deltas: Mapping[str, object], finish: str = "stop") -> Sequence[str]:
    told = [json.dumps({"choices": [{"delta": delta, "finish_reason": None}]}) for delta in deltas]
    return [*told, json.dumps({"choices": [{"delta": {}, "finish_reason": finish}]}), "[DONE]"]
