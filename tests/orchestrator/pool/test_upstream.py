"""Connections to a replica are kept only while the two agree where a reply ends."""

from __future__ import annotations

import asyncio
import resource
from contextlib import closing, suppress

import pytest

from orchestrator.pool.upstream import HOST, Broken, Upstream

OWN = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nown"
OTHER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"


@pytest.mark.parametrize("pause_s", [0.0, 0.05], ids=["at-once", "later"])
@pytest.mark.parametrize("after", [OTHER, OTHER[:4], b"noise"], ids=["reply", "part", "noise"])
def test_what_comes_after_a_replys_end_is_no_reply(after: bytes, pause_s: float) -> None:
    handlers: list[asyncio.Task[None]] = []

    async def engine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.append(task)
        with closing(writer), suppress(ConnectionError):
            while await reader.read(1000):
                writer.write(OWN if pause_s else OWN + after)
                await asyncio.sleep(pause_s)
                if pause_s:
                    writer.write(after)

    async def said() -> list[bytes]:
        server = await asyncio.start_server(engine, HOST, 0)
        upstream = Upstream(server.sockets[0].getsockname()[1])
        told = []
        for _ in range(2):
            async with upstream.ask("GET", "/") as answer:
                told.append(await answer.body(100))
            await asyncio.sleep(pause_s * 3)
        upstream.close()
        server.close()
        await asyncio.gather(*handlers)
        return told

    assert asyncio.run(said()) == [b"own", b"own"] and len(handlers) == 2


def test_a_connection_is_kept_where_nothing_came_after_its_reply() -> None:
    handlers: list[asyncio.Task[None]] = []

    async def engine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.append(task)
        with closing(writer), suppress(ConnectionError):
            while await reader.read(1000):
                writer.write(OWN)

    async def ask_twice() -> None:
        server = await asyncio.start_server(engine, HOST, 0)
        upstream = Upstream(server.sockets[0].getsockname()[1])
        for _ in range(2):
            async with upstream.ask("GET", "/") as answer:
                assert await answer.body(100) == b"own"
        upstream.close()
        server.close()
        await asyncio.gather(*handlers)

    asyncio.run(ask_twice())
    assert len(handlers) == 1


def test_a_process_that_has_no_file_left_says_nothing_about_its_replica() -> None:
    async def ask() -> Broken:
        upstream = Upstream(1)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        # Files that are open already stay so.
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            with pytest.raises(Broken) as raised:
                async with upstream.ask("GET", "/"):
                    pass
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return raised.value

    assert asyncio.run(ask()).ours
