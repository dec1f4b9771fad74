"""What stands between a solver and the model: it counts tokens, refuses what is beyond their limit, and records replies; or it gives recorded ones back."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import socket
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any, Protocol
from urllib.parse import urlsplit

_CALL_S = 600.0
_UNLIKELY = -7.0
"""Logarithm of a probability below which alternatives are not recorded."""
_VOLATILE = re.compile(r"0x[0-9a-f]{6,}|\b\d+(\.\d+)? ?s(econds)?\b|data-[0-9a-f]{6,}|pytest-of-\w+/pytest-\d+")
"""What differs from run to run in what tests say: addresses, durations, temporary places, and names made of hashes of those."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One reply: `key` names its request, `message` is what the model said, as JSON has it.

    `tokens` are, where they were asked for, its tokens with those that were likeliest in the place of each, and the logarithms of their probabilities.
    """

    key: str
    message: Mapping[str, Any]
    finish: str
    tokens_in: int
    tokens_out: int
    tokens: Sequence[tuple[str, Mapping[str, float]]] = ()


class Source(Protocol):
    """Where replies come from."""

    def answer(self, asking: Asking) -> None:
        """Answer a request."""
        ...


@dataclass
class Asking:
    """A request of a solver, and the ways to answer it."""

    handler: BaseHTTPRequestHandler
    body: dict[str, Any]

    @property
    def streamed(self) -> bool:
        """Say whether the solver wants the reply in pieces."""
        return bool(self.body.get("stream"))

    def refuse(self, status: int, why: str) -> None:
        """Answer with an error."""
        self._send(status, "application/json", json.dumps({"error": {"message": why, "code": status}}).encode())

    def give(self, reply: Recorded) -> None:
        """Answer with a whole reply, in the form that was asked for."""
        usage = {"prompt_tokens": reply.tokens_in, "completion_tokens": reply.tokens_out, "total_tokens": reply.tokens_in + reply.tokens_out}  # fmt: skip
        told = {"id": "chatcmpl", "created": 0, "model": str(self.body.get("model", ""))}
        if not self.streamed:
            choice = {"index": 0, "message": {"role": "assistant", **reply.message}, "finish_reason": reply.finish}
            document = {**told, "object": "chat.completion", "choices": [choice], "usage": usage}
            self._send(200, "application/json", json.dumps(document).encode())
            return
        calls = [{"index": number, **call} for number, call in enumerate(reply.message.get("tool_calls") or ())]
        delta = {
            "role": "assistant",
            "content": reply.message.get("content"),
            **({"tool_calls": calls} if calls else {}),
        }
        chunks: list[Mapping[str, Any]] = [
            {"choices": [{"index": 0, "delta": delta, "finish_reason": None, **_logprobs(reply)}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": reply.finish}]},
            {"choices": [], "usage": usage},
        ]
        lines = [json.dumps({**told, "object": "chat.completion.chunk", **chunk}) for chunk in chunks]
        self._send(200, "text/event-stream", "".join(f"data: {line}\n\n" for line in (*lines, "[DONE]")).encode())

    def _send(self, status: int, kind: str, data: bytes) -> None:
        with suppress(ConnectionError):
            self.handler.send_response(status)
            self.handler.send_header("Content-Type", kind)
            self.handler.send_header("Content-Length", str(len(data)))
            self.handler.end_headers()
            self.handler.wfile.write(data)


def _logprobs(reply: Recorded) -> dict[str, Any]:
    """Return the field that tells a reply's tokens, where they were asked for."""
    if not reply.tokens:
        return {}
    told = [
        {"token": text, "top_logprobs": [{"token": other, "logprob": value} for other, value in likeliest.items()]}
        for text, likeliest in reply.tokens
    ]
    return {"logprobs": {"content": told}}


def key_of(body: Mapping[str, Any], place: str) -> str:
    """Return what tells requests apart: all but what differs from run to run, `place` being where the repository lies."""
    kept = {
        name: body[name] for name in ("messages", "tools", "temperature", "max_tokens", "seed", "stop") if name in body
    }
    text = json.dumps(kept, sort_keys=True).replace(json.dumps(place)[1:-1], "<repository>")
    return hashlib.sha256(_VOLATILE.sub("~", text).encode()).hexdigest()[:16]


@dataclass
class Recorder:
    """Passes requests on to the model at `base_url` and records whole replies, until `limit_tokens` were read and written."""

    base_url: str
    limit_tokens: int
    place: str
    replies: list[Recorded] = field(default_factory=list)
    refused: int = 0
    _open: set[http.client.HTTPConnection] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: bool = False

    @property
    def tokens(self) -> int:
        """Return how many tokens were read and written, cached ones included."""
        with self._lock:
            return sum(reply.tokens_in + reply.tokens_out for reply in self.replies)

    def answer(self, asking: Asking) -> None:
        """Pass a request on."""
        if self._over or self.tokens >= self.limit_tokens:
            self.refused += 1
            asking.refuse(400, f"the {self.limit_tokens} tokens that there are for this task are used up")
            return
        at = urlsplit(self.base_url)
        connection = http.client.HTTPConnection(at.hostname or "", at.port or 80, timeout=_CALL_S)
        with self._lock:
            self._open.add(connection)
        try:
            self._pass_on(asking, connection, f"{at.path}/chat/completions")
        except (OSError, http.client.HTTPException, ValueError) as error:
            # What has begun to stream ends there; the solver sees that it is not whole.
            if not asking.handler.close_connection:
                asking.refuse(502, f"the model's server: {error}")
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def close(self) -> None:
        """Cancel what is under way, and refuse all that comes."""
        self._over = True
        with self._lock:
            for connection in self._open:
                with suppress(OSError, AttributeError):
                    connection.sock.shutdown(socket.SHUT_RDWR)

    def _pass_on(self, asking: Asking, connection: http.client.HTTPConnection, path: str) -> None:
        body = asking.body | ({"stream_options": {"include_usage": True}} if asking.streamed else {})
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        key = key_of(asking.body, self.place)
        if response.status != 200:
            said = response.read().decode("utf-8", "replace")
            asking.refuse(response.status, said)
            return
        if asking.streamed:
            self._stream(asking, response, key)
            return
        document = json.loads(response.read())
        choice, usage = document["choices"][0], document["usage"]
        reply = Recorded(
            key,
            _message(choice["message"]),
            choice["finish_reason"],
            usage["prompt_tokens"],
            usage["completion_tokens"],
        )
        self._keep(reply)
        asking.give(reply)

    def _stream(self, asking: Asking, response: http.client.HTTPResponse, key: str) -> None:
        assembly = _Assembly()
        handler = asking.handler
        handler.close_connection = True
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        for line in response:
            assembly.take(line)
            if line.strip() == b"data: [DONE]":
                # Kept before the solver can act on it.
                self._keep(assembly.reply(key))
            handler.wfile.write(line)
            if not line.strip():
                handler.wfile.flush()

    def _keep(self, reply: Recorded) -> None:
        with self._lock:
            self.replies.append(reply)


@dataclass
class _Assembly:
    """A streamed reply in the making."""

    text: list[str] = field(default_factory=list)
    tokens: list[tuple[str, Mapping[str, float]]] = field(default_factory=list)
    calls: dict[int, dict[str, Any]] = field(default_factory=dict)
    finish: str = "stop"
    usage: Mapping[str, int] = field(default_factory=dict)

    def take(self, line: bytes) -> None:
        if not line.startswith(b"data: {"):
            return
        chunk = json.loads(line[6:])
        self.usage = chunk.get("usage") or self.usage
        for choice in chunk.get("choices", ()):
            self.finish = choice.get("finish_reason") or self.finish
            delta = choice.get("delta") or {}
            self.text.append(delta.get("content") or "")
            for token in (choice.get("logprobs") or {}).get("content") or ():
                likely = {each["token"]: round(each["logprob"], 3) for each in token["top_logprobs"]}
                kept = {text: value for text, value in likely.items() if value > _UNLIKELY}
                self.tokens.append((token["token"], kept if len(kept) > 1 else dict(list(likely.items())[:2])))
            for call in delta.get("tool_calls") or ():
                known = self.calls.setdefault(
                    call.get("index", 0), {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
                )
                known["id"] = call.get("id") or known["id"]
                for name, value in (call.get("function") or {}).items():
                    known["function"][name] = known["function"].get(name, "") + (value or "")

    def reply(self, key: str) -> Recorded:
        message = _message({"content": "".join(self.text), "tool_calls": list(self.calls.values())})
        tokens_in, tokens_out = (self.usage.get(f"{name}_tokens", 0) for name in ("prompt", "completion"))
        return Recorded(key, message, self.finish, tokens_in, tokens_out, self.tokens)


def _message(message: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: message[name] for name in ("content", "tool_calls") if message.get(name)}


class Replayer:
    """Gives recorded replies back: the n-th to the n-th equal request. What was not recorded came too late when it was: from there on nothing answers."""

    def __init__(self, replies: list[Recorded], place: str) -> None:
        self._left: dict[str, deque[Recorded]] = defaultdict(deque)
        for reply in replies:
            self._left[reply.key].append(reply)
        self._place = place
        self._lock = threading.Lock()
        self.replies: list[Recorded] = []
        self.missing = 0
        self.refused = 0

    def answer(self, asking: Asking) -> None:
        """Answer from the recording."""
        with self._lock:
            left = self._left[key_of(asking.body, self._place)]
            reply = left.popleft() if left else None
            self.missing += reply is None
            self.replies += [] if reply is None else [reply]
        if reply is None:
            asking.refuse(400, "not recorded: there was no time for it")
        else:
            asking.give(reply)

    def close(self) -> None:
        """Nothing is under way."""


class _UnixServer(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


@dataclass(frozen=True, slots=True)
class Served:
    """Where a source is served: an address, and a directory with a socket for who has no network."""

    url: str
    directory: Path


@contextmanager
def serving(source: Source, directory: Path) -> Iterator[Served]:
    """Serve a source on loopback, and at the socket `model` in a directory."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with suppress(ConnectionError):
                source.answer(Asking(self, body))

        def log_message(self, format: str, *args: object) -> None:
            pass

    directory.mkdir(parents=True, exist_ok=True)
    place = directory / "model"
    place.unlink(missing_ok=True)
    servers = (ThreadingHTTPServer(("127.0.0.1", 0), Handler), _UnixServer(str(place), Handler))
    threads = [threading.Thread(target=each.serve_forever, kwargs={"poll_interval": 0.05}) for each in servers]
    for thread in threads:
        thread.start()
    try:
        yield Served(f"http://127.0.0.1:{servers[0].server_address[1]}/v1", directory)
    finally:
        for each in servers:
            each.shutdown()
            each.server_close()
        for thread in threads:
            thread.join()


def recorded(rows: Sequence[Mapping[str, Any]]) -> list[Recorded]:
    """Return replies that were written down with `written`."""
    return [Recorded(**row) for row in rows]


def written(replies: list[Recorded]) -> list[dict[str, Any]]:
    """Return replies as JSON has them."""
    return [asdict(reply) for reply in replies]


def idle(base_url: str, model: str) -> float:
    """Ask the model for one token, which waits for what was cancelled to end; return the seconds it took. Raises `OSError`."""
    at, start = urlsplit(base_url), time.monotonic()
    connection = http.client.HTTPConnection(at.hostname or "", at.port or 80, timeout=_CALL_S)
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
    connection.request("POST", f"{at.path}/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    said = response.read()
    connection.close()
    if response.status != 200:
        raise OSError(f"the model {model!r} at {base_url} answered {response.status}: {said[:300]!r}")
    return time.monotonic() - start
