"""The pool's one address: OpenAI's paths, in front of all replicas. An ASGI application; bytes of replies pass as they come."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from orchestrator.errors import StoreError
from orchestrator.pool.asked import PATHS, Asked, read
from orchestrator.pool.call import Call
from orchestrator.pool.events import Usage
from orchestrator.pool.keys import Doorman, Holder
from orchestrator.pool.ledger import Ledger
from orchestrator.pool.refusal import Refusal
from orchestrator.pool.reply import Receive, Reply, Scope, Send
from orchestrator.pool.report import PATH as REPORT
from orchestrator.pool.served import Models, Served

REQUEST_BYTES = 32 << 20
HELD_BYTES = 512 << 20
BODY_S = 60.0
WAIT_S = 3600.0
_CLOSE = {"connection": "close"}
"""What is still to come of a request that was refused is not read."""


@dataclass(slots=True)
class Front:
    """Answers for the models of a pool."""

    models: Models
    doorman: Doorman
    ledger: Ledger
    request_bytes: int = REQUEST_BYTES
    held_bytes: int = HELD_BYTES
    """Of all requests together that are under way."""
    body_s: float = BODY_S
    """How long a request may take to come."""
    wait_s: float = WAIT_S
    """How long a request may take in all, where it has no deadline of its own."""
    report: Callable[[], bytes] = lambda: b"null"
    """Returns how the pool stands, for those who administer."""
    _held: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        reply = Reply(send, f"req_{secrets.token_hex(12)}")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            await self._route(scope["method"], scope["path"], headers, receive, reply)
        except Refusal as refusal:
            await reply.refuse(refusal)

    async def _route(self, method: str, path: str, headers: Mapping[str, str], receive: Receive, reply: Reply) -> None:
        if path == "/health" and method == "GET":
            await reply.whole(200, b"{}")
            return
        if "origin" in headers:
            raise Refusal(403, "no_browser", "this address is for programs: pages of a browser may not ask it")
        holder = self.doorman.holder(headers)
        if path in PATHS:
            if method != "POST":
                raise Refusal(405, "method_not_allowed", f"POST {path}", headers={"allow": "POST"})
            await self._asked(path, headers, holder, receive, reply)
        elif path == "/v1/models" and method == "GET":
            listed = [_listed(name) for name in self.models.names]
            await reply.whole(200, json.dumps({"object": "list", "data": listed}).encode())
        elif path == f"/v1{REPORT}" and method == "GET":
            await reply.whole(200, await self._reported(holder))
        elif path.startswith("/v1/models/") and method == "GET":
            await reply.whole(200, json.dumps(_listed(self._served(path.removeprefix("/v1/models/"))[0])).encode())
        else:
            raise Refusal(
                404, "not_found", f"there is no {method:.10} {path:.100} here: {', '.join(PATHS)}, /v1/models"
            )

    async def _asked(
        self, path: str, headers: Mapping[str, str], holder: Holder, receive: Receive, reply: Reply
    ) -> None:
        if headers.get("content-encoding", "identity") != "identity":
            raise Refusal(415, "unsupported_encoding", "send the request as it is, not compressed")
        body = bytearray()
        with self.doorman.admitted(holder):
            try:
                await self._come(body, headers, receive)
                await self._timed(read(path, bytes(body), headers), holder, receive, reply)
            finally:
                self._held -= len(body)

    async def _reported(self, holder: Holder) -> bytes:
        if not holder.administers:
            raise Refusal(403, "not_allowed", f"{holder.name} does not administer this pool: ask whoever has its file")
        try:
            return await asyncio.to_thread(self.report)
        except StoreError:
            raise Refusal(503, "ledger_unavailable", "the pool cannot read what was spent: try again later") from None

    async def _timed(self, asked: Asked, holder: Holder, receive: Receive, reply: Reply) -> None:
        """Have a call answered in its time, as long as its client is there."""
        _, served = self._served(asked.model)
        task = asyncio.current_task()
        assert task is not None
        left = asyncio.ensure_future(_left(receive))
        left.add_done_callback(lambda gone: None if gone.cancelled() else task.cancel())
        try:
            async with asyncio.timeout(min(asked.deadline_s or self.wait_s, self.wait_s)):
                await self._paid(asked, served, holder, reply)
        except TimeoutError:
            raise Refusal(504, "deadline_exceeded", "the time that this request had is over") from None
        except asyncio.CancelledError:
            # Whoever asked has gone, and hears nothing any more.
            if not left.done() or task.uncancel():
                raise
        finally:
            left.cancel()

    async def _paid(self, asked: Asked, served: Served, holder: Holder, reply: Reply) -> None:
        """Have a call answered, and paid: reserved before it goes out, settled after it."""
        bounded = served.reply_tokens * asked.choices if holder.limits.bind else None
        most = Usage(asked.tokens_in, asked.tokens_out if asked.tokens_out is not None else bounded or 0)
        body = asked.sent(served.reply_tokens if holder.limits.bind else None)
        call = Call(asked, served, (holder.name, asked.ticket), body, reply.id)
        reservation = await self.ledger.reserve(holder.name, asked.ticket, served.name, most, holder.limits)
        try:
            await call.run(most.total, reply)
        finally:
            unknown = None if holder.limits.bind else call.guess
            self.ledger.settle(reservation, call.usage or unknown if call.taken else Usage())

    def _served(self, name: str) -> tuple[str, Served]:
        served = self.models.find(name)
        if served is None:
            known = ", ".join(self.models.names)
            raise Refusal(404, "model_not_found", f"there is no model {name:.100}: there are {known}", param="model")
        return name, served

    async def _come(self, body: bytearray, headers: Mapping[str, str], receive: Receive) -> None:
        """Wait until a request's body is there. Raises `Refusal`."""
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self.request_bytes:
            raise self._too_long()
        try:
            async with asyncio.timeout(self.body_s):
                await self._read(body, receive)
        except TimeoutError:
            why = f"a request has to come within {self.body_s:g} s: send it again"
            raise Refusal(408, "request_timeout", why, headers=_CLOSE) from None

    async def _read(self, body: bytearray, receive: Receive) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refusal(400, "incomplete", "the request ended before it was whole")
            part = message.get("body", b"")
            body += part
            self._held += len(part)
            if len(body) > self.request_bytes:
                raise self._too_long()
            if self._held > self.held_bytes:
                why = "requests under way hold all the room there is: try again later"
                raise Refusal(503, "overloaded", why, headers={**_CLOSE, "retry-after": "5"})
            more = message.get("more_body", False)

    def _too_long(self) -> Refusal:
        why = f"a request has at most {self.request_bytes} bytes"
        return Refusal(413, "request_too_large", why, headers=_CLOSE)


def _listed(name: str) -> Mapping[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "nightcrew"}


async def _left(receive: Receive) -> None:
    """Return once the client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass
