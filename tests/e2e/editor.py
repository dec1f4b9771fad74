"""An editor: the protocol's own Python client, with buffers, and somebody who answers what is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, Union, cast

from lsprotocol import types
from pygls.lsp.client import LanguageClient
from pygls.protocol import default_converter

from tests.e2e.command import NIGHTCREW, clean_environment

Found = TypeVar("Found")
PATIENCE_S = 300.0


@dataclass(slots=True)
class Editor:
    """What a person sees of the server; `choose` answers its questions (None: nothing is chosen)."""

    client: LanguageClient
    choose: Callable[[str], str | None] = lambda _: None
    texts: dict[str, str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    progress: list[tuple[str, str]] = field(default_factory=list)
    """Of each value: its kind, and its title or message."""
    tokens: list[str | int] = field(default_factory=list)
    notes: dict[str, list[types.Diagnostic]] = field(default_factory=dict)
    refreshed: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, what: Callable[[], Found]) -> Found:
        """Wait until something is so; what the server says is looked at as it comes."""
        async with asyncio.timeout(PATIENCE_S):
            while not (found := what()):
                self.news.clear()
                await self.news.wait()
        return found

    def open(self, uri: str, text: str) -> None:
        """Open a document."""
        self.texts[uri], self.versions[uri] = text, 1
        item = types.TextDocumentItem(uri, "python", 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def insert(self, uri: str, line: int, text: str) -> None:
        """Type something before a line (from 0), and do not save it."""
        at = types.Position(line, 0)
        self.edit(uri, [types.TextEdit(types.Range(at, at), text)])

    def edit(self, uri: str, edits: list[types.TextEdit]) -> None:
        """Make edits and say so, as one change each, the last one of the text first."""
        changes: list[types.TextDocumentContentChangeEvent] = []
        for edit in sorted(edits, key=lambda each: (each.range.start.line, each.range.start.character), reverse=True):
            text = self.texts[uri]
            start, end = (offset(text, place) for place in (edit.range.start, edit.range.end))
            self.texts[uri] = text[:start] + edit.new_text + text[end:]
            changes.append(types.TextDocumentContentChangePartial(range=edit.range, text=edit.new_text))
        self.versions[uri] += 1
        document = types.VersionedTextDocumentIdentifier(self.versions[uri], uri)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, changes))

    async def lenses(self, uri: str) -> list[types.CodeLens]:
        """Ask for lenses."""
        params = types.CodeLensParams(types.TextDocumentIdentifier(uri))
        return list(await self.client.text_document_code_lens_async(params) or [])

    async def do(self, command: str, *arguments: Any) -> Any:
        """Have a command carried out."""
        params = types.ExecuteCommandParams(command, list(arguments))
        return await self.client.workspace_execute_command_async(params)

    async def cancel(self) -> None:
        """Press the button that ends what goes on."""
        self.client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(self.tokens[-1]))

    def apply(self, edit: types.WorkspaceEdit) -> types.ApplyWorkspaceEditResult:
        """Make the edits of documents that are open in the version they are meant for."""
        parts = [each for each in edit.document_changes or () if isinstance(each, types.TextDocumentEdit)]
        for part in parts:
            document = part.text_document
            if self.versions.get(document.uri) != document.version:
                return types.ApplyWorkspaceEditResult(False, f"version {document.version} is not open")
        for part in parts:
            self.edit(part.text_document.uri, [each for each in part.edits if isinstance(each, types.TextEdit)])
        return types.ApplyWorkspaceEditResult(True)


def offset(text: str, place: types.Position) -> int:
    """Return the index of a place whose columns are units of UTF-16."""
    lines = text.split("\n")
    before = sum(len(line) + 1 for line in lines[: place.line])
    return before + len(lines[place.line].encode("utf-16-le")[: 2 * place.character].decode("utf-16-le"))


CAPABILITIES = types.ClientCapabilities(
    workspace=types.WorkspaceClientCapabilities(
        apply_edit=True,
        workspace_edit=types.WorkspaceEditClientCapabilities(
            document_changes=True,
            resource_operations=[types.ResourceOperationKind.Create, types.ResourceOperationKind.Delete],
        ),
        code_lens=types.CodeLensWorkspaceClientCapabilities(refresh_support=True),
        text_document_content=types.TextDocumentContentClientCapabilities(),
    ),
    window=types.WindowClientCapabilities(
        work_done_progress=True, show_document=types.ShowDocumentClientCapabilities(support=True)
    ),
    text_document=types.TextDocumentClientCapabilities(
        synchronization=types.TextDocumentSyncClientCapabilities(will_save_wait_until=True),
        publish_diagnostics=types.PublishDiagnosticsClientCapabilities(related_information=True),
    ),
)


def _converter() -> Any:
    """Return the library's converter; its own takes each code action that has a command for a command."""
    made: Any = default_converter()  # type: ignore[no-untyped-call]

    def either(given: dict[str, Any], _: object) -> object:
        return made.structure(given, types.Command if isinstance(given.get("command"), str) else types.CodeAction)

    made.register_structure_hook(Union[types.Command, types.CodeAction], either)  # noqa: UP007 - as the library names it
    return made


@asynccontextmanager
async def editing(folder: Path, state: Path, options: Mapping[str, Any] | None = None) -> AsyncIterator[Editor]:
    """Start the server in a folder as editors do, and leave it as they do."""
    editor = Editor(LanguageClient("editor", "1", converter_factory=_converter))
    _listen(editor)
    client = editor.client
    words = ["lsp", "--state", str(state)]
    await client.start_io(str(NIGHTCREW), *words, env=clean_environment())
    folders = [types.WorkspaceFolder(folder.as_uri(), folder.name)]
    await client.initialize_async(
        types.InitializeParams(CAPABILITIES, workspace_folders=folders, initialization_options=options)
    )
    client.initialized(types.InitializedParams())
    try:
        yield editor
    finally:
        if not client.stopped:
            await client.shutdown_async(None)
            client.exit(None)
        await cast(Any, client).stop()


def _listen(editor: Editor) -> None:
    """Take what the server sends. The library's own registering says nothing of types."""

    def told(params: types.ShowMessageParams) -> None:
        editor.told.append(params.message)

    def asked(params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
        editor.asked.append(params.message)
        chosen = editor.choose(params.message)
        return next((each for each in params.actions or () if each.title == chosen), None)

    def applied(params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        return editor.apply(params.edit)

    def shown(params: types.ShowDocumentParams) -> types.ShowDocumentResult:
        editor.shown.append(params.uri)
        return types.ShowDocumentResult(True)

    def created(params: types.WorkDoneProgressCreateParams) -> None:
        editor.tokens.append(params.token)

    def progressed(params: types.ProgressParams) -> None:
        said = params.value if isinstance(params.value, dict) else vars(params.value)
        editor.progress.append((said["kind"], said.get("title") or said.get("message") or ""))

    def noted(params: types.PublishDiagnosticsParams) -> None:
        editor.notes[params.uri] = list(params.diagnostics)

    def refreshed(_: None) -> None:
        editor.refreshed += 1

    for name, take in (
        (types.WINDOW_SHOW_MESSAGE, told),
        (types.WINDOW_SHOW_MESSAGE_REQUEST, asked),
        (types.WORKSPACE_APPLY_EDIT, applied),
        (types.WINDOW_SHOW_DOCUMENT, shown),
        (types.WINDOW_WORK_DONE_PROGRESS_CREATE, created),
        (types.PROGRESS, progressed),
        (types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, noted),
        (types.WORKSPACE_CODE_LENS_REFRESH, refreshed),
    ):
        cast(Any, editor.client).feature(name)(_with_news(editor, take))


def _with_news(editor: Editor, take: Callable[[Any], object]) -> Callable[[Any], object]:
    def taking(params: Any) -> object:
        answer = take(params)
        editor.news.set()
        return answer

    return taking
