"""The tree of a Python file: nested as `ast` says, with the tokens in between as leaves, and brackets as nodes."""

from __future__ import annotations

import ast
import io
import keyword
import tokenize
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agents.migration.tree import DEEPEST, Node, inner

_LAYOUT = frozenset(
    {
        tokenize.ENCODING,
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
)
_WHOLE = ("JoinedStr", "TemplateStr")
"""Strings that are leaves, whatever expressions stand in them."""
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError)


def parse(data: bytes) -> Node | None:
    """Return the tree of a file; None where it does not parse, or is not UTF-8."""
    try:
        data.decode("utf-8")
        with warnings.catch_warnings(action="ignore"):
            module = ast.parse(data)
        return _Builder(data).root(module)
    except _ERRORS:
        return None


@dataclass(frozen=True, slots=True)
class _Inner:
    """A node of `ast` with its range, and those directly below it that have one."""

    kind: str
    start: int
    end: int
    below: tuple[_Inner, ...]
    statement: bool


class _Builder:
    def __init__(self, data: bytes) -> None:
        self._data = data
        starts = [0]
        for line in data.split(b"\n"):
            starts.append(starts[-1] + len(line) + 1)
        self._starts = starts
        self._mark = 3 if data.startswith(b"\xef\xbb\xbf") else 0
        self._lines = data[self._mark :].decode("utf-8").split("\n")
        self._tokens = list(self._read())
        self._at = 0

    def root(self, module: ast.Module) -> Node:
        below = tuple(self._inners(module, 0))
        return self._node(_Inner("Module", 0, len(self._data), below, False))

    def _read(self) -> Iterator[Node]:
        for token in tokenize.tokenize(io.BytesIO(self._data).readline):
            if token.type not in _LAYOUT and token.string:
                start, end = (self._place(*place) for place in (token.start, token.end))
                word = token.type in (tokenize.STRING, tokenize.NUMBER)
                kind = "literal" if word else "name" if token.type == tokenize.NAME else "op"
                if kind == "name":
                    word = not keyword.iskeyword(token.string) or token.string in ("None", "True", "False")
                yield Node(kind if word or kind == "op" else "keyword", start, end, text=token.string, word=word)

    def _place(self, row: int, column: int) -> int:
        return self._offset(row, len(self._lines[row - 1][:column].encode("utf-8")))

    def _offset(self, row: int, column: int) -> int:
        return self._starts[row - 1] + column + (self._mark if row == 1 else 0)

    def _inners(self, parent: ast.AST, depth: int) -> Iterator[_Inner]:
        """Yield what lies below a node, through nodes that have no place of their own."""
        for child in ast.iter_child_nodes(parent):
            if not hasattr(child, "end_lineno"):
                yield from self._inners(child, depth)
                continue
            assert isinstance(child, (ast.stmt, ast.expr)) or hasattr(child, "lineno")
            start, end = self._range(child)
            kind = type(child).__name__
            deeper = depth < DEEPEST and kind not in _WHOLE
            below = tuple(self._inners(child, depth + 1)) if deeper else ()
            decorators = getattr(child, "decorator_list", ())
            if decorators:
                first = self._range(decorators[0])[0]
                start = max((token.start for token in self._tokens if token.start < first), default=first)
            yield _Inner(kind, start, end, below, isinstance(child, ast.stmt))

    def _range(self, node: ast.AST) -> tuple[int, int]:
        first, last = getattr(node, "lineno", 1), getattr(node, "end_lineno", 1)
        return self._offset(first, getattr(node, "col_offset", 0)), self._offset(
            last, getattr(node, "end_col_offset", 0)
        )

    def _node(self, made: _Inner) -> Node:
        if made.kind in _WHOLE or (not made.below and self._single(made)):
            return self._leaf(made)
        children: list[Node] = []
        for below in sorted(made.below, key=lambda each: each.start):
            if below.start < (children[-1].end if children else made.start):
                continue
            children += self._until(below.start)
            children.append(self._node(below))
        children += self._until(made.end)
        grouped = _grouped(children)
        if made.kind in ("ImportFrom", "Import"):
            grouped = _listed(grouped)
        return inner(made.kind, made.start, made.end, grouped, made.statement)

    def _single(self, made: _Inner) -> bool:
        at = self._at
        there = at < len(self._tokens) and self._tokens[at].start == made.start
        return there and self._tokens[at].end == made.end and not made.statement

    def _leaf(self, made: _Inner) -> Node:
        token = next(iter(self._until(made.end)), None)
        text = self._data[made.start : made.end].decode("utf-8")
        return Node(made.kind, made.start, made.end, text=text, word=token is None or token.word or made.kind in _WHOLE)

    def _until(self, end: int) -> list[Node]:
        first = self._at
        while self._at < len(self._tokens) and self._tokens[self._at].start < end:
            self._at += 1
        return self._tokens[first : self._at]


def _grouped(children: Sequence[Node]) -> list[Node]:
    """Return children with each pair of brackets and what stands between them as one node."""
    open_ones: list[list[Node]] = [[]]
    for child in children:
        if child.kind == "op" and child.text in _PAIRS:
            open_ones.append([child])
        elif len(open_ones) > 1 and child.text == _PAIRS[open_ones[-1][0].text] and child.kind == "op":
            held = [*open_ones.pop(), child]
            open_ones[-1].append(inner(held[0].text + child.text, held[0].start, child.end, held))
        else:
            open_ones[-1].append(child)
    return [child for level in open_ones for child in level]


def _listed(children: list[Node]) -> list[Node]:
    """Return the children of an import statement with what is imported as one node."""
    at = next((at for at, child in enumerate(children) if child.kind == "keyword" and child.text == "import"), None)
    rest = children[at + 1 :] if at is not None else []
    if at is None or not rest:
        return children
    if len(rest) == 1 and rest[0].kind == "()":
        listed = rest[0].children[1:-1]
        return [*children[: at + 1], Node("names", rest[0].start, rest[0].end, listed)]
    return [*children[: at + 1], Node("names", rest[0].start, rest[-1].end, tuple(rest))]
