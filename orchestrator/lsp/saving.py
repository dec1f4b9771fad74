"""Saving: whoever saves a file that an attempt holds the lock on is warned, and can take it back at once."""

from __future__ import annotations

import asyncio

from orchestrator.errors import WrongStatus
from orchestrator.lsp.arguments import Arguments, text_at
from orchestrator.lsp.client import TAKE_LOCK
from orchestrator.lsp.session import Session
from orchestrator.plain import one_line
from shadowfs import RepoPath

WAIT_S = 60.0
"""How long a save waits for an answer; then it goes on."""
TAKE, ANYWAY = "Take it back", "Save anyway"


async def will_save(session: Session, uri: str) -> None:
    """Warn before a save, and let it wait for the answer."""
    path = session.ground.places.path_of(uri)
    if path is not None:
        await _warn(session, path)


async def did_save(session: Session, uri: str) -> None:
    """Warn after a save, where the editor does not ask before."""
    path = session.ground.places.path_of(uri)
    if path is not None and not session.client.can.wait_to_save:
        await _warn(session, path)


async def take_lock(session: Session, arguments: Arguments) -> object:
    """Take back the lock on one file, or on all files of the repository."""
    path: RepoPath | None = None
    if arguments:
        uri = text_at(arguments, 0, TAKE_LOCK, "a document's URI")
        path = session.ground.places.path_of(uri)
        if path is None:
            raise WrongStatus(f"{uri} is no file of {session.ground.repository}: nobody holds a lock on it here")
    held = await asyncio.to_thread(session.lock.take_back, path)
    what = one_line(path) if path else "this repository's files"
    session.client.tell(
        f"nightcrew: the lock on {what} is yours again" if held else f"nightcrew: nobody holds a lock on {what}"
    )
    return bool(held)


async def _warn(session: Session, path: RepoPath) -> None:
    row = await asyncio.to_thread(session.lock.held, path)
    if row is None or path in session.asking or (path, f"{row.ticket} {row.attempt}") in session.warned:
        return
    said = f"nightcrew: attempt {row.attempt} of ticket {row.ticket} holds the lock on {one_line(path)}"
    session.asking.add(path)
    try:
        answer = await asyncio.wait_for(session.client.ask(said, (TAKE, ANYWAY)), WAIT_S)
    except TimeoutError:
        return
    finally:
        session.asking.discard(path)
    if answer == TAKE:
        await asyncio.to_thread(session.lock.take_back, path)
    elif answer == ANYWAY:
        session.warned.add((path, f"{row.ticket} {row.attempt}"))
