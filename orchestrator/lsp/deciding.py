"""Deciding: a hunk, or all of a proposal, goes into the editor's buffers; a proposal is rejected; its change is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from orchestrator.errors import WrongStatus
from orchestrator.intake import user
from orchestrator.lsp.arguments import Arguments, text_at
from orchestrator.lsp.changes import Proposal, proposal
from orchestrator.lsp.client import APPLY_ALL, APPLY_HUNK, REJECT, SHOW_DIFF
from orchestrator.lsp.edits import Created, Deleted, Plan, planned
from orchestrator.lsp.places import diff_uri, uri_of
from orchestrator.lsp.session import Session
from orchestrator.plain import one_line, plain
from orchestrator.reading import Hunk
from shadowfs import RepoPath

REASONS = (
    "It is wrong",
    "It mends the symptom only",
    "It does too much",
    "I did it another way",
    "It is not needed any more",
)
ACCEPT, LATER = "Accept it", "Not yet"
_TICKET = "a ticket"
_SHOWN = 3


async def apply_hunk(session: Session, arguments: Arguments) -> object:
    """Put one hunk into its buffer."""
    ticket = text_at(arguments, 0, APPLY_HUNK, _TICKET)
    found = await _proposal(session, ticket)
    hunk = found.hunk(text_at(arguments, 1, APPLY_HUNK, "a hunk's id"))
    return await make(session, found, (hunk,), f"nightcrew {found.ticket}: {hunk.path}")


async def apply_all(session: Session, arguments: Arguments) -> object:
    """Put all of a proposal, or what it changes in one file, into buffers."""
    ticket = text_at(arguments, 0, APPLY_ALL, _TICKET)
    uri = text_at(arguments, 1, APPLY_ALL, "a document's URI") if len(arguments) > 1 else None
    return await apply_proposal(session, ticket, uri)


async def apply_proposal(session: Session, ticket: str, uri: str | None = None) -> object:
    """Put a proposal, or what it changes in the file that `uri` names, into buffers; say what is left to do."""
    found = await _proposal(session, ticket)
    path = None if uri is None else session.ground.places.path_of(uri)
    if uri is not None and path not in found.files:
        raise WrongStatus(f"ticket {found.ticket} changes nothing in {uri}: apply all of it, or a file that it changes")
    hunks = [each.hunk for each in found.hunks if path in (None, each.hunk.path)]
    made = await make(session, found, hunks, f"nightcrew {found.ticket}: {found.title}")
    left = tell_left(session, found, f"`nightcrew apply {found.ticket}` puts it into the working tree", path)
    if made and not left and path is None:
        session.spawn(_accepted(session, found))
    return made and not left


async def _accepted(session: Session, found: Proposal) -> None:
    """Accept a proposal that is all in the buffers, where its reader says so."""
    said = f"nightcrew: all of ticket {found.ticket} is in your buffers, and undo takes it out again. Do you accept it?"
    if await session.client.ask(said, (ACCEPT, LATER)) != ACCEPT:
        return
    await asyncio.to_thread(session.ground.crew.desk.accept, found.ticket, user(), found.tree)
    _gone(session, found.ticket)


def tell_left(session: Session, found: Proposal, instead: str, path: RepoPath | None = None) -> bool:
    """Tell of the files that no edit of a document can bring about, and what to do instead; say whether there are any."""
    whys = {each.path: each.why for each in found.whole}
    edited = {each.hunk.path for each in found.hunks}
    left = [each for each in found.files if each not in edited and path in (None, each)]
    for each in left[:_SHOWN]:
        why = whys.get(each, "no line of it differs")
        session.client.tell(f"nightcrew: {each} is left as it is ({why}): {instead}", warn=True)
    return bool(left)


async def make(session: Session, found: Proposal, hunks: Iterable[Hunk], label: str) -> bool:
    """Have hunks put into the buffers as they are now; tell of those that cannot be, and say whether all are there then."""
    plan = planned(found, hunks, session.look)
    client = session.client
    for why in (*_unable(session, plan), *plan.left)[:_SHOWN]:
        client.tell(f"nightcrew: not applied: {why}", warn=True)
    if len(plan.left) > _SHOWN:
        client.tell(f"nightcrew: {len(plan.left) - _SHOWN} more were not applied", warn=True)
    if not plan.edits and plan.done:
        client.tell(f"nightcrew: {plan.done[0]}")
    if not plan.edits or _unable(session, plan):
        return bool(plan.done) and not plan.edits and not plan.left
    why = await client.make(one_line(label), plan.edits)
    if why:
        client.tell(f"nightcrew: the editor did not apply it: {why}", warn=True)
        return False
    client.refresh()
    return not plan.left


def _unable(session: Session, plan: Plan) -> tuple[str, ...]:
    """Return what the editor cannot do of a plan: then none of it is done."""
    can = session.client.can
    if not can.create and any(isinstance(each, Created) for each in plan.edits):
        return ("a file is to be made, and this editor makes none as a part of an edit",)
    if not can.delete and any(isinstance(each, Deleted) for each in plan.edits):
        return ("a file is to be removed, and this editor removes none as a part of an edit",)
    return ()


async def reject(session: Session, arguments: Arguments) -> object:
    """Reject a proposal, once its reader has said why."""
    found = await _proposal(session, text_at(arguments, 0, REJECT, _TICKET))
    reason = await session.client.ask(
        f"nightcrew: reject ticket {found.ticket}, {found.title}? Its branch stays.", REASONS
    )
    if reason not in REASONS:
        return False
    # The version that its reader saw: where there is another by now, nothing is rejected.
    await asyncio.to_thread(session.ground.crew.desk.reject, found.ticket, user(), reason, found.tree)
    _gone(session, found.ticket)
    return True


def _gone(session: Session, ticket: str) -> None:
    """Show a proposal no longer, before the store is asked again."""
    session.renew({id: each for id, each in session.proposals.items() if id != ticket})


async def show_diff(session: Session, arguments: Arguments) -> object:
    """Show a ticket's change."""
    return await show_change(session, text_at(arguments, 0, SHOW_DIFF, _TICKET))


async def show_change(session: Session, ticket: str) -> bool:
    """Show a ticket's change as a document that is no file, or as a file of the state directory where the editor knows no others."""
    crew, client = session.ground.crew, session.client
    id = (await asyncio.to_thread(crew.show, ticket)).ticket.id
    if client.can.virtual and client.can.show:
        # Asked for before it is shown: what cannot be shown is told as a message.
        await asyncio.to_thread(crew.diff, id)
        return await client.show(diff_uri(id))
    return await show_patch(session, id, await asyncio.to_thread(crew.diff, id))


async def show_patch(session: Session, name: str, patch: bytes) -> bool:
    """Show a patch as a file of the state directory."""
    file, client = session.ground.state / "shown" / f"{name}.diff", session.client
    await asyncio.to_thread(file.parent.mkdir, 0o700, True, True)
    await asyncio.to_thread(file.write_text, _text(patch), "utf-8")
    if client.can.show and await client.show(uri_of(file)):
        return True
    client.tell(f"nightcrew: the change is in {file}")
    return False


async def diff_text(session: Session, ticket: str) -> str:
    """Return a ticket's change as text that is safe to show."""
    return _text(await asyncio.to_thread(session.ground.crew.diff, ticket))


def _text(patch: bytes) -> str:
    return plain(patch.decode("utf-8", "replace"))


async def _proposal(session: Session, ticket: str) -> Proposal:
    """Return a proposal as it is shown, or as the store has it. Raises `WrongStatus`, `UnknownTicket`."""
    known = session.proposals.get(ticket)
    if known is not None:
        return known
    return await asyncio.to_thread(proposal, session.ground.crew, ticket)
