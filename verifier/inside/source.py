"""A module's text: where its outermost functions lie, and how to compile one of them alone."""

from __future__ import annotations
import __future__

import ast
import os
import sys
import tokenize
from types import CodeType
from typing import TYPE_CHECKING, Any, Sequence

if TYPE_CHECKING:
    Edit = tuple[int, int, str]
    """Start, end (bytes) and the text that replaces them."""


class Inapplicable(Exception):
    """Raised when edited source does not compile."""


class Cold(Exception):
    """Raised when an edit cannot be put into a process that has imported the module already; says why."""


def edited(data: bytes, edits: Sequence[Edit], encoding: str) -> bytes:
    """Return `data` with the edits made; they do not overlap."""
    for start, end, text in sorted(edits, reverse=True):
        if not 0 <= start <= end <= len(data):
            raise Inapplicable("an edit reaches beyond the end of its file")
        data = data[:start] + text.encode(encoding, "surrogateescape") + data[end:]
    return data


def encoding_of(data: bytes) -> str:
    """Return the encoding that a module's first lines declare."""
    lines = iter(data.splitlines(keepends=True)[:2])
    try:
        found = tokenize.detect_encoding(lambda: next(lines, b""))[0]
    except SyntaxError as error:
        raise Inapplicable(str(error)) from None
    # The mark at the start of the file is not repeated at the start of an edit.
    return "utf-8" if found == "utf-8-sig" else found


class Function:
    """An outermost function: a statement of a module or of a class that is itself no part of a function."""

    def __init__(self, node: Any, within: tuple[str, ...]) -> None:
        self.name: str = node.name
        self.first = min([node.lineno, *[decorator.lineno for decorator in node.decorator_list]])
        self.last: int = node.end_lineno
        self.within = within
        self.header = Header(node)
        self.compiled: Compiled | None = None


class Header:
    """What of a function is evaluated when it is defined. Two headers that differ need a new import."""

    def __init__(self, node: Any) -> None:
        arguments = node.args
        self.defaults: list[Any] = [*arguments.defaults, *arguments.kw_defaults]
        plain = [*getattr(arguments, "posonlyargs", []), *arguments.args, *arguments.kwonlyargs]
        plain += [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
        self.shape = (
            type(node).__name__,
            [ast.dump(argument) for argument in plain],
            len(arguments.args),
            len(arguments.defaults),
            [value is None for value in arguments.kw_defaults],
            [ast.dump(decorator) for decorator in node.decorator_list],
            ast.dump(node.returns) if node.returns is not None else "",
            [ast.dump(parameter) for parameter in getattr(node, "type_params", [])],
            ast.get_docstring(node, clean=False),
        )
        self.positional = len(arguments.defaults)
        self.keywords = [argument.arg for argument in arguments.kwonlyargs]
        self.default_dumps = ["" if value is None else ast.dump(value) for value in self.defaults]


class Compiled:
    """A function's code, and the codes that define it: its module's, and those of the classes around it, inwards."""

    def __init__(self, code: CodeType, around: list[CodeType]) -> None:
        self.code = code
        self.around = around


class Module:
    """The text of a module as it was when the suite was imported."""

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self.data = data
        self.encoding = encoding_of(data)
        tree = ast.parse(data)
        self.flags = _future_flags(tree)
        self._imports = _imports(tree)
        self.functions: list[Function] = []
        self._visit(tree.body, ())
        self._starts = [0]
        for line in data.split(b"\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._odd_lines = b"\r" in data.replace(b"\r\n", b"") or b"\f" in data

    def function_at(self, start: int, end: int) -> Function:
        """Return the outermost function around these bytes; raises `Cold` where there is none."""
        if not self._odd_lines:
            for function in self.functions:
                if self._starts[function.first - 1] <= start and end < self._starts[function.last]:
                    return function
        raise Cold("it is not inside of a function")

    def compile(self, function: Function, edits: Sequence[Edit] = ()) -> Compiled:
        """Compile a function alone, with its line numbers; raises `Inapplicable`, or `Cold` when it is no longer one function."""
        # Without a detour over syntax trees, whose many small objects would cost a child more than its test does.
        # The imports stand last, where they move no line: what they make of names holds for the whole text.
        whole: CodeType = self._compiled(self._alone(function, edits) + self._imports, 0)
        names = [line[6:-1] for line in function.within if line.startswith("class ")]
        return _descend(whole, [*names, function.name])

    def header(self, function: Function, edits: Sequence[Edit]) -> Header:
        """Return the edited function's header; raises `Inapplicable`, or `Cold` when it is no longer one function."""
        body: Any = self._compiled(self._alone(function, edits), ast.PyCF_ONLY_AST).body
        for _ in function.within:
            body = body[0].body
        if len(body) != 1 or getattr(body[0], "name", None) != function.name or not hasattr(body[0], "args"):
            raise Cold("the function is no longer one function of that name")
        return Header(body[0])

    def _alone(self, function: Function, edits: Sequence[Edit]) -> str:
        """Return the text of a module that has the edited function alone, in its place."""
        start, end = self._starts[function.first - 1], self._starts[function.last]
        moved = [(at - start, to - start, text) for at, to, text in edits]
        text = edited(self.data[start:end], moved, self.encoding).decode(self.encoding)
        opening = ["{}{}\n".format(" " * depth, line) for depth, line in enumerate(function.within)]
        padding = "\n" * (function.first - 1 - len(opening))
        alone: str = padding + "".join(opening) + text
        return alone

    def _compiled(self, text: str, flags: int) -> Any:
        try:
            return compile(text, self.path, "exec", self.flags | flags, True)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
            raise Inapplicable(f"{type(error).__name__}: {error}") from None

    def _visit(self, statements: Sequence[Any], within: tuple[str, ...]) -> None:
        for node in statements:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self.functions.append(Function(node, within))
            elif isinstance(node, ast.ClassDef):
                self._visit(node.body, (*within, f"class {node.name}:"))
            else:
                blocks: dict[str, Any] = vars(node)
                for name in ("body", "orelse", "finalbody", "handlers", "cases"):
                    inner = blocks.get(name)
                    if isinstance(inner, list):
                        # A handler and a case are blocks within a block, at the depth of their statement.
                        self._visit(inner, within if name in ("handlers", "cases") else (*within, "if 1:"))


def _future_flags(tree: ast.Module) -> int:
    flags = 0
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                feature = getattr(__future__, alias.name)
                # What is the rule by now leaves no mark on code.
                if (feature.getMandatoryRelease() or sys.version_info) >= sys.version_info:
                    flags |= feature.compiler_flag
    return flags


def _imports(tree: ast.Module) -> str:
    """Return one import of all names the module imports: from 3.11 on, calls of their attributes compile differently."""
    names: list[str] = []
    rest: list[Any] = list(tree.body)
    while rest:
        node = rest.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names += [alias.asname or alias.name.partition(".")[0] for alias in node.names if alias.name != "*"]
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            rest += [inner for inner in ast.iter_child_nodes(node) if isinstance(inner, (ast.stmt, ast.excepthandler))]
    return "\nimport {}\n".format(", ".join(sorted(set(names)))) if names else "\n"


def _descend(whole: CodeType, names: list[str]) -> Compiled:
    around = []
    code = whole
    for name in names:
        around.append(code)
        found = [const for const in code.co_consts if isinstance(const, CodeType) and const.co_name == name]
        if len(found) != 1:
            raise Cold("the function's code was not found alone")
        code = found[0]
    return Compiled(code, around)


def literal(node: Any) -> Any:
    """Return the value of a default; raises `Cold` where it needs evaluation."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        raise Cold("a default is not a literal") from None


def read(root: str, path: str) -> bytes:
    """Return a repository file's bytes; raises `Inapplicable` where it is no Python file that can be read."""
    if not path.endswith(".py"):
        raise Inapplicable(f"{path} is not a Python file")
    try:
        with open(os.path.join(root, path), "rb") as file:
            return file.read()
    except OSError as error:
        raise Inapplicable(str(error)) from None
