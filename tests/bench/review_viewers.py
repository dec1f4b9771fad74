"""What so many open boards do to a server: each listens, and asks for its page again when something changed, as the page's script does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

import httpx2

REFRESH_S = 1.0
"""The least time between two refreshes of a page (`orchestrator/web/static/page.js`)."""


async def main(address: str, count: int) -> None:
    """Open the pages, say so, and go on until standard input ends."""
    limits = httpx2.Limits(max_connections=2 * count + 10)
    headers = {"authorization": f"Bearer {os.environ['NIGHTCREW_KEY']}", "accept": "text/html"}
    async with httpx2.AsyncClient(base_url=address, headers=headers, limits=limits, timeout=None) as client:
        listening = asyncio.Semaphore(0)
        viewers = [asyncio.create_task(_viewer(client, listening)) for _ in range(count)]
        for _ in range(count):
            await listening.acquire()
        print("listening", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        for each in viewers:
            each.cancel()
        await asyncio.gather(*viewers, return_exceptions=True)


async def _viewer(client: httpx2.AsyncClient, listening: asyncio.Semaphore) -> None:
    refreshing: asyncio.Task[None] | None = None
    async with client.stream("GET", "/api/events", headers={"accept": "text/event-stream"}) as stream:
        listening.release()
        async for line in stream.aiter_lines():
            if line == "event: changed" and (refreshing is None or refreshing.done()):
                refreshing = asyncio.create_task(_refresh(client))


async def _refresh(client: httpx2.AsyncClient) -> None:
    with contextlib.suppress(httpx2.TransportError):
        # The server may end while a page asks, as it may for a browser.
        (await client.get("/")).raise_for_status()
    await asyncio.sleep(REFRESH_S)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
