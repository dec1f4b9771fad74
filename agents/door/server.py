"""The door's server: an event loop in the door's thread, since many things wait at once: programs, the model, the end."""

from __future__ import annotations

import asyncio
import errno
import hmac
import json
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

from agents.door.account import Account, Call
from agents.door.again import chunks, document
from agents.door.asked import Asked, read, spared
from agents.door.connection import Connection, Incoming
from agents.door.events import Events
from agents.door.limits import DoorLimits
from agents.door.refused import Refused
from agents.door.upstream import Upstream
from agents.models import Endpoint, Reply

_DONE = "[DONE]"
_PAUSE_S = 0.1
_NO_LINGER = struct.pack("ii", 0, 0)


def serve(
    listener: socket.socket, ending: socket.socket, endpoint: Endpoint, account: Account, limits: DoorLimits, token: str
) -> None:
    """Serve what connects to `listener` until `ending` has something to read; calls under way are cancelled then."""
    asyncio.run(Server(endpoint, account, limits, token).run(listener, ending))


class Server:
    """Answers for one model."""

    def __init__(self, endpoint: Endpoint, account: Account, limits: DoorLimits, token: str) -> None:
        self._endpoint = endpoint
        self._account = account
        self._limits = limits
        self._token = token
        self._connections: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()
        self._turns = asyncio.Semaphore(limits.at_once)
        self._upstream = Upstream(endpoint, limits)

    async def run(self, listener: socket.socket, ending: socket.socket) -> None:
        """Serve until the end; whatever still runs is cancelled by the loop's."""
        loop = asyncio.get_running_loop()
        loop.add_reader(ending, self._over.set)
        async with self._upstream:
            self._listen(listener)
            await self._over.wait()
            loop.remove_reader(listener)

    def _listen(self, listener: socket.socket) -> None:
        if not self._over.is_set():
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        """Take one connection off a socket that hostile code holds too, and may close, or accept from, at any moment."""
        try:
            # That it does not block is a flag which both share: lost between these lines, it blocks until `Door.close`.
            listener.setblocking(False)
            connection, _ = listener.accept()
        except OSError as error:
            loop = asyncio.get_running_loop()
            loop.remove_reader(listener)
            if error.errno != errno.EINVAL:
                loop.call_later(_PAUSE_S, self._listen, listener)
            return
        # Inherited from the listener, it would make a close wait for whoever does not read.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        if len(self._connections) >= self._limits.connections:
            connection.close()
            return
        task = asyncio.ensure_future(self._connected(connection))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _connected(self, connection: socket.socket) -> None:
        with suppress(ConnectionError):
            reader, writer = await asyncio.open_connection(sock=connection)
            try:
                await self._talk(Connection(reader, writer, self._limits))
            finally:
                writer.close()

    async def _talk(self, connection: Connection) -> None:
        try:
            while (incoming := await connection.request()) is not None:
                await self._until_left(connection, incoming)
        except Refused as refused:
            # It is not known where the next request begins.
            await connection.refuse(refused)
            await connection.linger()

    async def _until_left(self, connection: Connection, incoming: Incoming) -> None:
        """Answer, or stop where the program goes away before it is answered: nobody would read what is paid for."""
        work = asyncio.ensure_future(self._answer(connection, incoming))
        left = asyncio.ensure_future(connection.left())
        try:
            await asyncio.wait({work, left}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise ConnectionResetError("the program went away")
            work.result()
        finally:
            for task in (work, left):
                task.cancel()
            await asyncio.gather(work, left, return_exceptions=True)

    async def _answer(self, connection: Connection, incoming: Incoming) -> None:
        try:
            await self._route(connection, incoming)
        except Refused as refused:
            await _refuse(connection, refused)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - the HTTP boundary
            # The budget, a stop, a defect: the attempt ends with it, not the server.
            await _refuse(connection, self._account.end(error))

    async def _route(self, connection: Connection, incoming: Incoming) -> None:
        given = incoming.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            raise Refused(401, "invalid_api_key", "use the key that OPENAI_API_KEY holds; no other opens this door")
        method, path = incoming.method, incoming.path
        if (method, path) == ("POST", "/v1/chat/completions"):
            # Read in its turn: what JSON makes of a few bytes can be large.
            async with self._turns:
                await self._chat(connection, read(incoming.body, self._endpoint, self._limits))
        elif (method, path) == ("GET", "/v1/models"):
            listed = {"object": "list", "data": [self._model()]}
            await connection.answer(200, json.dumps(listed).encode())
        elif (method, path) == ("GET", f"/v1/models/{self._endpoint.model}"):
            await connection.answer(200, json.dumps(self._model()).encode())
        else:
            why = f"{method:.20} {path:.200} does not pass this door: POST /v1/chat/completions and GET /v1/models do"
            raise Refused(404, "not_found", why)

    def _model(self) -> Mapping[str, object]:
        return {"id": self._endpoint.model, "object": "model", "created": 0, "owned_by": "nightcrew"}

    async def _chat(self, connection: Connection, asked: Asked) -> None:
        if (reply := self._account.reply_before(asked)) is not None:
            await self._repeat(connection, asked, reply)
            return
        with self._account.call(asked) as call:
            try:
                await self._ask(connection, asked, call)
            except Refused as refused:
                call.refused(refused)
                self._account.note_trouble(refused)
                raise

    async def _repeat(self, connection: Connection, asked: Asked, reply: Reply) -> None:
        """Answer with what an earlier life was told."""
        model = self._endpoint.model
        if not asked.streams:
            await connection.answer(200, json.dumps(document(reply, model)).encode())
            return
        await connection.open()
        for chunk in chunks(reply, model, asked.tells_usage):
            await connection.event(json.dumps(chunk))
        await connection.event(_DONE)
        await connection.finish()

    async def _ask(self, connection: Connection, asked: Asked, call: Call) -> None:
        call.goes_out()
        try:
            async with self._upstream.ask(asked.body) as pieces:
                await (self._relay if asked.streams else self._pass_on)(connection, asked, call, pieces)
        except Refused as refused:
            again = spared(asked, str(refused)) if refused.status in (400, 422) else None
            if again is None or connection.begun:
                raise
            await self._ask(connection, again, call)

    async def _pass_on(self, connection: Connection, asked: Asked, call: Call, pieces: AsyncIterator[bytes]) -> None:
        del asked
        text = self._endpoint.scrub(b"".join([piece async for piece in pieces]).decode("utf-8", "replace"))
        reply = _object(text)
        choices = reply.get("choices")
        if not isinstance(choices, list):
            raise Refused(502, "garbage", "the model's server answered with something that is no reply of a chat")
        said = [{**each, "delta": each.get("message")} for each in choices if isinstance(each, dict)]
        call.take({**reply, "choices": said})
        call.whole = True
        await connection.answer(200, text.encode())

    async def _relay(self, connection: Connection, asked: Asked, call: Call, pieces: AsyncIterator[bytes]) -> None:
        events = Events()
        await connection.open()
        try:
            async for piece in pieces:
                for data in events.take(piece):
                    await self._event(connection, asked, call, data)
            for data in events.end():
                await self._event(connection, asked, call, data)
            if not call.whole:
                raise Refused(502, "broken_off", "the model's server ended its reply before it was whole")
        except (Refused, ValueError) as error:
            refused = error if isinstance(error, Refused) else Refused(502, "garbage", str(error))
            # The status is said already: clients look for an error among the events.
            await connection.event(refused.document())
            await connection.finish()
            raise refused from None
        await connection.finish()

    async def _event(self, connection: Connection, asked: Asked, call: Call, data: str) -> None:
        data = self._endpoint.scrub(data)
        if data.strip() == _DONE:
            call.whole = True
        else:
            chunk = _object(data)
            call.take(chunk)
            if chunk.get("choices") == [] and "usage" in chunk and not asked.tells_usage:
                return
        await connection.event(data)


async def _refuse(connection: Connection, refused: Refused) -> None:
    if not connection.begun:
        await connection.refuse(refused)


def _object(text: str) -> dict[str, Any]:
    """Return a JSON object of the server's. Raises `Refused` for anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Refused(
            502, "garbage", "the model's server sent what is no JSON object: is its address the one of a chat?"
        )
    return value
