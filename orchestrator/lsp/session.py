"""The session: one editor, one repository. What its parts share, and what keeps the editor in step with the store and the buffers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import OrchestratorError, WrongStatus
from orchestrator.lsp.boundary import guarded, wording
from orchestrator.lsp.buffers import Buffer, Buffers, on_disk
from orchestrator.lsp.client import Client
from orchestrator.lsp.desk import Desk
from orchestrator.lsp.following import EVERY_S, Following, Proposals
from orchestrator.lsp.options import Options
from orchestrator.lsp.places import Places
from orchestrator.lsp.showing import Placed, notes, placed
from orchestrator.records import Order
from orchestrator.working.savelock import SaveLock
from shadowfs import RepoPath

if TYPE_CHECKING:
    from orchestrator.cluster.carrying import Exchange
    from orchestrator.crew import Crew
    from orchestrator.settings import Settings


@dataclass(frozen=True, slots=True)
class Ground:
    """What a session works on: a repository, where nightcrew keeps its state, and how tickets are filed and looked at.

    `url` and `exchange` are the store's, as a crew takes them. `settings` are read anew for each ticket: a server may live for days. `crew` looks and decides, it does no work.
    """

    places: Places
    state: Path
    order: Order
    options: Options
    crew: Crew
    settings: Callable[[Order], Settings]
    url: str | None = None
    exchange: Exchange | None = None

    @property
    def repository(self) -> Path:
        return self.places.repository

    def order_for(self, text: str) -> Order:
        """Return an order of this repository, as the editor's options have it."""
        options = self.options
        return replace(self.order, text=text, agent=options.agent, test_command=options.test, seconds=options.seconds)


@dataclass(slots=True)
class Session:
    """An editor at work in a repository. Used by the thread of the protocol alone; what takes long is done in another."""

    client: Client
    ground: Ground
    buffers: Buffers
    desk: Desk
    lock: SaveLock
    warned: set[tuple[RepoPath, str]] = field(default_factory=set)
    """Files, and the attempts that hold them, of which the user said that he saves anyway."""
    asking: set[RepoPath] = field(default_factory=set)
    going_on: set[asyncio.Task[None]] = field(default_factory=set)
    """What was spawned and has not ended."""
    proposals: Proposals = field(default_factory=dict)
    _placed: dict[str, tuple[Buffer, Proposals, tuple[Placed, ...]]] = field(default_factory=dict)
    _noted: set[str] = field(default_factory=set)

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Let something go on beside the rest, until its end or the editor's."""
        task = asyncio.ensure_future(self._guarded(work))
        self.going_on.add(task)
        task.add_done_callback(self.going_on.discard)

    async def _guarded(self, work: Coroutine[object, object, None]) -> None:
        await guarded(self.client, work)

    def look(self, path: RepoPath) -> tuple[str, Buffer | None]:
        """Return the URI of a file, and the document that stands for it: the open one, else what is on disk.

        Raises `WrongStatus` where a link leads elsewhere.
        """
        for buffer in self.buffers.opened():
            if self.ground.places.path_of(buffer.uri) == path:
                return buffer.uri, buffer
        file = self.ground.repository / path
        if file.parent.resolve() != file.parent:
            raise WrongStatus(f"a directory on the way to {path} is a link by now: put the change in by hand")
        uri = self.ground.places.uri_of(path)
        return uri, on_disk(uri, file)

    def placed(self, buffer: Buffer) -> tuple[Placed, ...]:
        """Return the hunks that have a place in an open document."""
        known = self._placed.get(buffer.uri)
        if known is not None and known[0] is buffer and known[1] is self.proposals:
            return known[2]
        path = self.ground.places.path_of(buffer.uri)
        found = placed(buffer, path, self.proposals.values()) if path else ()
        self._placed[buffer.uri] = buffer, self.proposals, found
        return found

    def publish(self, uri: str) -> None:
        """Have the notes of an open document stand in it."""
        buffer = self.buffers.get(uri)
        if buffer is None:
            return
        found = tuple(notes(self.placed(buffer)))
        if found or uri in self._noted:
            self.client.note(buffer, found)
        (self._noted.add if found else self._noted.discard)(uri)

    def closed(self, uri: str) -> None:
        """Forget a document that was closed."""
        buffer = self.buffers.get(uri)
        self.buffers.close(uri)
        self._placed.pop(uri, None)
        if buffer is not None and uri in self._noted:
            self._noted.discard(uri)
            self.client.note(replace(buffer, version=None), ())

    def renew(self, proposals: Proposals) -> None:
        """Show what waits for review by now."""
        self.proposals = proposals
        for buffer in self.buffers.opened():
            self.publish(buffer.uri)
        self.client.refresh()

    async def follow(self, following: Following) -> None:
        """Show what waits for review, whoever made it, until the editor leaves."""
        told = ""
        while True:
            try:
                found = await asyncio.to_thread(following.look)
            except (OrchestratorError, OSError) as error:
                # A store that cannot be read is told of once, not every time.
                if told != (told := wording(error)):
                    self.client.tell(told, warn=True)
            else:
                told = ""
                if found is not None:
                    self.renew(found)
            await asyncio.sleep(EVERY_S)
