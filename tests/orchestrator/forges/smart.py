"""Git's smart HTTP for a fake forge: the real `git http-backend`, run as a CGI program."""

from __future__ import annotations

import base64
import os
import subprocess
from http.server import BaseHTTPRequestHandler
from pathlib import Path


def serve_git(handler: BaseHTTPRequestHandler, root: Path, token: str, *, read_only: bool, down: bool) -> None:
    """Answer a request for a repository below `root`, unless it is `down`; who pushes has to have the token, and may where it is not `read_only`."""
    path, _, query = handler.path.partition("?")
    writes = "git-receive-pack" in handler.path
    if down:
        _refuse(handler, 503, {})
    elif _password(handler) != token:
        _refuse(handler, 401, {"WWW-Authenticate": 'Basic realm="fake"'})
    elif writes and read_only:
        _refuse(handler, 403, {})
    else:
        _answer(handler, _run(handler, root, path, query))


def _password(handler: BaseHTTPRequestHandler) -> str:
    kind, _, given = handler.headers.get("Authorization", "").partition(" ")
    return base64.b64decode(given).decode().partition(":")[2] if kind == "Basic" else ""


def _refuse(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
    _body(handler)
    handler.send_response(status)
    for name, value in {**headers, "Content-Length": "0"}.items():
        handler.send_header(name, value)
    handler.end_headers()


def _run(handler: BaseHTTPRequestHandler, root: Path, path: str, query: str) -> bytes:
    environ = {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "HOME": str(root),
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_METHOD": handler.command,
        "REMOTE_USER": "somebody",
        "CONTENT_TYPE": handler.headers.get("Content-Type", ""),
        "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": handler.headers.get("Git-Protocol", ""),
    }
    body = _body(handler)
    environ["CONTENT_LENGTH"] = str(len(body))
    done = subprocess.run(["git", "http-backend"], env=environ, input=body, capture_output=True, check=True)
    return done.stdout


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("Transfer-Encoding") != "chunked":
        return handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
    body = b""
    while size := int(handler.rfile.readline(), 16):
        body += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return body


def _answer(handler: BaseHTTPRequestHandler, said: bytes) -> None:
    head, _, body = said.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    handler.send_response(int(headers.pop("Status", "200").split()[0]))
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)
