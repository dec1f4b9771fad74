"""What so many open boards do to a server: each listens, and asks for its page again when something changed, as the page's script does.

Browsers are on other machines: what stands for them here reads bytes from a socket and does no more, so that what is measured is the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from urllib.parse import urlsplit

REFRESH_S = 1.0
"""The least time between two refreshes of a page (`orchestrator/web/static/page.js`)."""
_CHANGED = b"event: changed\r\n"


async def main(address: str, count: int) -> None:
    """Open the pages, say so, and go on until standard input ends."""
    listening = asyncio.Semaphore(0)
    viewers = [asyncio.create_task(Viewer(address, os.environ["NIGHTCREW_KEY"]).look(listening)) for _ in range(count)]
    for _ in range(count):
        await listening.acquire()
    print("listening", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for each in viewers:
        each.cancel()
    await asyncio.gather(*viewers, return_exceptions=True)


class Viewer:
    """An open board: a connection that listens, and one that pages come over."""

    def __init__(self, address: str, key: str) -> None:
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._key = key
        self._pages: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def look(self, listening: asyncio.Semaphore) -> None:
        """Listen, and refresh the page when something changed, while it is not being refreshed."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        writer.write(self._request("/api/events", "text/event-stream"))
        await self._headers(reader)
        listening.release()
        refreshing: asyncio.Task[None] | None = None
        try:
            async for line in reader:
                if line == _CHANGED and (refreshing is None or refreshing.done()):
                    refreshing = asyncio.create_task(self._refresh())
        finally:
            writer.close()

    async def _refresh(self) -> None:
        # The server may end while a page asks, as it may for a browser.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            if self._pages is None:
                self._pages = await asyncio.open_connection(self._host, self._port)
            reader, writer = self._pages
            writer.write(self._request("/", "text/html"))
            await reader.readexactly(await self._headers(reader))
        await asyncio.sleep(REFRESH_S)

    def _request(self, path: str, accept: str) -> bytes:
        host = f"{self._host}:{self._port}"
        return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {self._key}\r\nAccept: {accept}\r\n\r\n".encode()

    async def _headers(self, reader: asyncio.StreamReader) -> int:
        """Read the headers of an answer; return its length, 0 where none is told."""
        status, *headers = (await reader.readuntil(b"\r\n\r\n")).decode().lower().splitlines()
        assert status.split()[1] == "200", status
        return next((int(line.partition(":")[2]) for line in headers if line.startswith("content-length:")), 0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
