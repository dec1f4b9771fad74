"""A stand-in for vLLM's server, for tests and benchmarks: it has no model. `python -m tests.orchestrator.pool.standin --port PORT`.

A prompt costs time by its tokens that no prefix cache has, a reply time by its tokens. Replies are scripted, else words that say nothing;
faults come on demand. It is an ASGI application; uvicorn serves it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from tests.orchestrator.pool.card import Card
from tests.orchestrator.pool.prefixcache import PrefixCache, count

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

FAULTS = ("slow", "hang", "reset", "500", "garbage", "exit")
_WORD = " and"
_KINDS: dict[str, tuple[type, ...]] = {"messages": (list,), "prompt": (str, list), "input": (str, list)}


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast it is: tokens of a prompt in a second, seconds for each token of a reply, and requests at once.

    One card reads prompts one after the other, no reply goes on meanwhile, and each reply beside it lengthens a token by `more_s`.
    """

    prefill_per_s: float = 1e9
    token_s: float = 0.0
    at_once: int = 1024
    one_card: bool = False
    more_s: float = 0.0


@dataclass
class StandIn:
    """The state of one. Faults are taken one by one, by the requests that come: the kind, and after how many tokens."""

    model: str
    pace: Pace = Pace()
    cache: PrefixCache = field(default_factory=lambda: PrefixCache(1 << 16))
    key: str = ""
    context: int = 1 << 17
    faults: deque[tuple[str, int]] = field(default_factory=deque)
    script: deque[Mapping[str, Any]] = field(default_factory=deque)
    seen: list[Mapping[str, Any]] = field(default_factory=list)
    """Requests as they came: their JSON, their `tokens` and those `cached`, the seconds to the first one of the reply, and `cancelled` once their client went away."""
    running: int = 0
    waiting: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    done: int = 0
    first_s: float = 0.0

    def __post_init__(self) -> None:
        self._turns = asyncio.Semaphore(self.pace.at_once)
        self._card = Card()
        self._writing = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = str(scope["path"])
        if path == "/health":
            await _answer(send, 200, b"")
        elif path == "/metrics":
            await _answer(send, 200, self._metrics().encode(), "text/plain; version=0.0.4")
        elif path.startswith("/standin/"):
            await self._told(path.removeprefix("/standin/"), await _body(receive), send)
        elif self.key and dict(scope["headers"]).get(b"authorization") != f"Bearer {self.key}".encode():
            await _answer(send, 401, b'{"error":"Unauthorized"}')
        elif path == "/v1/models":
            listed = {"object": "list", "data": [{"id": self.model, "object": "model", "owned_by": "stand-in"}]}
            await _answer(send, 200, json.dumps(listed).encode())
        elif path in ("/v1/chat/completions", "/v1/completions", "/v1/embeddings"):
            await self._asked(path, json.loads(await _body(receive)), receive, send)
        else:
            await _answer(send, 404, b'{"detail":"Not Found"}')

    async def _told(self, what: str, body: bytes, send: Send) -> None:
        """Do what a test says: take faults or replies, or tell what was seen."""
        if what == "faults":
            self.faults.extend((str(each["kind"]), int(each.get("after", 0))) for each in json.loads(body))
        elif what == "script":
            self.script.extend(json.loads(body))
        elif what == "clear":
            for each in (self.faults, self.script, self.seen):
                each.clear()
        await _answer(send, 200, json.dumps(self.seen if what == "seen" else []).encode())

    async def _asked(self, path: str, body: dict[str, Any], receive: Receive, send: Send) -> None:
        seen = {"path": path, **body}
        self.seen.append(seen)
        kind, after = self.faults.popleft() if self.faults else ("", 0)
        work = asyncio.ensure_future(self._work(path, seen, _Fault(kind, after), send))
        left = asyncio.ensure_future(_left(receive))
        await asyncio.wait({work, left}, return_when=asyncio.FIRST_COMPLETED)
        left.cancel()
        if not work.done():
            seen["cancelled"] = True
            work.cancel()
        await asyncio.gather(work, left, return_exceptions=True)
        if work.done() and not work.cancelled():
            work.result()

    async def _work(self, path: str, body: dict[str, Any], fault: _Fault, send: Send) -> None:
        body["began"] = time.monotonic()
        self.waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self.waiting -= 1
        self.running += 1
        try:
            await self._reply(path, body, fault, send)
        finally:
            self.running -= 1
            self._turns.release()

    async def _reply(self, path: str, body: dict[str, Any], fault: _Fault, send: Send) -> None:
        if not all(isinstance(body.get(name, []), kinds) for name, kinds in _KINDS.items()):
            await _answer(send, 400, b'{"error":{"message":"Input should be a valid list","code":400}}')
            return
        text = _prompt(body)
        if count(text) + _most(body) > self.context:
            await _answer(send, 400, _too_long(count(text), _most(body), self.context))
            return
        cached = self.cache.take(text)
        body |= {"tokens": count(text), "cached": cached}
        await self._read(count(text) - cached)
        if await fault.strikes(0, send):
            return
        body["first_s"] = time.monotonic() - body["began"]
        self.first_s += body["first_s"]
        self.tokens_in += count(text)
        if path == "/v1/embeddings":
            inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
            data = [{"object": "embedding", "index": at, "embedding": [0.5, -0.5]} for at in range(len(inputs))]
            usage = {"prompt_tokens": count(text), "total_tokens": count(text)}
            whole = {"object": "list", "model": self.model, "data": data, "usage": usage}
            await _answer(send, 200, json.dumps(whole).encode())
            return
        said = self._said(body)
        told = _usage(count(text), cached, len(said.words))
        shape = _Shape(path == "/v1/chat/completions", self.model, f"cmpl-{len(self.seen)}")
        if body.get("stream"):
            await self._stream(said, shape, body, told, fault, send)
        else:
            await asyncio.sleep(self.pace.token_s * len(said.words))
            await _answer(send, 200, json.dumps(shape.whole(said, told)).encode())
            self.tokens_out += len(said.words)
        self.done += 1

    async def _stream(
        self, said: _Said, shape: _Shape, body: dict[str, Any], usage: Mapping[str, Any], fault: _Fault, send: Send
    ) -> None:
        await send(_start(200, "text/event-stream; charset=utf-8"))
        for at, word in enumerate(said.words):
            if self.pace.token_s:
                await self._token()
            if not at:
                body["first_s"] = time.monotonic() - body["began"]
            elif await fault.strikes(at, send):
                return
            await send(_event(shape.piece(word)))
            self.tokens_out += 1
        await send(_event(shape.last(said)))
        if (body.get("stream_options") or {}).get("include_usage"):
            await send(_event(shape.usage(usage)))
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})

    async def _read(self, tokens: int) -> None:
        """Take the time of so many tokens of a prompt."""
        takes_s = tokens / self.pace.prefill_per_s
        if not self.pace.one_card:
            await asyncio.sleep(takes_s)
            return
        await self._card.read(takes_s)

    async def _token(self) -> None:
        """Take the time of a token."""
        self._writing += 1
        try:
            takes_s = self.pace.token_s + self.pace.more_s * (self._writing - 1)
            await (self._card.write(takes_s) if self.pace.one_card else asyncio.sleep(takes_s))
        finally:
            self._writing -= 1

    def _said(self, body: dict[str, Any]) -> _Said:
        most = _most(body)
        # With room for one token nobody wants a reply.
        scripted = self.script.popleft() if self.script and most > 1 else {}
        words = scripted.get("content")
        tools = scripted.get("tool_calls", ())
        listed = [_WORD] * most if words is None and not tools else str(words or "").split(" ")[:most]
        if words is not None:
            listed = [word if not at else f" {word}" for at, word in enumerate(listed)]
        return _Said([each for each in listed if each], tools)

    def _metrics(self) -> str:
        label = f'{{model_name="{self.model}"}}'
        figures = {
            "vllm:num_requests_running": self.running,
            "vllm:num_requests_waiting": self.waiting,
            "vllm:kv_cache_usage_perc": self.cache.usage,
            "vllm:prefix_cache_queries_total": self.cache.queries,
            "vllm:prefix_cache_hits_total": self.cache.hits,
            "vllm:prompt_tokens_total": self.tokens_in,
            "vllm:generation_tokens_total": self.tokens_out,
            "vllm:request_success_total": self.done,
            "vllm:time_to_first_token_seconds_sum": self.first_s,
            "vllm:time_to_first_token_seconds_count": self.done,
        }
        return "".join(f"{name}{label} {float(value)}\n" for name, value in figures.items())


@dataclass(frozen=True, slots=True)
class _Fault:
    """What goes wrong with one request, once so many tokens of its reply were sent."""

    kind: str
    after: int

    async def strikes(self, sent: int, send: Send) -> bool:
        """Go wrong if it is time; say whether the reply is over with that."""
        if not self.kind or sent != self.after:
            return False
        if self.kind == "slow":
            await asyncio.sleep(1.0)
            return False
        if self.kind == "hang":
            await asyncio.Event().wait()
        elif self.kind == "reset":
            # What ASGI has no word for: uvicorn's `send` is a method of what holds the connection.
            send.__self__.transport.abort()  # type: ignore[attr-defined]
        elif self.kind == "500":
            await _answer(send, 500, b'{"error":{"message":"CUDA error in /opt/engine/secret.py","code":500}}')
        elif self.kind == "garbage":
            garbage = b"\x00<html>no JSON</html>"
            await (_answer(send, 200, garbage) if not sent else send({"type": "http.response.body", "body": garbage}))
        elif self.kind == "exit":
            os.kill(os.getpid(), signal.SIGKILL)
        return True


@dataclass(frozen=True, slots=True)
class _Said:
    words: list[str]
    tools: Any = ()

    @property
    def finish(self) -> str:
        return "tool_calls" if self.tools else "stop"


@dataclass(frozen=True, slots=True)
class _Shape:
    """The JSON of replies, as vLLM's server has it."""

    chat: bool
    model: str
    id: str

    def piece(self, word: str) -> Mapping[str, Any]:
        return self._chunk({"delta": {"content": word}} if self.chat else {"text": word}, None)

    def last(self, said: _Said) -> Mapping[str, Any]:
        tools = [{"index": at, **each} for at, each in enumerate(said.tools)]
        delta = {"tool_calls": tools} if tools else {"content": ""}
        return self._chunk({"delta": delta} if self.chat else {"text": ""}, said.finish)

    def usage(self, usage: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**self._chunk({}, None), "choices": [], "usage": usage}

    def whole(self, said: _Said, usage: Mapping[str, Any]) -> Mapping[str, Any]:
        text = "".join(said.words)
        message = {"role": "assistant", "content": text or None, "refusal": None, "tool_calls": [*said.tools]}
        told = {"message": message} if self.chat else {"text": text}
        return {**self._chunk(told, said.finish, ""), "usage": usage}

    def _chunk(self, told: Mapping[str, Any], finish: str | None, kind: str = ".chunk") -> dict[str, Any]:
        choice = {"index": 0, **told, "logprobs": None, "finish_reason": finish}
        named = f"chat.completion{kind}" if self.chat else "text_completion"
        return {"id": self.id, "object": named, "created": 1, "model": self.model, "choices": [choice]}


def _most(body: Mapping[str, Any]) -> int:
    """Return how many tokens a reply may have."""
    return int(body.get("max_completion_tokens") or body.get("max_tokens") or 16)


def _too_long(tokens: int, most: int, context: int) -> bytes:
    """Return what vLLM's server says of more than its context."""
    if tokens > context:
        why = f"This model's maximum context length is {context} tokens. However, your request has {tokens} input tokens. Please reduce the length of the input messages."
    else:
        why = f"'max_tokens' or 'max_completion_tokens' is too large: {most}. This model's maximum context length is {context} tokens and your request has {tokens} input tokens ({most} > {context} - {tokens})."
    return json.dumps({"error": {"message": why, "type": "BadRequestError", "param": None, "code": 400}}).encode()


def _prompt(body: Mapping[str, Any]) -> bytes:
    """Return what a model would read of a request, roughly: the tools, then the messages, or the prompt."""
    tools = [json.dumps(body["tools"])] if body.get("tools") else []
    messages = [json.dumps(message) for message in body.get("messages", ())]
    other = [json.dumps(body[name]) for name in ("prompt", "input") if name in body]
    return "\n".join(tools + messages + other).encode()


def _usage(tokens_in: int, cached: int, tokens_out: int) -> Mapping[str, Any]:
    details = {"prompt_tokens_details": {"cached_tokens": cached}}
    sums = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}
    return {**sums, **details}


def _event(told: Mapping[str, Any]) -> Mapping[str, Any]:
    data = b"data: " + json.dumps(told, separators=(",", ":")).encode() + b"\n\n"
    return {"type": "http.response.body", "body": data, "more_body": True}


def _start(status: int, kind: str, length: int | None = None) -> Mapping[str, Any]:
    headers = [(b"content-type", kind.encode())]
    headers += [(b"content-length", str(length).encode())] if length is not None else []
    return {"type": "http.response.start", "status": status, "headers": headers}


async def _answer(send: Send, status: int, body: bytes, kind: str = "application/json") -> None:
    await send(_start(status, kind, len(body)))
    await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive) -> bytes:
    whole, more = b"", True
    while more:
        message = await receive()
        whole += message.get("body", b"")
        more = message.get("more_body", False)
    return whole


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def main(words: list[str]) -> None:
    """Serve one until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", default="stand-in")
    parser.add_argument("--prefill-per-s", type=float, default=1e9)
    parser.add_argument("--token-s", type=float, default=0.0)
    parser.add_argument("--at-once", type=int, default=1024)
    parser.add_argument("--one-card", action="store_true", help="prompts and replies are in each other's way")
    parser.add_argument("--more-s", type=float, default=0.0)
    parser.add_argument("--context", type=int, default=1 << 17)
    parser.add_argument("--blocks", type=int, default=1 << 16)
    parser.add_argument("--keyless", action="store_true", help="ask for no key, whatever the environment has")
    given = parser.parse_args(words)
    made = StandIn(
        given.model,
        Pace(given.prefill_per_s, given.token_s, given.at_once, given.one_card, given.more_s),
        PrefixCache(given.blocks),
        "" if given.keyless else os.environ.get("VLLM_API_KEY", ""),
        given.context,
    )
    uvicorn.run(made, host=given.host, port=given.port, log_level="critical", lifespan="off", access_log=False)


if __name__ == "__main__":
    main(sys.argv[1:])
