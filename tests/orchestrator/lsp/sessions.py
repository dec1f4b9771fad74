"""Sessions of a scripted editor over real crews: what a command makes of a store, of buffers, and of what is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrator.crew import Crew
from orchestrator.lsp.buffers import Buffers
from orchestrator.lsp.client import Can
from orchestrator.lsp.desk import Desk
from orchestrator.lsp.edits import Edited
from orchestrator.lsp.following import Following
from orchestrator.lsp.options import Options
from orchestrator.lsp.places import Places
from orchestrator.lsp.scripted import ScriptedClient
from orchestrator.lsp.session import Ground, Session
from orchestrator.records import Order
from orchestrator.working.savelock import SaveLock
from tests.orchestrator import project
from verifier import apply_edits

ALL = Can(create=True, delete=True, show=True, virtual=True, progress=True, refresh=True, wait_to_save=True)


def opened(tmp_path: Path, repository: Path, can: Can = ALL, options: Options = Options()) -> Session:
    """Open a session on the project's repository; whoever opens it closes its crew."""
    state = tmp_path / "state"
    ground = Ground(
        places=Places.seen_from(repository, repository),
        state=state,
        order=Order("", repository),
        options=options,
        crew=Crew(state),
        settings=lambda _: project.settings(state),
    )
    return Session(ScriptedClient(can), ground, Buffers(), Desk(lambda: None), SaveLock(state, repository))


def client_of(session: Session) -> ScriptedClient:
    """Return a session's editor."""
    assert isinstance(session.client, ScriptedClient)
    return session.client


def open_file(session: Session, path: str, text: str | None = None) -> str:
    """Open a file in the editor, with another text than it has on disk where one is given; return its URI."""
    uri = session.ground.places.uri_of(path)
    session.buffers.open(uri, 1, (session.ground.repository / path).read_text() if text is None else text)
    return uri


def look(session: Session) -> None:
    """Show what waits for review by now."""
    found = Following(session.ground.crew, session.ground.repository).look()
    assert found is not None
    session.renew(found)


def text_after(session: Session, uri: str) -> str:
    """Return what an open document is once the edits asked for last were made."""
    buffer = session.buffers.get(uri)
    assert buffer is not None
    for edit in client_of(session).made[-1][1]:
        if isinstance(edit, Edited) and edit.buffer.uri == uri:
            return apply_edits(buffer.text.text, edit.edits)
    return buffer.text.text


def without(can: Can, **lacking: bool) -> Can:
    """Return what an editor can do that lacks something."""
    return replace(can, **lacking)
