"""The clock of a stand-in's card: what it reads and what it writes take turns."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.orchestrator.pool.card import Card


def test_a_reply_waits_for_what_is_read_meanwhile() -> None:
    async def both() -> float:
        card, began = Card(), time.monotonic()
        async with asyncio.TaskGroup() as group:
            group.create_task(card.write(0.2))
            await asyncio.sleep(0.05)
            group.create_task(card.read(0.1))
            group.create_task(card.read(0.1))
        return time.monotonic() - began

    assert asyncio.run(both()) == pytest.approx(0.4, abs=0.1)


def test_replies_beside_each_other_go_on_together() -> None:
    async def both() -> float:
        card, began = Card(), time.monotonic()
        await asyncio.gather(card.write(0.2), card.write(0.2))
        return time.monotonic() - began

    assert asyncio.run(both()) == pytest.approx(0.2, abs=0.1)
