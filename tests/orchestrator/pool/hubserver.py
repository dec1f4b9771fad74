"""A hub on loopback, with the paths of the Hugging Face hub that its library asks for, over files that tests give it. It breaks on demand."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_LFS = (".safetensors", ".bin", ".gguf")


@dataclass(slots=True)
class HubServer:
    """A hub that has one model, `tiny/model`. `faults` are of files: `cut` ends their next reply in the middle, `wrong` changes a byte, `hang` stops."""

    files: Mapping[str, bytes]
    faults: dict[str, str] = field(default_factory=dict)
    claimed: dict[str, int] = field(default_factory=dict)
    """How long it says that files are, where that is not true."""
    sent: list[tuple[str, str]] = field(default_factory=list)
    """Files whose bytes were asked for, and of which range."""
    port: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    stuck: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def model(self) -> Mapping[str, Any]:
        siblings = [
            {
                "rfilename": name,
                "size": self.claimed.get(name, len(data)),
                "blobId": _git(data),
                **_lfs(name, data, "sha256"),
            }
            for name, data in self.files.items()
        ]
        return {"id": "tiny/model", "modelId": "tiny/model", "sha": COMMIT, "siblings": siblings, "private": False}

    def tree(self) -> list[Mapping[str, Any]]:
        return [
            {"type": "file", "path": name, "size": len(data), "oid": _git(data), **_lfs(name, data, "oid")}
            for name, data in self.files.items()
        ]


@contextmanager
def hub(files: Mapping[str, bytes]) -> Iterator[HubServer]:
    """Have a hub run."""
    made = HubServer(files)

    class Handler(_Handler):
        state = made

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield made
        finally:
            made.over.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    state: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = urlsplit(self.path).path
        if path == "/api/models/tiny/model/revision/main":
            self._json(self.state.model())
        elif path.startswith("/api/models/tiny/model/tree/"):
            self._json(self.state.tree())
        elif path.startswith("/api/models/tiny/model/revision/"):
            self._json({"error": "Invalid rev id"}, 404, "RevisionNotFound")
        elif (name := path.removeprefix(f"/tiny/model/resolve/{COMMIT}/")) in self.state.files:
            self._file(name, body=body)
        else:
            self._json({"error": "Repository not found"}, 404, "RepoNotFound")

    def _json(self, told: object, status: int = 200, code: str = "") -> None:
        data = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if code:
            self.send_header("X-Error-Code", code)
        self.end_headers()
        self.wfile.write(data)

    def _file(self, name: str, *, body: bool) -> None:
        data = self.state.files[name]
        etag = hashlib.sha256(data).hexdigest() if name.endswith(_LFS) else _git(data)
        wanted = self.headers.get("Range", "")
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{etag}"')
        self.send_header("Content-Length", str(len(data) - start))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if not body:
            return
        self.state.sent.append((name, wanted))
        fault = self.state.faults.pop(name, "")
        if fault == "wrong":
            data = data[:-1] + bytes([data[-1] ^ 1])
        if fault in ("cut", "hang"):
            self.wfile.write(data[start : start + (len(data) - start) // 2])
            self.close_connection = True
            if fault == "hang":
                self.state.stuck.set()
                self.state.over.wait(60)
        else:
            self.wfile.write(data[start:])


def _git(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _lfs(name: str, data: bytes, key: str) -> Mapping[str, Any]:
    told = {key: hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return {"lfs": told} if name.endswith(_LFS) else {}
