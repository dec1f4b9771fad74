"""The wire: our records as the protocol's, and back. Columns become units here, and what is shown is made printable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lsprotocol import types
from pygls.capabilities import get_capability

from orchestrator.lsp.buffers import Buffer, Changed
from orchestrator.lsp.client import Act, Can, Lens, Note, Offer
from orchestrator.lsp.edits import Created, Deleted, Edit, Edited
from orchestrator.lsp.positions import At, Encoding, Stretch, to_units
from orchestrator.lsp.wording import MESSAGE_CHARACTERS, Report
from orchestrator.plain import one_line, plain
from verifier import Span, Text

SOURCE = "nightcrew"
"""Who says our diagnostics."""
_KINDS = types.ResourceOperationKind


def can_of(client: types.ClientCapabilities) -> Can:
    """Return what a client says that it can do."""
    operations = get_capability(client, "workspace.workspace_edit.resource_operations") or []
    versioned = bool(get_capability(client, "workspace.workspace_edit.document_changes"))
    return Can(
        create=versioned and _KINDS.Create in operations,
        delete=versioned and _KINDS.Delete in operations,
        show=bool(get_capability(client, "window.show_document.support")),
        virtual=get_capability(client, "workspace.text_document_content") is not None,
        progress=bool(get_capability(client, "window.work_done_progress")),
        refresh=bool(get_capability(client, "workspace.code_lens.refresh_support")),
        wait_to_save=bool(get_capability(client, "text_document.synchronization.will_save_wait_until")),
    )


def changed(changes: Iterable[types.TextDocumentContentChangeEvent]) -> list[Changed]:
    """Read the changes of a document."""
    return [
        Changed(each.text, _stretch(each.range))
        if isinstance(each, types.TextDocumentContentChangePartial)
        else Changed(each.text)
        for each in changes
    ]


def report_of(diagnostic: types.Diagnostic) -> Report:
    """Read a diagnostic that the editor shows."""
    code = "" if diagnostic.code is None else str(diagnostic.code)
    message = diagnostic.message[: MESSAGE_CHARACTERS + 1]
    return Report(message, diagnostic.source or "", code, diagnostic.range.start.line + 1)


def lens(each: Lens) -> types.CodeLens:
    """Write a lens."""
    line = max(0, each.line - 1)
    at = types.Position(line, 0)
    return types.CodeLens(types.Range(at, at), _command(each.act))


def action(each: Offer, diagnostics: Sequence[types.Diagnostic]) -> types.CodeAction:
    """Write an offer; `diagnostics` are those that the editor asked for it with."""
    answers = each.diagnostic is not None
    return types.CodeAction(
        title=one_line(each.act.title),
        kind=types.CodeActionKind.QuickFix if answers else types.CodeActionKind.Refactor,
        diagnostics=[diagnostics[each.diagnostic]] if each.diagnostic is not None else None,
        command=_command(each.act),
    )


def is_kind(each: types.CodeAction, kind: types.CodeActionKind | str) -> bool:
    """Say whether an action is of a kind, or of one below it, as kinds are named: `refactor.extract` is below `refactor`."""
    mine, wanted = (str(getattr(name, "value", name)) for name in (each.kind, kind))
    return mine == wanted or not wanted or mine.startswith(f"{wanted}.")


def diagnostics(buffer: Buffer, notes: Iterable[Note], encoding: Encoding, related: bool) -> list[types.Diagnostic]:
    """Write notes; their remarks as related information where the editor shows such, else as lines of the message."""
    return [_diagnostic(buffer, each, encoding, related) for each in notes]


def _diagnostic(buffer: Buffer, note: Note, encoding: Encoding, related: bool) -> types.Diagnostic:
    where = _range(buffer.text, note.span, encoding)
    remarks = [one_line(each, 300) for each in note.related]
    return types.Diagnostic(
        range=where,
        message=plain("\n".join([note.text, *([] if related else remarks)])),
        severity=types.DiagnosticSeverity.Information if note.grave else types.DiagnosticSeverity.Hint,
        source=SOURCE,
        related_information=[
            types.DiagnosticRelatedInformation(types.Location(buffer.uri, where), each) for each in remarks
        ]
        if related and remarks
        else None,
    )


def workspace_edit(edits: Sequence[Edit], encoding: Encoding, versioned: bool) -> types.WorkspaceEdit:
    """Write edits: of documents in the version that they were made for, where the client knows of versions."""
    if not versioned:
        changes = {each.buffer.uri: _text_edits(each, encoding) for each in edits if isinstance(each, Edited)}
        return types.WorkspaceEdit(changes=changes)
    return types.WorkspaceEdit(document_changes=[part for each in edits for part in _parts(each, encoding)])


_Part = types.TextDocumentEdit | types.CreateFile | types.RenameFile | types.DeleteFile


def _parts(edit: Edit, encoding: Encoding) -> list[_Part]:
    if isinstance(edit, Deleted):
        return [types.DeleteFile(edit.uri)]
    if isinstance(edit, Created):
        start = types.Position(0, 0)
        text = types.TextEdit(types.Range(start, start), edit.text)
        made = types.OptionalVersionedTextDocumentIdentifier(edit.uri, None)
        return [
            types.CreateFile(edit.uri, options=types.CreateFileOptions(overwrite=False)),
            types.TextDocumentEdit(made, [text]),
        ]
    document = types.OptionalVersionedTextDocumentIdentifier(edit.buffer.uri, edit.buffer.version)
    return [types.TextDocumentEdit(document, _text_edits(edit, encoding))]


def _text_edits(edit: Edited, encoding: Encoding) -> list[types.TextEdit]:
    return [types.TextEdit(_range(edit.buffer.text, each.span, encoding), each.text) for each in edit.edits]


def _command(act: Act) -> types.Command:
    return types.Command(one_line(act.title), act.command, arguments=list(act.arguments))


def _range(text: Text, span: Span, encoding: Encoding) -> types.Range:
    start, end = to_units(text, span.start, encoding), to_units(text, span.end, encoding)
    return types.Range(types.Position(start.line, start.units), types.Position(end.line, end.units))


def _stretch(where: types.Range) -> Stretch:
    return Stretch(At(where.start.line, where.start.character), At(where.end.line, where.end.character))
