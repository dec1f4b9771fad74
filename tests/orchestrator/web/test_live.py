"""Happenings reach those who listen, whoever caused them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from orchestrator.web.live import PAGE_S, Happening, Hub


class Written:
    """A store as a hub sees it."""

    def __init__(self) -> None:
        self.version = 0
        self.tickets: list[str] = []

    def write(self, ticket: str) -> None:
        self.tickets.append(ticket)
        self.version += 1


def play(script: Callable[[Hub, Written], Awaitable[None]]) -> None:
    """Run a script beside a hub that looks at a store."""

    async def main() -> None:
        store = Written()
        hub = Hub(lambda: store.version, lambda _: [store.tickets.pop()])
        looking = asyncio.create_task(hub.look())
        async with asyncio.timeout(20):
            await script(hub, store)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)

    asyncio.run(main())


async def listening(hub: Hub, ticket: str = "") -> asyncio.Task[Happening]:
    """Return a task that takes the next happening, once the hub knows of it."""
    stream = hub.listen(ticket)
    task = asyncio.ensure_future(anext(stream))
    before = hub.listeners
    while hub.listeners == before:
        await asyncio.sleep(0)
    return task


def test_what_another_process_writes_is_told() -> None:
    async def script(hub: Hub, store: Written) -> None:
        task = await listening(hub)
        await asyncio.sleep(0)
        store.write("261121-a")
        happening = await task
        assert (happening.kind, happening.ticket) == ("changed", "261121-a")

    play(script)


def test_steps_come_from_any_thread_and_only_to_who_asked_for_the_ticket() -> None:
    async def script(hub: Hub, _: Written) -> None:
        one, all_of_them = await listening(hub, "261121-b"), await listening(hub)
        for ticket in ("261121-a", "261121-b"):
            await asyncio.to_thread(hub.publish, Happening("step", ticket, "test 3 of 7"))
        assert (await one).ticket == "261121-b"
        assert (await all_of_them).ticket == "261121-a"

    play(script)


def test_a_page_that_is_far_behind_is_told_to_look_anew() -> None:
    async def script(hub: Hub, _: Written) -> None:
        stream = hub.listen()
        first = asyncio.ensure_future(anext(stream))
        while not hub.listeners:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        hub.publish(Happening("step", "t", "0"))
        await first
        for at in range(300):
            hub.publish(Happening("step", f"t{at}", "1"))
        while (told := await anext(stream)).kind != "behind":
            assert told.ticket.startswith("t")

    play(script)


def test_of_what_happens_to_a_ticket_at_once_the_last_is_told() -> None:
    async def script(hub: Hub, _: Written) -> None:
        task = await listening(hub)
        await asyncio.sleep(0)
        for at in range(100):
            hub.publish(Happening("step", "t", f"test {at} of 99"))
        hub.publish(Happening("changed", "t"))
        assert (await task).text == "test 99 of 99"

    play(script)


def test_with_many_pages_open_what_happens_is_told_in_rounds() -> None:
    async def script(hub: Hub, _: Written) -> None:
        streams = [hub.listen() for _ in range(100)]
        tasks = [asyncio.ensure_future(anext(each)) for each in streams]
        while hub.listeners < 100:
            await asyncio.sleep(0)
        hub.publish(Happening("changed", "a"))
        await asyncio.gather(*tasks)
        told = asyncio.get_running_loop().time()
        hub.publish(Happening("changed", "b"))
        assert (await anext(streams[0])).ticket == "b"
        assert asyncio.get_running_loop().time() - told >= 0.9 * 100 * PAGE_S

    play(script)
