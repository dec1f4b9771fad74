"""Our records as the protocol's: columns in the client's units, versions where it knows of them, nothing that a screen would obey."""

from __future__ import annotations

import pytest
from lsprotocol import types

from orchestrator.lsp import wire
from orchestrator.lsp.client import Act, Can, Lens, Note, Offer
from orchestrator.lsp.edits import Created, Deleted, Edit, Edited
from orchestrator.lsp.positions import Encoding
from orchestrator.lsp.wording import Report
from tests.orchestrator.lsp.changed import URI, buffer
from verifier import Position, Span, TextEdit

HOSTILE = "x\x1b[31m\u202ey\nz"
ALL = Span(Position(2, 0), Position(2, 1 << 31))


def test_columns_are_counted_as_the_client_does() -> None:
    edited = Edited(buffer("one\nx = '😋'"), (TextEdit(ALL, "y\n"),))
    for encoding, units in ((Encoding.UTF8, 10), (Encoding.UTF16, 8), (Encoding.UTF32, 7)):
        edit = wire.workspace_edit([edited], encoding, versioned=True)
        (part,) = edit.document_changes or ()
        assert isinstance(part, types.TextDocumentEdit)
        assert (part.text_document.version, part.edits[0].range.end) == (3, types.Position(1, units))


def test_files_come_and_go_with_versions_alone() -> None:
    edits: list[Edit] = [
        Created("file:///new", "a\n"),
        Deleted("file:///old"),
        Edited(buffer("one\ntwo"), (TextEdit(ALL, ""),)),
    ]
    versioned = wire.workspace_edit(edits, Encoding.UTF16, versioned=True)
    kinds = [type(each).__name__ for each in versioned.document_changes or ()]
    assert kinds == ["CreateFile", "TextDocumentEdit", "DeleteFile", "TextDocumentEdit"]
    plain = wire.workspace_edit(edits, Encoding.UTF16, versioned=False)
    assert plain.document_changes is None and list(plain.changes or {}) == [URI]


def test_what_is_shown_is_printable_and_a_line_where_it_must_be() -> None:
    act = Act(HOSTILE, "nightcrew.reject", ("t",))
    lens = wire.lens(Lens(4, act))
    assert lens.command is not None and lens.command.title == "x\ufffdy"
    assert lens.range.start == types.Position(3, 0)
    action = wire.action(Offer(act), [])
    assert (action.title, action.kind, action.diagnostics) == ("x\ufffdy", types.CodeActionKind.Refactor, None)
    (found,) = wire.diagnostics(buffer("one\ntwo"), [Note(ALL, HOSTILE, (HOSTILE,))], Encoding.UTF16, related=True)
    assert (found.message, found.severity) == ("x\ufffdy\nz", types.DiagnosticSeverity.Information)
    assert [each.message for each in found.related_information or ()] == ["x\ufffdy"]
    (alone,) = wire.diagnostics(buffer("one\ntwo"), [Note(ALL, "told", ("risky",))], Encoding.UTF16, related=False)
    assert (alone.message, alone.related_information) == ("told\nrisky", None)


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("refactor", True), ("", True), ("refactor.extract", False), ("ref", False), ("quickfix", False)],
)
def test_only_the_kinds_that_are_asked_for_are_given(kind: str, wanted: bool) -> None:
    assert wire.is_kind(wire.action(Offer(Act("a", "c")), []), kind) is wanted


def test_what_an_editor_says_is_read() -> None:
    where = types.Range(types.Position(4, 0), types.Position(4, 2))
    assert wire.report_of(types.Diagnostic(where, "m", code=7, source="s")) == Report("m", "s", "7", 5)
    assert wire.can_of(types.ClientCapabilities()) == Can()
