"""A language server that speaks the protocol in the way its argument names: once well, and in many ways badly.

It runs inside a sandbox, as itself and alone: standard library only.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

MODE = sys.argv[1]
UNSET = object()
Message = Mapping[str, Any]


def send(message: Message) -> None:
    """Write a message."""
    write(json.dumps(message).encode())


def write(body: bytes, length: int | None = None) -> None:
    """Write a body with a head before it."""
    put(b"Content-Length: %d\r\n\r\n%b" % (len(body) if length is None else length, body))


def put(data: bytes) -> None:
    """Write bytes, one by one where that is the way to be."""
    step = 1 if MODE == "trickling" else len(data) or 1
    for start in range(0, len(data), step):
        sys.stdout.buffer.write(data[start : start + step])
        sys.stdout.buffer.flush()


def read() -> dict[str, Any] | None:
    """Read a message, None at the end."""
    length = 0
    while (line := sys.stdin.buffer.readline()).strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if not line:
        return None
    message: dict[str, Any] = json.loads(sys.stdin.buffer.read(length))
    return message


class Server:
    """Finds the word BAD in each line of a text."""

    def __init__(self) -> None:
        self.texts: dict[str, tuple[str, int]] = {}
        self.refusals = 0
        self.answers: list[Message] = []

    def run(self) -> None:
        """Answer until the end of the input."""
        while (message := read()) is not None:
            method = message.get("method")
            if method == "initialize":
                self.initialize(message)
            elif method in ("textDocument/didOpen", "textDocument/didChange"):
                self.take(message["params"])
            elif method == "textDocument/diagnostic":
                self.diagnose(message)
            elif method is None:
                self.answers.append(message)
            elif method == "initialized" and MODE == "flooding":
                while True:
                    send(
                        {"jsonrpc": "2.0", "method": "window/logMessage", "params": {"type": 4, "message": "x" * 1000}}
                    )

    def initialize(self, message: Message) -> None:
        """Answer the first request, or do not."""
        pushes = MODE in ("pushing", "stale", "old", "versionless", "dumb")
        capabilities: Any = {"textDocumentSync": {"openClose": True, "change": 1}}
        if MODE == "old":
            capabilities = {"textDocumentSync": 1, "definitionProvider": None, "positionEncoding": "ebcdic"}
        elif not pushes:
            capabilities["diagnosticProvider"] = {"interFileDependencies": False, "workspaceDiagnostics": False}
        result = {"capabilities": capabilities}
        early: dict[str, Callable[[], object]] = {
            "silent": lambda: time.sleep(3600),
            "babbling": lambda: put(b"Starting the server ...\n"),
            "not json": lambda: write(b"{'id': 1}"),
            "too deep": lambda: write(b"[" * 200_000),
            "huge": lambda: write(b"", 10_000_000_000),
            "no length": lambda: put(b"Content-Type: application/json\r\n\r\n{}"),
            "endless head": lambda: put(b"Content-Type: " + b"x" * 100_000),
            "greedy": self.eat,
            "downloading": download,
            "exiting": lambda: sys.exit("no licence was found"),
            "refusing": lambda: send({"id": message["id"], "error": {"code": -32603, "message": "not today"}}),
        }
        early.get(MODE, lambda: None)()
        if MODE not in ("silent", "refusing"):
            send({"jsonrpc": "2.0", "id": message["id"], "result": result})

    def eat(self) -> None:
        """Allocate more than is allowed."""
        held = []
        while True:
            held.append(b"x" * (64 << 20))

    def take(self, params: Message) -> None:
        """Take a text in, and push what is found in it where that is the way."""
        document = params["textDocument"]
        text = document["text"] if "text" in document else params["contentChanges"][-1]["text"]
        version = document["version"]
        before = self.texts.get(document["uri"], ("", 0))
        self.texts[document["uri"]] = (text, version)
        if MODE == "crashing" and "CRASH" in text:
            os.abort()
        if MODE == "dying once" and not Path("/tmp/died").exists():
            Path("/tmp/died").touch()
            sys.exit("an accident")
        if MODE == "deaf":
            time.sleep(3600)
        if MODE == "stale" and before[1]:
            self.push(document["uri"], *before)
        if MODE in ("pushing", "stale"):
            self.push(document["uri"], text, version)
        if MODE in ("old", "versionless"):
            self.push(document["uri"], text, UNSET)

    def push(self, uri: str, text: str, version: object) -> None:
        """Push what is found in a text."""
        told = {} if version is UNSET else {"version": version}
        params = {"uri": uri, "diagnostics": found(text), **told}
        send({"jsonrpc": "2.0", "method": "textDocument/publishDiagnostics", "params": params})

    def diagnose(self, message: Message) -> None:
        """Answer a pull, in the way it is."""
        if MODE == "mute":
            return
        number: Any = message["id"]
        if MODE == "asking":
            self.ask()
        if MODE == "wrong ids":
            number = f"{number}"
            send({"jsonrpc": "2.0", "id": 100_000, "result": None})
            send({"jsonrpc": "2.0", "id": {"a": 1}, "result": None})
        if MODE == "busy" and self.refusals < 3:
            self.refusals += 1
            send({"jsonrpc": "2.0", "id": number, "error": {"code": -32802, "message": "busy", "data": {}}})
            return
        report: Any = {"kind": "full", "items": found(self.texts[message["params"]["textDocument"]["uri"]][0])}
        if MODE == "malformed":
            report["items"] = [{"range": {"start": "here"}, "message": 5}]
        if MODE == "null":
            report = None
        if MODE == "twice":
            send({"jsonrpc": "2.0", "id": number, "result": report})
        send({"jsonrpc": "2.0", "id": number, "result": report})

    def ask(self) -> None:
        """Ask what no client knows, and for what every client knows; go on when both were answered."""
        params = {"items": [{"section": "double.answer"}, {"section": "double.nothing"}]}
        self.answers.clear()
        send({"jsonrpc": "2.0", "id": "a", "method": "experimental/unheardOf", "params": {}})
        send({"jsonrpc": "2.0", "id": "b", "method": "workspace/configuration", "params": params})
        while len(self.answers) < 2:
            message = read()
            assert message is not None
            self.answers.append(message)
        codes = [answer["error"]["code"] for answer in self.answers if "error" in answer]
        assert codes == [-32601], self.answers
        assert [answer["result"] for answer in self.answers if "result" in answer] == [[42, None]], self.answers


def found(text: str) -> list[dict[str, Any]]:
    """Return a finding for each line that has BAD in it."""
    items: list[dict[str, Any]] = []
    for number, line in enumerate(text.split("\n")):
        if "BAD" in line:
            at = len(line[: line.index("BAD")].encode("utf-16-le")) // 2
            span = {"start": {"line": number, "character": at}, "end": {"line": number, "character": at + 3}}
            items.append({"range": span, "message": "this is bad", "code": None if MODE == "old" else 7})
            if MODE == "old":
                del items[-1]["code"]
    return items


def download() -> None:
    """Fetch a part of the server, as some do at their first start."""
    try:
        urllib.request.urlopen("https://example.org/server.tar.gz", timeout=10)
    except OSError as error:
        sys.exit(f"cannot fetch the server: {error}")


Server().run()
