"""The adapter to `lsprotocol`: what servers send is structured by its types here, and becomes this package's records.

Importing it costs some tenths of a second: only a session that really starts a server does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from cattrs.errors import BaseValidationError, StructureHandlerNotFoundError
from lsprotocol import converters, types

from verifier.errors import ServerFailed
from verifier.language.diagnostic import (
    Call,
    Diagnostic,
    FileEdit,
    Fix,
    Location,
    Position,
    Severity,
    Span,
    Symbol,
    TextEdit,
)
from verifier.language.text import Encoding, Text, Units

Structured = TypeVar("Structured")
_WRONG = (BaseValidationError, StructureHandlerNotFoundError, ValueError, TypeError, KeyError, AttributeError)


class Reader:
    """Reads what a server sends; `resolve` gives the path a URI stands for, `text` the text it is seen with there."""

    def __init__(
        self, resolve: Callable[[str], str | None], text: Callable[[str], Text | None], encoding: Encoding
    ) -> None:
        self._converter = converters.get_converter()
        self._resolve = resolve
        self._text = text
        self.encoding = encoding

    def diagnostics(self, path: str, items: object) -> tuple[Diagnostic, ...]:
        """Return a file's findings. Raises `ServerFailed` where one is malformed."""
        if not isinstance(items, list):
            raise ServerFailed(f"its findings are no list: {items!r:.80}")
        text = self._text(path)
        return tuple(self._diagnostic(path, text, self._structured(item, types.Diagnostic)) for item in items)

    def locations(self, result: object) -> tuple[Location, ...]:
        """Return the places of a definition or of references, links and single ones alike."""
        items = result if isinstance(result, list) else [] if result is None else [result]
        return tuple(found for item in items if (found := self._location(item)) is not None)

    def hover(self, result: object) -> str:
        """Return what a server tells of a place, as text."""
        return "" if result is None else _words(self._structured(result, types.Hover).contents)

    def names(self, result: object) -> tuple[str, ...]:
        """Return the names that completions insert, of a list and of one with more around it alike."""
        items = _list(result.get("items") if isinstance(result, dict) else result)
        found = (self._structured(item, types.CompletionItem) for item in items)
        return tuple(clean(item.insert_text or item.label) for item in found)

    def symbols(self, path: str, result: object) -> tuple[Symbol, ...]:
        """Return a file's symbols, outer ones before what they hold."""
        return tuple(self._symbols(path, _list(result), ""))

    def calls(self, path: str, items: object, *, incoming: bool) -> tuple[Call, ...]:
        """Return the calls to or from a function of the file `path`."""
        return tuple(self._call(path, item, incoming) for item in _list(items))

    def edits(self, result: object) -> tuple[FileEdit, ...]:
        """Return a workspace edit's file edits. Raises `ServerFailed` where it makes, moves or removes files."""
        if result is None:
            return ()
        edit = self._structured(result, types.WorkspaceEdit)
        files: dict[str, tuple[Any, ...]] = {uri: tuple(edits) for uri, edits in (edit.changes or {}).items()}
        for change in edit.document_changes or ():
            if not isinstance(change, types.TextDocumentEdit):
                raise ServerFailed("its edit makes, moves or removes files, which is not done here")
            uri = change.text_document.uri
            files[uri] = (*files.get(uri, ()), *change.edits)
        return tuple(self._file_edit(uri, edits) for uri, edits in files.items())

    def fix(self, item: object) -> Fix | None:
        """Return a code action as a fix, None where it has no edits of its own."""
        if not isinstance(item, dict) or not isinstance(item.get("edit"), dict):
            return None
        action = self._structured(item, types.CodeAction)
        return Fix(clean(action.title), self.edits(item["edit"]), bool(action.is_preferred))

    def to_wire(self, path: str, span: Span) -> dict[str, object]:
        """Return a span of a file as a range in the server's units."""
        return {"start": self.place(path, span.start), "end": self.place(path, span.end)}

    def place(self, path: str, position: Position) -> dict[str, object]:
        """Return a position in a file in the server's units."""
        text = self._text(path)
        units = Units(position.line - 1, position.column) if text is None else text.to_units(position, self.encoding)
        return {"line": units.line, "character": units.units}

    def _structured(self, raw: object, kind: type[Structured]) -> Structured:
        try:
            return self._converter.structure(raw, kind)
        except _WRONG as error:
            what = f"{type(error).__name__}: {error}"
            raise ServerFailed(f"it sent a malformed {kind.__name__} ({what:.200}): {raw!r:.200}") from None

    def _span(self, text: Text | None, span: types.Range) -> Span:
        return Span(self._position(text, span.start), self._position(text, span.end))

    def _position(self, text: Text | None, at: types.Position) -> Position:
        if text is None:
            return Position(at.line + 1, at.character)
        return text.from_units(Units(at.line, at.character), self.encoding)

    def _diagnostic(self, path: str, text: Text | None, found: types.Diagnostic) -> Diagnostic:
        severity = Severity(found.severity.value) if found.severity is not None else Severity.ERROR
        code = "" if found.code is None else clean(str(found.code))
        message = found.message if isinstance(found.message, str) else _words(found.message)
        return Diagnostic(
            path, self._span(text, found.range), severity, clean(message), code, clean(found.source or "")
        )

    def _location(self, item: object) -> Location | None:
        if isinstance(item, dict) and "targetUri" in item:
            link = self._structured(item, types.LocationLink)
            return self._at(link.target_uri, link.target_selection_range)
        place = self._structured(item, types.Location)
        return self._at(place.uri, place.range)

    def _at(self, uri: str, span: types.Range) -> Location | None:
        path = self._resolve(uri)
        return None if path is None else Location(path, self._span(self._text(path), span))

    def _symbols(self, path: str, items: Sequence[object], container: str) -> Iterator[Symbol]:
        for item in items:
            if isinstance(item, dict) and "location" in item:
                flat = self._structured(item, types.SymbolInformation)
                where = self._at(flat.location.uri, flat.location.range)
                if where is not None:
                    yield Symbol(clean(flat.name), _kind(flat.kind), where, clean(flat.container_name or ""))
                continue
            symbol = self._structured(item, types.DocumentSymbol)
            span = self._span(self._text(path), symbol.selection_range)
            yield Symbol(clean(symbol.name), _kind(symbol.kind), Location(path, span), container)
            if isinstance(item, dict) and item.get("children"):
                yield from self._symbols(path, _list(item["children"]), clean(symbol.name))

    def _call(self, path: str, item: object, incoming: bool) -> Call:
        kind = types.CallHierarchyIncomingCall if incoming else types.CallHierarchyOutgoingCall
        call: Any = self._structured(item, kind)
        other: types.CallHierarchyItem = call.from_ if incoming else call.to
        where = self._at(other.uri, other.selection_range)
        if where is None:
            raise ServerFailed(f"it named a caller that is in no file: {other.uri!r:.200}")
        caller = self._text(where.path if incoming else path)
        spans = tuple(self._span(caller, span) for span in call.from_ranges)
        return Call(Symbol(clean(other.name), _kind(other.kind), where), spans)

    def _file_edit(self, uri: str, edits: Sequence[Any]) -> FileEdit:
        path = self._resolve(uri)
        if path is None:
            raise ServerFailed(f"its edit is of no file: {uri!r:.200}")
        text = self._text(path)
        return FileEdit(path, tuple(TextEdit(self._span(text, edit.range), clean(edit.new_text)) for edit in edits))


def clean(text: str) -> str:
    """Return a server's text without what cannot be encoded."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _list(items: object) -> list[object]:
    if items is None:
        return []
    if not isinstance(items, list):
        raise ServerFailed(f"it sent no list where there should be one: {items!r:.80}")
    return items


def _kind(kind: types.SymbolKind) -> str:
    return kind.name.lower()


def _words(contents: object) -> str:
    if isinstance(contents, str):
        return clean(contents)
    if isinstance(contents, list | tuple):
        return "\n\n".join(map(_words, contents))
    return clean(str(getattr(contents, "value", "")))
