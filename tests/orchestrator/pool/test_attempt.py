"""An attempt holds a turn until its end, whatever ends it."""

from __future__ import annotations

import asyncio
import json
import socket
import time

import pytest

from orchestrator.pool.asked import read
from orchestrator.pool.attempt import Attempt, first_of
from orchestrator.pool.line import Line
from orchestrator.pool.served import Served
from orchestrator.pool.upstream import Upstream


def test_a_turn_is_given_back_whose_request_is_ended_twice() -> None:
    asyncio.run(_ended_twice())


async def _ended_twice() -> None:
    body = json.dumps({"model": "coder", "messages": []}).encode()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        served = Served("coder", (), Line(time.monotonic))
        served.open("one", Upstream(silent.getsockname()[1]), 1)
        ticket = ("ann", "t1")
        await served.line.turn(ticket, 1.0)
        attempt = Attempt(read("/v1/chat/completions", body, {}), served, ticket, "one", body, {})
        asking = asyncio.ensure_future(first_of(attempt, 60.0, lambda: None))
        await asyncio.sleep(0.05)
        assert served.line.load("one")[0] == 1
        for _ in range(2):
            asking.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert served.line.load("one")[0] == 0
        served.shut("one")
        await asyncio.sleep(0)
