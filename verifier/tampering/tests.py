"""Comparing a Python test file (or `conftest.py`) with what it was: new tests are fine, existing ones keep what they check."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shadowfs import RepoPath
from verifier.tampering.finding import Finding
from verifier.tampering.functions import decorated, skips, weaker
from verifier.tampering.outline import Function, Outline, last, plain

_STEERING_VALUES = frozenset(
    {"pytestmark", "pytest_plugins", "collect_ignore", "collect_ignore_glob", "__test__", "__unittest_skip__"}
)
_STEERING_FUNCTIONS = (
    "pytest_", "setUp", "setup_", "setup", "tearDown", "teardown", "load_tests", "addModuleCleanup", "__", "assert", "fail",
    "run", "skipTest", "debug", "subTest",
)  # fmt: skip


def compare_tests(path: RepoPath, before: Outline, after: Outline) -> Iterator[Finding]:
    """Yield what in a test file became weaker."""
    yield from _functions(path, before, after)
    yield from _classes(path, before, after)
    yield from _values(path, before, after)
    yield from _imports(path, before, after)
    yield from _statements(path, before, after)


def steers(path: RepoPath, after: Outline) -> Iterator[Finding]:
    """Yield what in a new test file reaches beyond its own tests."""
    for key, node in after.functions.items():
        if "." not in key and last(key).startswith(("pytest_", "load_tests")):
            yield Finding(path, f"the new file has the hook `{key}`", node.lineno)


def _functions(path: RepoPath, before: Outline, after: Outline) -> Iterator[Finding]:
    for key, node in before.functions.items():
        now = after.functions.get(key)
        if now is not None:
            change = weaker(node, now)
            if change is not None:
                yield Finding(path, f"`{key}` {change.how}", change.line)
        elif _matters(key, node):
            what = "test" if last(key).startswith("test") else "function"
            gone = "deleted, or under a condition now" if plain(key) in after.names() else "deleted"
            yield Finding(path, f"the {what} `{key}` is {gone}", node.lineno)
    for key, node in after.functions.items():
        if key not in before.functions:
            how = _intrudes(key, node, before)
            if how:
                yield Finding(path, f"the new function `{key}` {how}", node.lineno)


def _matters(key: str, node: Function) -> bool:
    return last(key).startswith(("test", *_STEERING_FUNCTIONS)) or bool(node.decorator_list)


def _intrudes(key: str, node: Function, before: Outline) -> str:
    """Say how a new function takes hold of existing tests, "" where it does not."""
    if plain(key) in before.names():
        return "takes an existing name"
    scope = plain(key).rpartition(".")[0]
    existing = not scope or scope in before.classes
    if existing and last(key).startswith(_STEERING_FUNCTIONS):
        return "steers existing tests"
    for decorator in node.decorator_list:
        text = ast.unparse(decorator)
        if "fixture" in text and existing:
            if "autouse" in text:
                return "is a fixture for all tests"
            if last(key) in before.arguments() or "name=" in text:
                return "replaces a fixture of existing tests"
    return ""


def _classes(path: RepoPath, before: Outline, after: Outline) -> Iterator[Finding]:
    for key, node in before.classes.items():
        now = after.classes.get(key)
        if now is None:
            yield Finding(path, f"the class `{key}` is deleted", node.lineno)
            continue
        how = decorated(node.decorator_list, now.decorator_list)
        if how is not None:
            yield Finding(path, f"the class `{key}` {how}", now.lineno)
        if _header(node) != _header(now):
            yield Finding(path, f"the class `{key}` inherits otherwise", now.lineno)
    for key, node in after.classes.items():
        if key not in before.classes and plain(key) in before.names():
            yield Finding(path, f"the new class `{key}` takes an existing name", node.lineno)


def _header(node: ast.ClassDef) -> list[str]:
    return [ast.unparse(part) for part in (*node.bases, *node.keywords)]


def _values(path: RepoPath, before: Outline, after: Outline) -> Iterator[Finding]:
    for key, statements in before.values.items():
        now = after.values.get(key)
        old = [ast.unparse(statement) for statement in statements]
        if now is None:
            yield Finding(path, f"the value `{key}` is gone", statements[0].lineno)
        elif old != [ast.unparse(statement) for statement in now]:
            yield Finding(path, f"the value `{key}` is changed", now[0].lineno)
    for key, statements in after.values.items():
        if key in before.values:
            continue
        scope = plain(key).rpartition(".")[0]
        existing = not scope or scope in before.classes
        skipping = [skip for statement in statements for skip in skips(statement)]
        if skipping:
            yield Finding(path, f"the whole file is skipped by `{skipping[0]}`", statements[0].lineno)
        elif plain(key) in before.names():
            yield Finding(path, f"`{key}` takes an existing name", statements[0].lineno)
        elif existing and (last(key) in _STEERING_VALUES or last(key).startswith("test")):
            yield Finding(path, f"`{ast.unparse(statements[0])[:80]}` steers existing tests", statements[0].lineno)


def _imports(path: RepoPath, before: Outline, after: Outline) -> Iterator[Finding]:
    for key, origin in after.imports.items():
        was = before.imports.get(key)
        line = after.lines.get(key)
        if was is None and (plain(key) in before.names() or key.startswith("* of ")):
            yield Finding(path, f"the new import of `{origin}` takes existing names", line)
        elif was is not None and was != origin:
            yield Finding(path, f"`{key}` comes from `{origin}` instead of `{was}`", line)


def _statements(path: RepoPath, before: Outline, after: Outline) -> Iterator[Finding]:
    old, new = before.statements(), after.statements()
    for side, extra, verb in ((after, new - old, "added"), (before, old - new, "removed")):
        for scope, statement in side.others:
            if f"{scope}: {ast.unparse(statement)}" in extra:
                yield Finding(path, f"`{ast.unparse(statement)[:80]}` is {verb} outside of tests", statement.lineno)
