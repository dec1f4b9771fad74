"""What a change plants outside of tests: code that runs by itself, stand-ins for test tools, code that knows it is tested."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator

from shadowfs import RepoPath
from verifier.tampering.finding import Finding
from verifier.tampering.outline import parse
from verifier.tampering.paths import builds, hooks_interpreter, runs_by_itself, shadows_tool
from verifier.tampering.sides import Sides

_LIFECYCLE = re.compile(r"^(pre|post)|^(install|prepare|test|lint|check)")
_KNOWS_TESTS = re.compile(rb"PYTEST_CURRENT_TEST|PYTEST_VERSION|\b_?pytest\b|\bunittest\b|NIGHTCREW_|_nightcrew")
_GIT_PARTS = {
    "head": re.compile(rb"\A(ref:\s*refs/|refs/|[0-9a-f]{40})"),
    "commondir": re.compile(rb"\S"),
    "config": re.compile(rb"^\s*\[(core|include|includeif|filter|diff|alias)\b", re.IGNORECASE | re.MULTILINE),
    "config.worktree": re.compile(rb"\S"),
}
_GIT_BYTES = 1 << 16
_ENDS_PROCESS = re.compile(rb"\bos\s*\.\s*_exit\b|\bos\s*\.\s*kill\b|\bos\s*\.\s*abort\b")


def planted(sides: Sides) -> Iterator[Finding]:
    """Yield what is planted at one path, by its name."""
    path = sides.path
    if hooks_interpreter(path):
        yield Finding(path, f"Python reads this file at its start; it is {sides.kind}")
    tool = shadows_tool(path)
    if tool is not None and sides.kind == "added":
        yield Finding(path, f"the new module stands in for `{tool}`")
    if runs_by_itself(path):
        yield Finding(path, f"editors, shells, agents or git act on this file by themselves; it is {sides.kind}")
    if _steers_git(path, sides):
        yield Finding(path, f"git, run in its directory, obeys this file; it is {sides.kind}")
    if path.rpartition("/")[2] == "package.json":
        yield from _scripts(path, sides.before, sides.after)
    elif builds(path):
        yield Finding(path, f"the file steers builds, commands or agents; it is {sides.kind}", weakens=False)


def test_awareness(path: RepoPath, before: bytes | None, after: bytes | None) -> Iterator[Finding]:
    """Yield where the product's own code now knows of the test runner, or can end its process."""
    for pattern, what in (
        (_KNOWS_TESTS, "knows of the test runner"),
        (_ENDS_PROCESS, "can end the process that tests it"),
    ):
        budget = Counter(pattern.findall(_code(before)))
        for number, line in enumerate(_code(after).splitlines(), 1):
            for word in pattern.findall(line):
                if budget[word] > 0:
                    budget[word] -= 1
                else:
                    yield Finding(path, f"the code {what}: `{line.decode('utf-8', 'replace').strip()[:80]}`", number)


def _steers_git(path: RepoPath, sides: Sides) -> bool:
    """Say whether a file is a part of a git directory that decides what git runs: there are bare ones, named anything."""
    pattern = _GIT_PARTS.get(path.rpartition("/")[2].lower())
    return pattern is not None and sides.after is not None and pattern.search(sides.after[:_GIT_BYTES]) is not None


def _code(source: bytes | None) -> bytes:
    """Return Python source with comments and bare strings blanked, lines kept; as it is where it does not parse."""
    if source is None:
        return b""
    try:
        tree = parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source
    lines = source.split(b"\n")
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            for number in range(node.lineno - 1, min(node.end_lineno or node.lineno, len(lines))):
                lines[number] = b""
    return b"\n".join(b"" if line.lstrip().startswith(b"#") else line for line in lines)


def _scripts(path: RepoPath, before: bytes | None, after: bytes | None) -> Iterator[Finding]:
    old, new = _script_table(before), _script_table(after)
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) == new.get(name):
            continue
        weakens = name in old or _LIFECYCLE.match(name) is not None
        yield Finding(path, f"the script `{name}` is {new.get(name, 'removed')!r} now", weakens=weakens)


def _script_table(text: bytes | None) -> dict[str, str]:
    try:
        document = json.loads(text or b"{}")
    except (ValueError, RecursionError):
        return {}
    scripts = document.get("scripts") if isinstance(document, dict) else None
    return {str(name): str(script) for name, script in scripts.items()} if isinstance(scripts, dict) else {}
