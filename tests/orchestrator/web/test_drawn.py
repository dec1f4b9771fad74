"""Pages that many look at are drawn once, and never older than what was written when somebody asked."""

from __future__ import annotations

import asyncio
import threading

import pytest

from orchestrator.web.drawn import MOST, Drawn


class Written:
    """A store as a page sees it, and a clock."""

    def __init__(self) -> None:
        self.version = 0
        self.now = 0.0
        self.times = 0
        self.pages = Drawn(self._told, lambda: self.now)

    async def _told(self) -> int:
        return self.version

    def draw(self) -> str:
        self.times += 1
        return f"of version {self.version}"


def test_a_page_is_drawn_once_for_all_who_ask_until_somebody_writes_or_a_second_has_passed() -> None:
    store = Written()

    async def main() -> None:
        assert await asyncio.gather(*(store.pages.get("board", store.draw) for _ in range(50))) == ["of version 0"] * 50
        assert store.times == 1
        store.version = 1
        assert await store.pages.get("board", store.draw) == "of version 1"
        assert await store.pages.get("job", store.draw) == "of version 1"
        assert store.times == 3
        store.now = 1.0
        await store.pages.get("board", store.draw)
        assert store.times == 4

    asyncio.run(main())


def test_who_asks_after_something_was_written_does_not_get_what_is_being_drawn_of_before() -> None:
    store = Written()
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert go_on.wait(20)
        return "of before"

    async def main() -> None:
        first = asyncio.ensure_future(store.pages.get("board", slow))
        await asyncio.to_thread(begun.wait, 20)
        store.version = 1
        assert await store.pages.get("board", store.draw) == "of version 1"
        go_on.set()
        assert await first == "of before"
        assert await store.pages.get("board", store.draw) == "of version 1"

    asyncio.run(main())


def test_what_cannot_be_drawn_says_so_to_everybody_and_is_tried_again() -> None:
    store = Written()

    def fail() -> str:
        store.times += 1
        raise LookupError("no such ticket")

    async def main() -> None:
        both = await asyncio.gather(*(store.pages.get("job", fail) for _ in range(2)), return_exceptions=True)
        assert [type(each) for each in both] == [LookupError, LookupError]
        with pytest.raises(LookupError):
            await store.pages.get("job", fail)
        assert await store.pages.get("job", store.draw) == "of version 0"

    asyncio.run(main())


def test_somebody_who_goes_away_takes_the_page_from_nobody() -> None:
    store = Written()
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert go_on.wait(20)
        return "whole"

    async def main() -> None:
        first = asyncio.ensure_future(store.pages.get("board", slow))
        await asyncio.to_thread(begun.wait, 20)
        second, third = (asyncio.ensure_future(store.pages.get("board", slow)) for _ in range(2))
        await asyncio.sleep(0)
        second.cancel()
        go_on.set()
        assert (await first, await third) == ("whole", "whole")

    asyncio.run(main())


def test_only_the_latest_pages_are_kept() -> None:
    store = Written()

    async def main() -> None:
        for number in range(MOST + 1):
            await store.pages.get(number, store.draw)
        await store.pages.get(MOST, store.draw)
        assert store.times == MOST + 1
        await store.pages.get(0, store.draw)
        assert store.times == MOST + 2

    asyncio.run(main())
