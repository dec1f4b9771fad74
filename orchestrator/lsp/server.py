"""The server of the Language Server Protocol: which messages it takes, and what is done for each. One repository, one editor."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Generator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, default_converter, lsp_method

from orchestrator.lsp import client as names
from orchestrator.lsp import deciding, filing, saving, takeover, wire
from orchestrator.lsp.boundary import guarded
from orchestrator.lsp.buffers import Buffers
from orchestrator.lsp.desk import Desk
from orchestrator.lsp.editor import Editor
from orchestrator.lsp.following import Following
from orchestrator.lsp.options import Options, read_options
from orchestrator.lsp.places import VIRTUAL, file_of, ticket_of
from orchestrator.lsp.positions import Encoding
from orchestrator.lsp.session import Ground, Session
from orchestrator.lsp.showing import lenses, offers
from orchestrator.plain import one_line
from orchestrator.working.savelock import SaveLock

Open = Callable[[Path | None, Options], Ground]
"""Opens the repository around a folder, which is None where the editor named none."""
Do = Callable[[Session, Sequence[object]], Awaitable[object]]

_COMMANDS: dict[str, Do] = {
    names.FILE: filing.file,
    names.FIX: filing.fix,
    names.APPLY_HUNK: deciding.apply_hunk,
    names.APPLY_ALL: deciding.apply_all,
    names.REJECT: deciding.reject,
    names.SHOW_DIFF: deciding.show_diff,
    names.TAKE_OVER: takeover.take_over,
    names.TAKE_LOCK: saving.take_lock,
}


class _Protocol(LanguageServerProtocol):
    """Keeps documents itself: the library's cut lines where the protocol does not."""

    _server: Server

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Generator[Any, Any, types.InitializeResult]:
        result: types.InitializeResult = yield from super().lsp_initialize(params)
        self._server.meet(params, result.capabilities)
        return result

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        document = params.text_document
        self._server.buffers.open(document.uri, document.version, document.text)
        self._server.noted(document.uri)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        document = params.text_document
        self._server.buffers.change(document.uri, document.version, wire.changed(params.content_changes))
        self._server.noted(document.uri)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        self._server.closed(params.text_document.uri)


class Server(LanguageServer):
    """A server for one editor. `open` opens the repository of the folder that the editor names."""

    def __init__(self, open: Open, desk: Desk) -> None:
        super().__init__("nightcrew", version("nightcrew"), protocol_cls=_Protocol, converter_factory=default_converter)
        self.buffers = Buffers()
        self.ended_well = False
        self._open = open
        self._desk = desk
        self._session: Session | None = None
        self._tried = asyncio.Event()
        self._params: types.InitializeParams | None = None
        self._editor = Editor(self.protocol, Encoding.UTF16, names.Can())
        _register(self)

    def report_server_error(self, error: Exception, source: object) -> None:  # noqa: ARG002
        """Say on standard error what the library could not make of a message: whoever sent it has its answer."""
        sys.stderr.write(f"nightcrew: {one_line(str(error), 300)}\n")

    def meet(self, params: types.InitializeParams, capabilities: types.ServerCapabilities) -> None:
        """Take note of who the editor is, and add what the library does not know of to what is answered."""
        encoding = Encoding(str(getattr(capabilities.position_encoding, "value", capabilities.position_encoding)))
        self.buffers = Buffers(encoding)
        self._params = params
        self._editor = Editor(self.protocol, encoding, wire.can_of(params.capabilities))
        if capabilities.workspace is not None:
            capabilities.workspace.text_document_content = types.TextDocumentContentOptions([VIRTUAL])

    async def begin(self) -> None:
        """Open the editor's repository, and follow what waits for review in it."""
        try:
            session = await guarded(self._editor, self._opened())
        finally:
            self._tried.set()
        if session is None:
            return
        self._session = session
        ground = session.ground
        session.spawn(session.follow(Following(ground.crew, ground.repository)))

    async def _opened(self) -> Session:
        assert self._params is not None
        options = read_options(self._params.initialization_options)
        ground = await asyncio.to_thread(self._open, _folder(self._params), options)
        lock = SaveLock(ground.state, ground.repository)
        return Session(self._editor, ground, self.buffers, self._desk, lock)

    def noted(self, uri: str) -> None:
        """Bring the notes of a document up to date."""
        if self._session is not None:
            self._session.publish(uri)

    def closed(self, uri: str) -> None:
        """Forget a document that was closed."""
        if self._session is not None:
            self._session.closed(uri)
        else:
            self.buffers.close(uri)

    async def do(self, command: str, arguments: Sequence[object]) -> object:
        """Carry out a command."""
        await self._tried.wait()
        if self._session is None:
            self._editor.tell("nightcrew does nothing here: what it said at the start says why", warn=True)
            return None
        return await guarded(self._editor, _COMMANDS[command](self._session, arguments))

    async def lenses(self, params: types.CodeLensParams) -> list[types.CodeLens]:
        """Return what is offered above the lines of a document."""
        buffer = self.buffers.get(params.text_document.uri)
        if self._session is None or buffer is None:
            return []
        return [wire.lens(each) for each in lenses(self._session.placed(buffer))]

    async def actions(self, params: types.CodeActionParams) -> list[types.CodeAction]:
        """Return what may be done at a place of a document."""
        uri = params.text_document.uri
        buffer = self.buffers.get(uri)
        if self._session is None or buffer is None or self._session.ground.places.path_of(uri) is None:
            return []
        others = [each for each in params.context.diagnostics if each.source != wire.SOURCE]
        start, end = params.range.start, params.range.end
        chosen = start != end
        last = end.line + (0 if chosen and end.character == 0 and end.line > start.line else 1)
        reports = [wire.report_of(each) for each in others]
        found = offers(uri, start.line + 1, last, chosen, reports, self._session.placed(buffer))
        made = [wire.action(each, others) for each in found]
        only = params.context.only
        return [each for each in made if only is None or any(wire.is_kind(each, kind) for kind in only)]

    async def will_save(self, params: types.WillSaveTextDocumentParams) -> list[types.TextEdit]:
        """Let a save wait until its user was warned, where somebody holds the lock on the file."""
        if self._session is not None:
            await guarded(self._editor, saving.will_save(self._session, params.text_document.uri))
        return []

    async def did_save(self, params: types.DidSaveTextDocumentParams) -> None:
        """Warn after a save."""
        if self._session is not None:
            await guarded(self._editor, saving.did_save(self._session, params.text_document.uri))

    async def content(self, params: types.TextDocumentContentParams) -> types.TextDocumentContentResult:
        """Return the text of a document that is no file."""
        ticket = ticket_of(params.uri)
        text = None
        if self._session is not None and ticket is not None:
            text = await guarded(self._editor, deciding.diff_text(self._session, ticket))
        return types.TextDocumentContentResult(text or "")

    async def cancelled(self, params: types.WorkDoneProgressCancelParams) -> None:
        """End what a progress shows."""
        cancel = self._editor.cancels.get(params.token)
        if cancel is not None:
            cancel()

    async def ends(self) -> None:
        """Take note that the editor ended in an orderly way."""
        self.ended_well = True

    def close(self) -> None:
        """Close what was opened for the editor."""
        if self._session is not None:
            self._session.ground.crew.close()


def _register(server: Server) -> None:
    """Say which messages the server takes; the library wants functions, which it can write on."""
    kinds = types.CodeActionOptions([types.CodeActionKind.QuickFix, types.CodeActionKind.Refactor])
    features: tuple[tuple[str, Callable[[Any], Awaitable[object]], object], ...] = (
        (types.TEXT_DOCUMENT_CODE_LENS, server.lenses, types.CodeLensOptions(resolve_provider=False)),
        (types.TEXT_DOCUMENT_CODE_ACTION, server.actions, kinds),
        (types.TEXT_DOCUMENT_WILL_SAVE_WAIT_UNTIL, server.will_save, None),
        (types.TEXT_DOCUMENT_DID_SAVE, server.did_save, None),
        (types.WORKSPACE_TEXT_DOCUMENT_CONTENT, server.content, None),
        (types.WINDOW_WORK_DONE_PROGRESS_CANCEL, server.cancelled, None),
        (types.INITIALIZED, lambda _: server.begin(), None),
        (types.SHUTDOWN, lambda _: server.ends(), None),
    )
    for name, method, options in features:
        server.feature(name, options)(_taking(method))
    for name in _COMMANDS:
        server.command(name)(_doing(server, name))


def _taking(method: Callable[[Any], Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    # What is annotated with a class that the server is an instance of, the library would call with the server first.
    async def take(params: Any = None) -> object:
        return await method(params)

    return take


def _doing(server: Server, name: str) -> Callable[..., Awaitable[object]]:
    async def do(*arguments: Any) -> object:
        return await server.do(name, arguments)

    return do


def _folder(params: types.InitializeParams) -> Path | None:
    """Return the folder that the editor works in: the first of its workspace, else its root."""
    uris = [folder.uri for folder in params.workspace_folders or ()]
    if params.root_uri:
        uris.append(params.root_uri)
    found = next((file for file in map(file_of, uris) if file is not None), None)
    return found or (Path(params.root_path) if params.root_path else None)
