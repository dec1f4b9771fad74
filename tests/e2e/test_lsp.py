"""The installed `nightcrew lsp`, driven over standard input and output by the protocol's own client, on a small project with a real fix."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from orchestrator.crew import Crew
from orchestrator.records import JobReport, Status
from tests.e2e.editor import Editor, editing
from tests.e2e.traces import added_by_delivery_only, digest, left_behind
from tests.orchestrator import project

SUITE = f"{sys.executable} -m unittest tests.test_sums"
FIXES = r"command:sed -i 's/numbers\[1:\]/numbers/' sums.py"
SLEEPS = FIXES + "; sleep 4217"
MINE = "# 😋 mine, and not saved\n"


@dataclass(frozen=True, slots=True)
class Place:
    """A project with a bug, and where nightcrew keeps its state."""

    repository: Path
    state: Path

    @property
    def uri(self) -> str:
        """Return the document with the bug."""
        return (self.repository / "sums.py").as_uri()

    def ticket(self) -> JobReport:
        """Return the one ticket there is."""
        with Crew(self.state) as crew:
            (report,) = crew.list()
            return crew.show(report.ticket.id)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    repository = project.make(tmp_path)
    (repository / "nightcrew.toml").write_text("[language]\nenabled = false\n")
    project.git(repository, "add", ".")
    project.git(repository, "commit", "-q", "-m", "configured")
    return Place(repository, tmp_path / "state")


def options(agent: str = FIXES, **more: Any) -> Mapping[str, Any]:
    return {"agent": agent, "test": SUITE, "seconds": 600, **more}


def diagnostic() -> types.Diagnostic:
    """Return what a linter might say of the line with the bug."""
    where = types.Range(types.Position(2, 4), types.Position(2, 10))
    return types.Diagnostic(where, "the first number is left out", source="linter", code="L1")


async def offered(editor: Editor, place: Place, title: str) -> types.Command:
    """Stand on the diagnostic and return the command behind an offer."""
    found = diagnostic()
    document = types.TextDocumentIdentifier(place.uri)
    params = types.CodeActionParams(document, found.range, types.CodeActionContext([found]))
    actions = await editor.client.text_document_code_action_async(params) or []
    action = next(each for each in actions if each.title.startswith(title))
    assert isinstance(action, types.CodeAction) and action.command is not None
    return action.command


async def begun(editor: Editor, place: Place) -> str:
    """Have the bug fixed now, and wait until an agent is at work; return the ticket's id."""
    await editor.until(lambda: editor.refreshed)
    editor.open(place.uri, project.BUGGY)
    command = await offered(editor, place, "Fix this now")
    ticket = (await editor.do(command.command, *command.arguments or ()))["ticket"]
    await editor.until(lambda: any(text.startswith("step: run") for _, text in editor.progress))
    return str(ticket)


def test_a_fix_from_the_editor_is_shown_where_it_belongs_and_goes_into_the_buffer(place: Place) -> None:
    before = digest(place.repository)

    async def session() -> None:
        async with editing(place.repository, place.state, options()) as editor:
            await editor.until(lambda: editor.refreshed)
            editor.open(place.uri, project.BUGGY)
            editor.choose = lambda _: "Show the change"
            command = await offered(editor, place, "Fix this now: the first number is left out")
            ticket = (await editor.do(command.command, *command.arguments or ()))["ticket"]
            await editor.until(lambda: editor.shown)
            assert editor.shown == [f"nightcrew:/{ticket}.diff"]
            assert "is verified" in editor.asked[0] and "(sums.py)" in editor.asked[0]
            kinds = [kind for kind, _ in editor.progress]
            assert kinds[0] == "begin" and kinds[-1] == "end" and "report" in kinds
            assert any(text.startswith("rung: suite") for _, text in editor.progress), editor.progress
            await shows_it(editor, place, ticket)
            await applies_it(editor, place)

    asyncio.run(session())
    assert added_by_delivery_only(before, digest(place.repository)), "nothing but the branch was written"
    report = place.ticket()
    text = report.ticket.order.text
    assert text.startswith("the first number is left out\n(sums.py, line 3, linter L1)")
    assert "    for number in numbers[1:]:" in text and report.status is Status.VERIFIED
    assert left_behind(place.state) == []


async def shows_it(editor: Editor, place: Place, ticket: str) -> None:
    """See the change as a document, as lenses and as notes, which move with the lines."""
    params = types.TextDocumentContentParams(f"nightcrew:/{ticket}.diff")
    content = await editor.client.workspace_text_document_content_async(params)
    assert "+    for number in numbers:" in content.text
    await editor.until(lambda: editor.notes.get(place.uri))
    (note,) = editor.notes[place.uri]
    assert (note.range.start.line, note.source) == (2, "nightcrew") and ticket in note.message
    titles = [lens.command.title for lens in await editor.lenses(place.uri) if lens.command]
    assert titles[0].endswith("(verified) - apply hunk") and titles[1:] == ["reject", "diff"]
    editor.insert(place.uri, 0, MINE + "\n")
    assert {lens.range.start.line for lens in await editor.lenses(place.uri)} == {4}
    await editor.until(lambda: [each.range.start.line for each in editor.notes[place.uri]] == [4])


async def applies_it(editor: Editor, place: Place) -> None:
    """Copy the lines, so that nobody can tell which are meant; take that back, and apply the hunk."""
    command = (await editor.lenses(place.uri))[0].command
    assert command is not None
    lines = len(editor.texts[place.uri].splitlines())
    editor.insert(place.uri, lines, project.BUGGY)
    assert await editor.lenses(place.uri) == []
    assert await editor.do(command.command, *command.arguments or ()) is False
    assert "stand in more than one place" in editor.told[-1]
    end = types.Position(lines + len(project.BUGGY.splitlines()), 0)
    editor.edit(place.uri, [types.TextEdit(types.Range(types.Position(lines, 0), end), "")])
    assert await editor.do(command.command, *command.arguments or ()) is True
    assert editor.texts[place.uri] == MINE + "\n" + project.FIXED
    assert await editor.lenses(place.uri) == []
    await editor.until(lambda: editor.notes[place.uri] == [])


def test_tickets_are_queued_and_proposals_of_other_processes_come_up_to_be_rejected(place: Place) -> None:
    async def session() -> tuple[str, str]:
        async with editing(place.repository, place.state, options()) as editor:
            await editor.until(lambda: editor.refreshed)
            editor.open(place.uri, project.BUGGY)
            command = await offered(editor, place, "File this as a ticket")
            ticket = (await editor.do(command.command, *command.arguments or ()))["ticket"]
            assert f"filed {ticket}" in editor.told[-1]
            seen = editor.refreshed
            await asyncio.to_thread(work_one, place)
            await editor.until(lambda: editor.refreshed > seen)
            lens = next(
                each for each in await editor.lenses(place.uri) if each.command and each.command.title == "reject"
            )
            assert lens.command is not None
            editor.choose = lambda _: "It does too much"
            assert await editor.do(lens.command.command, *lens.command.arguments or ()) is True
            assert await editor.lenses(place.uri) == []
            assert await editor.do("nightcrew.applyAll", ticket) is True, "whoever rejected it may still want it"
            return ticket, editor.texts[place.uri]

    ticket, text = asyncio.run(session())
    assert text == project.FIXED
    report = place.ticket()
    assert (report.ticket.id, report.status, report.why) == (ticket, Status.REJECTED, "It does too much")


def work_one(place: Place) -> None:
    with Crew(place.state) as crew:
        report = crew.work_next()
    assert report is not None and report.status is Status.VERIFIED, report


def test_a_job_is_stopped_by_its_progress_and_one_at_work_is_taken_over(place: Place) -> None:
    async def session() -> tuple[str, str]:
        async with editing(place.repository, place.state, options(SLEEPS)) as editor:
            stopped = await begun(editor, place)
            await editor.cancel()
            await editor.until(lambda: any(kind == "end" for kind, _ in editor.progress))
            await editor.until(lambda: any("is stopped" in text for text in editor.told))
            assert "stopped" in editor.progress[-1][1]
            editor.progress.clear()
            command = await offered(editor, place, "Fix this now")
            taken = (await editor.do(command.command, *command.arguments or ()))["ticket"]
            await editor.until(lambda: any(text.startswith("step: run") for _, text in editor.progress))
            await asyncio.to_thread(until_it_wrote)
            editor.insert(place.uri, 0, MINE)
            editor.choose = lambda _: f"{taken}: the first number is left out"
            assert await editor.do("nightcrew.takeOver") is True, editor.told
            assert "you go on from what attempt 1" in editor.told[-1] or "you go on from" in str(editor.told)
            assert editor.texts[place.uri] == MINE + project.FIXED
            return stopped, taken

    stopped, taken = asyncio.run(session())
    with Crew(place.state) as crew:
        assert {crew.show(ticket).status for ticket in (stopped, taken)} == {Status.STOPPED}
    assert left_behind(place.state) == []


def until_it_wrote() -> None:
    """Wait until the command sleeps: what it was to write is written then."""
    while not any(b"sleep\x004217" in words for words in map(words_of, Path("/proc").glob("[0-9]*/cmdline"))):
        pass


def words_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def test_a_locked_file_warns_whoever_saves_it_and_is_given_back(place: Place) -> None:
    async def session() -> str:
        async with editing(place.repository, place.state, options(SLEEPS, lock=True)) as editor:
            ticket = await begun(editor, place)
            document = types.TextDocumentIdentifier(place.uri)
            reason = types.TextDocumentSaveReason.Manual
            params = types.WillSaveTextDocumentParams(document, reason)
            editor.choose = lambda _: "Take it back"
            for _ in range(2):
                assert not await editor.client.text_document_will_save_wait_until_async(params)
            assert [text for text in editor.asked if "holds the lock" in text] == [
                f"nightcrew: attempt 1 of ticket {ticket} holds the lock on sums.py"
            ]
            assert await editor.do("nightcrew.takeLock") is False, "it was the only one"
            return ticket

    ticket = asyncio.run(session())
    report = place.ticket()
    assert (report.ticket.id, report.status) == (ticket, Status.PAUSED), "the editor left in the middle of it"
    assert report.why.startswith("interrupted")
    assert left_behind(place.state) == []


def test_an_editor_that_is_gone_without_a_word_leaves_a_paused_job_and_nothing_else(place: Place) -> None:
    async def session() -> int | None:
        async with editing(place.repository, place.state, options(SLEEPS)) as editor:
            await begun(editor, place)
            server = editor.client._server
            assert server is not None and server.stdin is not None
            server.stdin.close()
            status = await server.wait()
            while not editor.client.stopped:
                await asyncio.sleep(0)
            return status

    assert asyncio.run(session()) == 1
    report = place.ticket()
    assert report.status is Status.PAUSED
    assert left_behind(place.state) == []


def said_at_the_start(folder: Path, state: Path, given: Mapping[str, Any]) -> list[str]:
    """Return what an editor is told that tries to have something fixed."""

    async def session() -> list[str]:
        async with editing(folder, state, given) as editor:
            assert await editor.do("nightcrew.fix", {"text": "total() forgets a number"}) is None
            return editor.told

    return asyncio.run(session())


def test_what_is_wrong_at_the_start_is_said_with_what_to_do(place: Place, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    wrong = said_at_the_start(place.repository, place.state, {"agnet": "repair"})
    assert "did you mean `agent`" in wrong[0] and len(wrong) == 2
    nowhere = said_at_the_start(tmp_path / "elsewhere", place.state, {})
    assert "is in no git repository: run `git init`" in nowhere[0]


def test_a_repository_without_tests_is_told_of_where_a_ticket_is_filed(place: Place) -> None:
    for name in ("tests/test_sums.py", "tests/__init__.py", "conftest.py"):
        (place.repository / name).unlink()
    (told,) = said_at_the_start(place.repository, place.state, {})
    assert "test" in told and told.startswith("nightcrew: ")
