"""The editor as a client: what is asked and told goes out as messages of the protocol."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lsprotocol import types
from pygls.capabilities import get_capability
from pygls.exceptions import JsonRpcException
from pygls.protocol import LanguageServerProtocol

from orchestrator.lsp import wire
from orchestrator.lsp.buffers import Buffer
from orchestrator.lsp.client import Can, Note, Progress, Unseen
from orchestrator.lsp.edits import Edit
from orchestrator.lsp.positions import Encoding
from orchestrator.plain import one_line, plain


@dataclass(slots=True)
class Editor:
    """A client at the other end of `protocol`."""

    protocol: LanguageServerProtocol
    encoding: Encoding
    can: Can
    cancels: dict[str | int, Callable[[], None]] = field(default_factory=dict)
    """What is called where somebody cancels a progress, by its token."""

    @property
    def _capabilities(self) -> types.ClientCapabilities:
        return self.protocol.client_capabilities

    def tell(self, text: str, *, warn: bool = False) -> None:
        """Show a message."""
        kind = types.MessageType.Warning if warn else types.MessageType.Info
        self.protocol.notify(types.WINDOW_SHOW_MESSAGE, types.ShowMessageParams(kind, plain(text)))

    async def ask(self, text: str, choices: Sequence[str]) -> str | None:
        """Show a message with choices; return what was chosen."""
        titles = {one_line(each): each for each in choices}
        items = [types.MessageActionItem(title) for title in titles]
        params = types.ShowMessageRequestParams(types.MessageType.Info, plain(text), items)
        try:
            chosen = await self.protocol.send_request_async(types.WINDOW_SHOW_MESSAGE_REQUEST, params)
        except JsonRpcException:
            return None
        return titles.get(chosen.title) if chosen is not None else None

    async def make(self, label: str, edits: Sequence[Edit]) -> str:
        """Have edits made; return why they were not."""
        versioned = bool(get_capability(self._capabilities, "workspace.workspace_edit.document_changes"))
        params = types.ApplyWorkspaceEditParams(wire.workspace_edit(edits, self.encoding, versioned), plain(label))
        try:
            result = await self.protocol.send_request_async(types.WORKSPACE_APPLY_EDIT, params)
        except JsonRpcException as error:
            return one_line(str(error), 300)
        if result is not None and result.applied:
            return ""
        reason = result.failure_reason if result is not None else None
        return one_line(reason or "it gave no reason; the document may have changed meanwhile", 300)

    async def show(self, uri: str) -> bool:
        """Show a document."""
        params = types.ShowDocumentParams(uri, take_focus=True)
        try:
            result = await self.protocol.send_request_async(types.WINDOW_SHOW_DOCUMENT, params)
        except JsonRpcException:
            return False
        return result is not None and bool(result.success)

    def note(self, buffer: Buffer, notes: Sequence[Note]) -> None:
        """Have notes stand in a document."""
        related = bool(get_capability(self._capabilities, "text_document.publish_diagnostics.related_information"))
        found = wire.diagnostics(buffer, notes, self.encoding, related)
        self.protocol.notify(
            types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS,
            types.PublishDiagnosticsParams(buffer.uri, found, buffer.version),
        )

    def refresh(self) -> None:
        """Have code lenses asked for again."""
        if self.can.refresh:
            # Nobody waits for the answer, which is empty, whatever it is.
            self.protocol.send_request(types.WORKSPACE_CODE_LENS_REFRESH, None)

    async def progress(self, title: str, cancel: Callable[[], None]) -> Progress:
        """Show that something goes on."""
        if not self.can.progress:
            return Unseen()
        token = str(uuid.uuid4())
        try:
            await self.protocol.send_request_async(
                types.WINDOW_WORK_DONE_PROGRESS_CREATE, types.WorkDoneProgressCreateParams(token)
            )
        except JsonRpcException:
            return Unseen()
        self.cancels[token] = cancel
        shown = Shown(self, token)
        shown.send(types.WorkDoneProgressBegin(title=plain(title), cancellable=True))
        return shown


@dataclass(frozen=True, slots=True)
class Shown:
    """A progress that the editor shows."""

    editor: Editor
    token: str

    def report(self, text: str) -> None:
        """Say what happens."""
        if self.token in self.editor.cancels:
            self.send(types.WorkDoneProgressReport(message=plain(text), cancellable=True))

    def end(self, text: str) -> None:
        """Say how it ended; nothing is said of it after that."""
        if self.editor.cancels.pop(self.token, None) is not None:
            self.send(types.WorkDoneProgressEnd(message=plain(text)))

    def send(self, value: object) -> None:
        """Send a value of this progress."""
        self.editor.protocol.notify(types.PROGRESS, types.ProgressParams(self.token, value))
