"""The outline of a Python module: what it defines, binds and does when imported, as the interpreter would end up with it."""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

Function = ast.FunctionDef | ast.AsyncFunctionDef
_MAIN = "__name__ == '__main__'"


@dataclass(slots=True)
class Outline:
    """Names are qualified (`TestA.test_b`); what stands under a condition has it appended (`test_b if PY3`).

    A later definition of a name replaces an earlier one, as it does in Python. `others` are the remaining statements.
    """

    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    values: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    others: list[tuple[str, ast.stmt]] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)

    def names(self) -> set[str]:
        """Return every bound name, conditions left out."""
        return {plain(key) for table in (self.functions, self.classes, self.values, self.imports) for key in table}

    def statements(self) -> Counter[str]:
        """Return the remaining statements as text, with how often each stands there."""
        return Counter(f"{scope}: {ast.unparse(statement)}" for scope, statement in self.others)

    def arguments(self) -> set[str]:
        """Return the names of all functions' arguments: the fixtures that tests ask for among them."""
        return {argument.arg for node in self.functions.values() for argument in every_argument(node)}


def outline(source: bytes) -> Outline:
    """Return the outline of a module; raise SyntaxError or ValueError where this interpreter cannot parse it."""
    found = Outline()
    _walk(found, parse(source).body, "", ())
    return found


def parse(source: bytes) -> ast.Module:
    """Return the syntax tree of source that is none of ours: what this interpreter would warn of stays unsaid."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def plain(key: str) -> str:
    """Return a name without its condition."""
    return key.partition(" if ")[0]


def last(key: str) -> str:
    """Return the innermost part of a qualified name."""
    return plain(key).rpartition(".")[2]


def every_argument(node: Function) -> Iterator[ast.arg]:
    """Yield all arguments of a function."""
    yield from (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)


def _walk(found: Outline, body: Iterable[ast.stmt], scope: str, conditions: tuple[str, ...]) -> None:
    for statement in body:
        _take(found, statement, scope, conditions)


def _take(found: Outline, statement: ast.stmt, scope: str, conditions: tuple[str, ...]) -> None:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            key = _bind(found, statement.name, scope, conditions, statement)
            found.functions[key] = statement
        case ast.ClassDef():
            key = _bind(found, statement.name, scope, conditions, statement)
            found.classes[key] = statement
            _walk(found, statement.body, _qualified(scope, statement.name), conditions)
        case ast.Import() | ast.ImportFrom():
            _import(found, statement, scope, conditions)
        case ast.If() if ast.unparse(statement.test) == _MAIN:
            pass
        case ast.If():
            test = ast.unparse(statement.test)
            _walk(found, statement.body, scope, (*conditions, test))
            _walk(found, statement.orelse, scope, (*conditions, f"not ({test})"))
        case ast.Try():
            _walk(found, statement.body, scope, (*conditions, "try"))
            for handler in statement.handlers:
                _walk(found, handler.body, scope, (*conditions, "except"))
            _walk(found, [*statement.orelse, *statement.finalbody], scope, (*conditions, "after try"))
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign() if _targets(statement):
            for name in _targets(statement):
                key = _key(_qualified(scope, name), conditions)
                earlier = found.values.get(key, [])
                _bind(found, name, scope, conditions, statement)
                found.values[key] = [*earlier, statement]
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            pass
        case _:
            found.others.append((" and ".join((scope, *conditions)), statement))


def _qualified(scope: str, name: str) -> str:
    return f"{scope}.{name}" if scope else name


def _key(name: str, conditions: tuple[str, ...]) -> str:
    return f"{name} if {' and '.join(conditions)}" if conditions else name


def _bind(found: Outline, name: str, scope: str, conditions: tuple[str, ...], node: ast.stmt) -> str:
    """Forget what the name stood for so far, where the new binding is sure to replace it; return its key."""
    qualified = _qualified(scope, name)
    key = _key(qualified, conditions)
    tables: tuple[dict[str, object], ...] = (found.functions, found.classes, found.values, found.imports)  # type: ignore[assignment]
    for table in tables:
        for known in [known for known in table if _replaced(known, qualified, key, bool(conditions))]:
            del table[known]
    found.lines[key] = node.lineno
    return key


def _replaced(known: str, qualified: str, key: str, conditional: bool) -> bool:
    if conditional:
        return known == key
    return plain(known) == qualified or known.startswith(f"{qualified}.")


def _import(found: Outline, node: ast.Import | ast.ImportFrom, scope: str, conditions: tuple[str, ...]) -> None:
    module = "" if isinstance(node, ast.Import) else f"{'.' * node.level}{node.module or ''}:"
    for alias in node.names:
        name = alias.asname or (alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name)
        name = f"* of {module}" if alias.name == "*" else name
        key = _key(_qualified(scope, name), conditions)
        origin = alias.name if alias.asname or module else name
        if key not in found.imports:
            _bind(found, name, scope, conditions, node)
        found.imports[key] = f"{module}{origin}"


def _targets(node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> list[str]:
    """Return the plain names an assignment binds; none where it also stores into an object."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    stored = [
        part for target in targets for part in ast.walk(target) if isinstance(getattr(part, "ctx", None), ast.Store)
    ]
    if any(isinstance(part, ast.Attribute | ast.Subscript) for part in stored):
        return []
    return [part.id for part in stored if isinstance(part, ast.Name)]
