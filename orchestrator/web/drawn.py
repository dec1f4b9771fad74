"""Pages that were drawn, shared by all who look at the same: while nobody writes, each is drawn once a second at most, however many ask."""

from __future__ import annotations

import time
from asyncio import wrap_future
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import Future

from starlette.concurrency import run_in_threadpool

MOST = 32
"""Pages that are kept."""


class Drawn:
    """Draws each page once for all who ask for it meanwhile. What they get is never older than what was written when they asked."""

    def __init__(self, version: Callable[[], Awaitable[object]], clock: Callable[[], float] = time.time) -> None:
        self._version = version
        self._clock = clock
        self._pages: OrderedDict[Hashable, Future[str | None]] = OrderedDict()

    async def get(self, asked: Hashable, draw: Callable[[], str]) -> str:
        """Return the page that `draw` draws, in a thread, or drew for somebody else who asked for the same in this second."""
        now = asked, await self._version(), int(self._clock())
        page = self._pages.get(now)
        if page is None:
            page = self._begun(now)
            return await run_in_threadpool(self._draw, now, page, draw)
        drawn = page.result() if page.done() else await wrap_future(page)
        # What failed for somebody else may say to this one why.
        return await run_in_threadpool(draw) if drawn is None else drawn

    def _begun(self, now: Hashable) -> Future[str | None]:
        page: Future[str | None] = Future()
        # From here on nobody who goes away takes it from the others.
        page.set_running_or_notify_cancel()
        self._pages[now] = page
        while len(self._pages) > MOST:
            self._pages.popitem(last=False)
        return page

    def _draw(self, now: Hashable, page: Future[str | None], draw: Callable[[], str]) -> str:
        drawn = None
        try:
            drawn = draw()
            return drawn
        finally:
            if drawn is None:
                self._pages.pop(now, None)
            page.set_result(drawn)
