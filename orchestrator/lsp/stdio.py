"""Standard input and output: the server runs on them in a thread of its own, so that work is done where Ctrl-C arrives."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType

from pygls.io_ import run_async

from orchestrator.lsp.desk import Desk
from orchestrator.lsp.server import Open, Server

_READ_BYTES = 1 << 16


def opened(open: Open) -> tuple[Desk, Server]:
    """Serve an editor in a thread of its own; return the desk on which it puts tickets. Call this from the main thread."""
    main = threading.main_thread().ident
    assert main is not None
    signal.signal(signal.SIGTERM, _interrupt)
    # It would trace at length what `report_server_error` says in a line.
    logging.getLogger("pygls").setLevel(logging.CRITICAL)
    desk = Desk(lambda: signal.pthread_kill(main, signal.SIGTERM))
    server = Server(open, desk)
    reads, writes = _taken()
    threading.Thread(target=_serve, args=(server, desk, reads, _Out(writes)), name="protocol", daemon=True).start()
    return desk, server


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    """End as Ctrl-C does, once: an editor that left terminates the server a moment later, and that must not cut off what keeps the work."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _taken() -> tuple[int, int]:
    """Take both descriptors: what else prints goes to standard error, and no child reads what the editor says."""
    reads, writes = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return reads, writes


class _Out:
    """Where messages go; once nobody reads them any more, nowhere."""

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "wb")

    def write(self, data: bytes) -> None:
        # The end of what the editor says comes too, and ends all.
        with suppress(OSError, ValueError):
            self._file.write(data)
            self._file.flush()

    def close(self) -> None:
        with suppress(OSError):
            self._file.close()


def _serve(server: Server, desk: Desk, reads: int, out: _Out) -> None:
    try:
        asyncio.run(_converse(server, reads, out))
    finally:
        desk.leave()
        server.close()


async def _converse(server: Server, reads: int, out: _Out) -> None:
    reader = asyncio.StreamReader()
    feeding = threading.Thread(
        target=_feed, args=(reads, reader, asyncio.get_running_loop()), name="standard input", daemon=True
    )
    feeding.start()
    server.protocol.set_writer(out)
    # The library ends with what ends a program; the end of a message that breaks off is the end, too.
    with suppress(SystemExit, asyncio.IncompleteReadError):
        await run_async(
            stop_event=threading.Event(),
            reader=reader,
            protocol=server.protocol,
            logger=logging.getLogger("pygls"),
            error_handler=server.report_server_error,
        )


def _feed(reads: int, reader: asyncio.StreamReader, loop: asyncio.AbstractEventLoop) -> None:
    """Hand on what the editor says. A thread that waits for it at the end of the process is in nobody's way."""
    with suppress(RuntimeError):
        while data := _read(reads):
            loop.call_soon_threadsafe(reader.feed_data, data)
        loop.call_soon_threadsafe(reader.feed_eof)


def _read(reads: int) -> bytes:
    try:
        return os.read(reads, _READ_BYTES)
    except OSError as error:
        sys.stderr.write(f"nightcrew: the editor cannot be heard any more: {error.strerror}\n")
        return b""
