"""Serving a pool: its address and its supervisor in one event loop, until somebody ends it. The one module that knows the server's program."""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import socket
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from functools import partial

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from orchestrator.errors import BadConfig
from orchestrator.listening import bound
from orchestrator.pool.errors import PoolError
from orchestrator.pool.front import Front
from orchestrator.pool.here import Here
from orchestrator.pool.keys import Doorman
from orchestrator.pool.ledger import Ledger
from orchestrator.pool.place import Place
from orchestrator.pool.report import told
from orchestrator.pool.served import Models
from orchestrator.pool.spec import PoolFile
from orchestrator.pool.status import Folder
from orchestrator.pool.supervisor import Supervisor

_END_S = 30
_KEEP_S = 75
_TIDY_S = 30.0
_HEAD_BYTES, _HEAD_S = 64 << 10, 30.0
_CONNECTIONS = 4096
_OWN_FILES = 256
"""Files that are open besides connections."""


def serve(file: PoolFile, folder: Folder, environ: Mapping[str, str], ready: Callable[[str], None]) -> None:
    """Bring a pool up, and keep it until somebody ends it (SIGINT, SIGTERM). `ready` is told its address once all of it is up.

    SIGHUP has it read what is wanted from its folder. Raises `BadConfig`, and `PoolError` where a replica does not come up at first.
    """
    with folder.held(), bound(file.host, file.port, "name another `port`, or `port = 0` for any") as listening:
        listening.listen(2048)
        # What is there stays: to look through it again and again would hold up replies.
        gc.collect()
        gc.freeze()
        uvloop.run(_Pool(file, folder, environ, ready).run(listening))


class _Server(uvicorn.Server):
    """Leaves signals to the pool."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class Connection(HttpToolsProtocol):
    """A client's connection: ended where its headers are too long or too slow, or where there are too many."""

    most = _CONNECTIONS
    head_s = _HEAD_S
    _unread = 0
    """Bytes since anything came that is whole: headers, trailers and sizes of chunks are held until they are."""
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.abort()
        else:
            self._timer = self.loop.call_later(self.head_s, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._at_ease()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unread += len(data)
        super().data_received(data)
        if self._unread > _HEAD_BYTES:
            self.transport.close()

    def on_message_begin(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.head_s, self.transport.close)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._at_ease()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unread = 0
        super().on_message_complete()

    def _at_ease(self) -> None:
        self._unread = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Pool:
    def __init__(
        self, file: PoolFile, folder: Folder, environ: Mapping[str, str], ready: Callable[[str], None]
    ) -> None:
        self._file = file
        self._folder = folder
        self._environ = environ
        self._ready = ready
        self._failed: PoolError | None = None

    async def run(self, listening: socket.socket) -> None:
        """Serve at a socket until the end."""
        address = _address(self._file.host, listening.getsockname()[1])
        place = _place(self._file, self._environ)
        models, doorman = Models(), Doorman(self._file.holders, self._file.anybody, time.monotonic)
        ledger = Ledger(self._folder.ledger, time.time)
        server = _server(Front(models, doorman, ledger, report=partial(told, self._folder)))
        try:
            async with asyncio.TaskGroup() as group:
                supervisor = Supervisor(self._folder, address, models, doorman, place, self._environ, group)
                await supervisor.begin(self._file)
                self._listen(server, supervisor, group)
                beside = [
                    group.create_task(self._come_up(server, supervisor, address)),
                    group.create_task(_tidy(ledger)),
                ]
                await server.serve(sockets=[listening])
                for each in beside:
                    each.cancel()
                await supervisor.end()
        except* BadConfig as group_of:
            raise group_of.exceptions[0] from None
        finally:
            await place.close()
            ledger.close()
        if self._failed is not None:
            raise self._failed

    async def _come_up(self, server: _Server, supervisor: Supervisor, address: str) -> None:
        try:
            await supervisor.started()
            self._ready(address)
        except PoolError as error:
            self._failed = error
            server.should_exit = True

    def _listen(self, server: _Server, supervisor: Supervisor, group: asyncio.TaskGroup) -> None:
        """Hear signals."""

        def end() -> None:
            # Whoever asks twice does not want to wait for requests under way.
            server.force_exit = server.should_exit
            server.should_exit = True

        def change() -> None:
            with suppress(OSError, ValueError):
                wanted = PoolFile.model_validate_json(self._folder.wanted.read_bytes())
                group.create_task(supervisor.change(wanted))

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, end)
        loop.add_signal_handler(signal.SIGHUP, change)


def _place(file: PoolFile, environ: Mapping[str, str]) -> Place:
    """Return where the file has engines run. Raises `PoolError` where there is no cluster."""
    if not file.place.ray:
        return Here(environ)
    try:
        from orchestrator.pool.rayplace import RayPlace
    except ModuleNotFoundError as error:
        raise BadConfig(
            f"a pool on a Ray cluster needs the package {error.name}: install nightcrew[pool,ray]"
        ) from error
    return RayPlace(file.place.ray)


async def _tidy(ledger: Ledger) -> None:
    while True:
        await asyncio.sleep(_TIDY_S)
        await ledger.tidy()


def _server(front: Front) -> _Server:
    Connection.most = _room()
    config = uvicorn.Config(
        front,
        http=Connection,
        access_log=False,
        log_level="warning",
        lifespan="off",
        loop="none",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_S,
        timeout_graceful_shutdown=_END_S,
    )
    return _Server(config)


def _room() -> int:
    """Have as many files as may be; return how many connections that is room for, each with one to a replica."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = hard if hard != resource.RLIM_INFINITY else 2 * _CONNECTIONS + _OWN_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(1, min(_CONNECTIONS, (files - _OWN_FILES) // 2))


def _address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"
