"""What an editor's commands do, over real crews whose agents play scripts: decisions, taking over, saving, and following the store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents import Delete, Stopped, Write
from orchestrator.errors import OrchestratorError, UnknownTicket, WrongStatus
from orchestrator.lsp import deciding, saving, takeover
from orchestrator.lsp.edits import Created, Deleted
from orchestrator.lsp.following import Following
from orchestrator.lsp.session import Session
from orchestrator.records import JobReport, Status
from orchestrator.working.lease import Owner
from tests.orchestrator import project
from tests.orchestrator.crews import FIX, Open, order
from tests.orchestrator.lsp.sessions import ALL, client_of, look, open_file, opened, text_after, without

MORE = Write("more/new.py", b"NEW = 1\n")
GONE = Delete("conftest.py")


@pytest.fixture
def session(tmp_path: Path, repository: Path) -> Iterator[Session]:
    made = opened(tmp_path, repository)
    yield made
    made.ground.crew.close()


@pytest.fixture
def verified(crew: Open, repository: Path) -> JobReport:
    """Return a ticket whose change waits for review."""
    report = crew([FIX], driver="copy").fix(order(repository))
    assert report.status is Status.VERIFIED
    return report


def test_what_waits_is_shown_where_it_stands_and_is_gone_once_it_is_rejected(
    session: Session, verified: JobReport
) -> None:
    uri, client = open_file(session, "sums.py", f"# mine\n{project.BUGGY}"), client_of(session)
    look(session)
    (note,) = client.notes[uri]
    assert note.span.start.line == 4 and verified.ticket.id in note.text
    assert client.refreshed == 1
    assert asyncio.run(deciding.reject(session, [verified.ticket.id])) is False, "nobody said why"
    client.answers = [deciding.REASONS[1]]
    assert asyncio.run(deciding.reject(session, [verified.ticket.id])) is True
    rejected = session.ground.crew.show(verified.ticket.id)
    assert (rejected.status, rejected.why) == (Status.REJECTED, deciding.REASONS[1])
    assert client.notes[uri] == () and session.proposals == {}


def test_a_hunk_goes_into_the_buffer_and_leaves_what_is_unsaved(
    session: Session, verified: JobReport, repository: Path
) -> None:
    before = project.digest(repository)
    mine = f"# mine\n{project.BUGGY}# and mine\n"
    uri = open_file(session, "sums.py", mine)
    look(session)
    (seen,) = session.proposals[verified.ticket.id].hunks
    assert asyncio.run(deciding.apply_hunk(session, [verified.ticket.id, seen.hunk.id])) is True
    assert text_after(session, uri) == mine.replace("numbers[1:]", "numbers")
    assert project.digest(repository) == before, "nothing is written here"
    client_of(session).refusal = "the document has moved on"
    assert asyncio.run(deciding.apply_all(session, [verified.ticket.id, uri])) is False
    assert "the document has moved on" in client_of(session).told[-1]


def test_a_proposal_that_is_all_in_the_buffers_is_accepted_where_its_reader_says_so(
    session: Session, verified: JobReport
) -> None:
    uri, client = open_file(session, "sums.py"), client_of(session)
    client.answers = [deciding.LATER, deciding.ACCEPT]

    async def applied() -> Status:
        assert await deciding.apply_all(session, [verified.ticket.id]) is True
        await asyncio.gather(*session.going_on)
        return session.ground.crew.show(verified.ticket.id).status

    assert asyncio.run(applied()) is Status.VERIFIED
    assert asyncio.run(applied()) is Status.ACCEPTED
    assert text_after(session, uri) == project.FIXED


def test_what_has_no_place_is_not_applied_and_says_why(session: Session, verified: JobReport) -> None:
    open_file(session, "sums.py", project.BUGGY.replace("numbers[1:]", "numbers[2:]"))
    assert asyncio.run(deciding.apply_all(session, [verified.ticket.id])) is False
    assert client_of(session).made == []
    assert "sums.py, line 3: its lines" in client_of(session).told[-1]
    wrong: list[list[object]] = [["nonsense"], [verified.ticket.id, "nonsense"], []]
    for arguments in wrong:
        with pytest.raises(OrchestratorError):
            asyncio.run(deciding.apply_hunk(session, arguments))


def test_files_are_made_and_removed_by_editors_that_can(
    tmp_path: Path, session: Session, crew: Open, repository: Path
) -> None:
    report = crew([FIX, MORE, GONE], driver="copy").fix(order(repository, keep_unverified=True))
    assert asyncio.run(deciding.apply_all(session, [report.ticket.id])) is False
    ((_, edits),) = client_of(session).made
    uri = session.ground.places.uri_of
    assert Created(uri("more/new.py"), "NEW = 1\n") in edits
    assert not any(isinstance(each, Deleted) for each in edits), "an empty file has no lines"
    assert any("conftest.py is left as it is" in told for told in client_of(session).told)
    weak = opened(tmp_path, repository, without(ALL, create=False))
    assert asyncio.run(deciding.apply_all(weak, [report.ticket.id])) is False
    assert client_of(weak).made == [] and "this editor makes none" in client_of(weak).told[0]
    weak.ground.crew.close()


def test_a_link_on_the_way_leads_no_edit_out_of_the_repository(
    tmp_path: Path, session: Session, crew: Open, repository: Path
) -> None:
    report = crew([FIX, MORE], driver="copy").fix(order(repository))
    (tmp_path / "elsewhere").mkdir()
    (repository / "more").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WrongStatus, match="is a link by now"):
        asyncio.run(deciding.apply_all(session, [report.ticket.id]))
    assert client_of(session).made == []


def test_a_change_is_shown_as_the_editor_can(
    tmp_path: Path, session: Session, verified: JobReport, repository: Path
) -> None:
    assert asyncio.run(deciding.show_diff(session, [verified.ticket.id])) is True
    assert client_of(session).shown == [f"nightcrew:/{verified.ticket.id}.diff"]
    assert "+    for number in numbers:" in asyncio.run(deciding.diff_text(session, verified.ticket.id))
    with pytest.raises(UnknownTicket):
        asyncio.run(deciding.show_diff(session, ["nonsense"]))
    plain = opened(tmp_path, repository, without(ALL, virtual=False))
    assert asyncio.run(deciding.show_diff(plain, [verified.ticket.id])) is True
    file = tmp_path / "state/shown" / f"{verified.ticket.id}.diff"
    assert client_of(plain).shown == [file.as_uri()] and "numbers:" in file.read_text()
    weak = opened(tmp_path, repository, without(ALL, virtual=False, show=False))
    assert asyncio.run(deciding.show_diff(weak, [verified.ticket.id])) is False
    assert str(file) in client_of(weak).told[-1]
    for each in (plain, weak):
        each.ground.crew.close()


def test_what_a_stopped_attempt_had_done_goes_into_the_buffers(session: Session, crew: Open, repository: Path) -> None:
    report = crew([FIX, MORE, Stopped("somebody asked to stop")], driver="copy").fix(order(repository))
    assert report.status is Status.STOPPED
    uri = open_file(session, "sums.py", f"# mine\n{project.BUGGY}")
    assert asyncio.run(takeover.take_over(session, [report.ticket.id])) is True
    assert text_after(session, uri) == f"# mine\n{project.FIXED}"
    assert Created(session.ground.places.uri_of("more/new.py"), "NEW = 1\n") in client_of(session).made[0][1]
    assert "you go on from what attempt 1" in client_of(session).told[-1]


def test_nothing_to_take_over_is_said(session: Session, crew: Open, repository: Path) -> None:
    with pytest.raises(WrongStatus, match="no attempt is at work"):
        asyncio.run(takeover.take_over(session, []))
    waiting = crew(driver="copy").file(order(repository))
    with pytest.raises(WrongStatus, match="there is nothing to take over"):
        asyncio.run(takeover.take_over(session, [waiting.id]))
    idle = crew([Stopped("somebody asked to stop")], driver="copy").fix(order(repository))
    assert asyncio.run(takeover.take_over(session, [idle.ticket.id])) is True
    assert "had changed nothing" in client_of(session).told[-1]


def test_whoever_saves_a_locked_file_is_asked_once_and_may_take_it_back(session: Session) -> None:
    uri, client, lock = open_file(session, "sums.py"), client_of(session), session.lock
    asyncio.run(saving.will_save(session, uri))
    assert client.asked == []
    lock.hold("t1", 2, ("sums.py", "conftest.py"), Owner.here())
    asyncio.run(saving.will_save(session, uri))
    ((said, choices),) = client.asked
    assert "attempt 2 of ticket t1 holds the lock on sums.py" in said and choices == (saving.TAKE, saving.ANYWAY)
    assert lock.held("sums.py") is not None, "no answer takes nothing"
    client.answers = [saving.TAKE]
    asyncio.run(saving.will_save(session, uri))
    assert lock.held("sums.py") is None and lock.taken("t1") == ("sums.py",)
    other = session.ground.places.uri_of("conftest.py")
    client.answers = [saving.ANYWAY]
    for _ in range(2):
        asyncio.run(saving.will_save(session, other))
    assert len(client.asked) == 3 and lock.held("conftest.py") is not None
    asyncio.run(saving.did_save(session, other))
    assert len(client.asked) == 3, "it was asked before it saved"


def test_an_editor_that_does_not_ask_before_it_saves_is_warned_after(tmp_path: Path, repository: Path) -> None:
    session = opened(tmp_path, repository, without(ALL, wait_to_save=False))
    session.lock.hold("t1", 1, ("sums.py",), Owner.here())
    asyncio.run(saving.did_save(session, session.ground.places.uri_of("sums.py")))
    assert len(client_of(session).asked) == 1
    session.ground.crew.close()


def test_locks_are_taken_back_one_or_all(session: Session) -> None:
    session.lock.hold("t1", 1, ("sums.py", "conftest.py"), Owner.here())
    assert asyncio.run(saving.take_lock(session, [session.ground.places.uri_of("sums.py")])) is True
    assert session.lock.held("sums.py") is None and session.lock.held("conftest.py") is not None
    assert asyncio.run(saving.take_lock(session, [])) is True
    assert asyncio.run(saving.take_lock(session, [])) is False
    with pytest.raises(WrongStatus, match="no file of"):
        asyncio.run(saving.take_lock(session, ["untitled:1"]))


def test_the_store_is_asked_only_where_something_was_written(session: Session, crew: Open, repository: Path) -> None:
    following = Following(session.ground.crew, repository)
    assert following.look() == {}
    assert following.look() is None
    report = crew([FIX], driver="copy").fix(order(repository))
    found = following.look()
    assert found is not None and list(found) == [report.ticket.id]
    assert following.look() is None
    session.ground.crew.file(order(repository), project.settings(session.ground.state))
    assert following.look() is None, "what was written is nothing to review"
    session.ground.crew.reject(report.ticket.id)
    assert following.look() == {}
