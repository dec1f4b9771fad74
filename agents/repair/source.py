"""A Python file as a tree and as bytes: where each node lies, and what it becomes when some bytes are replaced."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from bisect import bisect_right
from dataclasses import dataclass

from shadowfs import RepoPath
from verifier import Edit

MAX_BYTES = 1_000_000
_BOM = b"\xef\xbb\xbf"
_NEWLINE = re.compile(rb"\r\n|\r|\n")
_PARSE_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is left alone, and why."""

    path: RepoPath
    why: str


@dataclass(frozen=True, slots=True)
class Splice:
    """Replace the bytes `start` to `end` of a source's UTF-8 form by `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed file. Offsets count bytes of `utf8`, the text in UTF-8 without a byte-order mark, as the syntax tree does."""

    path: RepoPath
    data: bytes
    encoding: str
    utf8: bytes
    starts: tuple[int, ...]
    tree: ast.Module
    newline: str

    @property
    def native(self) -> bool:
        """Say whether offsets into `utf8` are offsets into the file, but for a byte-order mark."""
        return self.encoding in ("utf-8", "utf-8-sig")

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Return the first byte of a node that has a position, and the one after its last."""
        start: int = self.starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
        end: int = self.starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]
        return start, end

    def text(self, node: ast.AST) -> str:
        """Return a node as it is written."""
        start, end = self.span(node)
        return self.utf8[start:end].decode()

    def line_of(self, offset: int) -> int:
        """Return the line (from 1) of an offset."""
        return bisect_right(self.starts, offset)

    def indent_at(self, offset: int) -> str | None:
        """Return the white space before `offset` when nothing else stands before it on its line."""
        before = self.utf8[self.starts[self.line_of(offset) - 1] : offset]
        return before.decode() if not before.strip(b" \t\f") else None

    def gap(self, start: int, end: int) -> bytes:
        """Return the bytes between two neighbouring nodes with comments blanked."""
        return re.sub(rb"#[^\r\n]*", lambda comment: b" " * len(comment[0]), self.utf8[start:end])

    def spliced(self, splices: tuple[Splice, ...], start: int = 0, end: int | None = None) -> str:
        """Return the text of the bytes `start` to `end` with `splices` (which lie inside) applied."""
        stop = len(self.utf8) if end is None else end
        parts: list[bytes] = []
        at = start
        for splice in sorted(splices, key=lambda each: each.start):
            parts += (self.utf8[at : splice.start], splice.text.encode())
            at = splice.end
        return b"".join((*parts, self.utf8[at:stop])).decode()

    def edits(self, splices: tuple[Splice, ...]) -> tuple[Edit, ...]:
        """Return splices as edits of the file's own bytes, whatever its encoding."""
        return tuple(
            Edit(self.path, self._offset(each.start), self._offset(each.end), each.text)
            for each in sorted(splices, key=lambda each: each.start)
        )

    def apply(self, edits: tuple[Edit, ...]) -> bytes:
        """Return the file's bytes with edits of this file applied. Raises `UnicodeEncodeError` where its encoding lacks a character."""
        data = self.data
        for edit in sorted(edits, key=lambda each: each.start, reverse=True):
            new = edit.text.encode("utf-8" if self.native else self.encoding)
            data = data[: edit.start] + new + data[edit.end :]
        return data

    def _offset(self, offset: int) -> int:
        if self.native:
            return offset + (len(_BOM) if self.data.startswith(_BOM) else 0)
        return len(self.utf8[:offset].decode().encode(self.encoding))


def parse(text: str) -> ast.Module | None:
    """Parse source text quietly; None when it is not Python, or too deep."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except _PARSE_ERRORS:
            return None


def read_source(path: RepoPath, data: bytes) -> Source | Skipped:
    """Parse a file, or say why it is skipped: too large, undecodable, or not Python that this interpreter knows."""
    if len(data) > MAX_BYTES:
        return Skipped(path, f"is larger than {MAX_BYTES:,} bytes")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
        if text.encode(encoding) != data:
            return Skipped(path, f"does not survive a round trip through {encoding}")
    except (SyntaxError, UnicodeError, LookupError) as error:
        return Skipped(path, f"cannot be decoded: {error}")
    text = text.removeprefix("\ufeff")
    tree = parse(text)
    if tree is None:
        return Skipped(path, "is not Python that this interpreter parses")
    utf8 = text.encode()
    breaks = list(_NEWLINE.finditer(utf8))
    starts = (0, *(each.end() for each in breaks))
    newline = breaks[0][0].decode() if breaks else "\n"
    return Source(path, data, encoding, utf8, starts, tree, newline)
