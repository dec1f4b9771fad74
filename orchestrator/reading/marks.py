"""Marks: what a reader should look at twice. Few and worth it: what is capped away is counted."""

from __future__ import annotations

import ast
import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from orchestrator.reading.records import Hunk, Mark, Risk, Role, Seen
from orchestrator.reading.sameness import Files
from shadowfs import RepoPath
from verifier import Evidence, is_test

MOST = 7
"""Marks shown of a change, the gravest."""
_DANGEROUS = re.compile(
    r"""(?<![\w.])(?:eval|exec|__import__)\s*\(|\bos\.(?:system|popen|exec\w*)\s*\(|shell\s*=\s*True|\bpickle\.loads?\s*\(
    |\bmarshal\.loads?\s*\(|\byaml\.(?:unsafe_)?load\s*\((?![^)]*Safe)|verify\s*=\s*False|\bmark_safe\s*\(|\.innerHTML\b
    |dangerouslySetInnerHTML|\bchild_process\b|new\s+Function\s*\(|\bunsafe\s*\{|\bsystem\s*\(|\bstrcpy\s*\(|\bgets\s*\(
    |_create_unverified_context|\bchmod\s*\([^)]*0o?777|\brmtree\s*\(""",
    re.VERBOSE,
)
_CONFIGURATION = (
    *("pyproject.toml", "setup.py", "setup.cfg", "tox.ini", "noxfile.py", "requirements*.txt", "*.lock", "Makefile"),
    *("package.json", "package-lock.json", "Cargo.toml", "go.mod", "CMakeLists.txt", "Dockerfile*", "*.dockerfile"),
    *(
        "docker-compose*.yml",
        "compose*.yml",
        ".gitlab-ci.yml",
        "Jenkinsfile",
        ".pre-commit-config.yaml",
        "nightcrew.toml",
    ),
)
_CONFIGURATION_FOLDERS = (".github/", ".gitlab/", ".circleci/", ".devcontainer/", ".ci/")
_TEST = re.compile(
    r"^\s*(?:(?:async\s+)?def\s+test|assert\b|self\.assert|expect\(|it\(|test\(|@pytest\.mark\.(?:skip|xfail))"
)


def marked(seen: Sequence[Seen], files: Files, evidence: Sequence[Evidence]) -> tuple[dict[str, tuple[Mark, ...]], int]:
    """Return the marks that are shown, by the hunk's id, and how many were left out."""
    missed = dict(_missed(evidence))
    found = [
        (mark, each.hunk.id)
        for each in seen
        if not each.role.folded
        for mark in _marks(each.hunk, each.role, files, missed)
    ]
    gravity = list(Risk)
    found.sort(key=lambda pair: gravity.index(pair[0].risk))
    shown: dict[str, tuple[Mark, ...]] = {}
    for mark, id in found[:MOST]:
        shown[id] = (*shown.get(id, ()), mark)
    return shown, max(0, len(found) - MOST)


def is_configuration(path: RepoPath) -> bool:
    """Say whether a file says how code is built, checked or delivered."""
    name = path.rpartition("/")[2]
    return path.startswith(_CONFIGURATION_FOLDERS) or any(fnmatch.fnmatchcase(name, each) for each in _CONFIGURATION)


def _missed(evidence: Sequence[Evidence]) -> Iterator[tuple[tuple[RepoPath | None, int], str]]:
    """Yield the lines that no test runs, and in which words that is told."""
    for fact in evidence:
        if fact.kind in ("exercise", "uncovered") and fact.line is not None:
            for line in range(fact.line, (fact.last or fact.line) + 1):
                yield (fact.path, line), fact.text


def _marks(hunk: Hunk, role: Role, files: Files, missed: Mapping[tuple[RepoPath | None, int], str]) -> Iterator[Mark]:
    first = hunk.after.first
    dangerous = next(
        ((at, line) for at, line in enumerate(hunk.after.lines, first) if _newly_dangerous(line, hunk)), None
    )
    if dangerous:
        yield Mark(
            Risk.DANGEROUS, f"calls what runs or believes what it is given: {dangerous[1].strip()[:80]}", dangerous[0]
        )
    if is_configuration(hunk.path):
        yield Mark(Risk.CONFIGURATION, "changes how the code is built, checked or delivered", first)
    if is_test(hunk.path):
        weaker = [line for line in hunk.before.lines if _TEST.match(line)]
        if weaker and role is Role.TEST:
            yield Mark(Risk.TESTS, f"changes or removes what a test asks for: {weaker[0].strip()[:80]}", first)
        return
    for name, line in _signatures(hunk, *files[hunk.path]):
        yield Mark(Risk.SIGNATURE, f"`{name}` is called otherwise than before", line)
    lines = [at for at in range(first, hunk.after.last + 1) if (hunk.path, at) in missed]
    if lines:
        yield Mark(Risk.UNCOVERED, missed[hunk.path, lines[0]], lines[0], tuple(lines[1:]))


def _newly_dangerous(line: str, hunk: Hunk) -> bool:
    match = _DANGEROUS.search(line)
    return match is not None and not any(match.group() in before for before in hunk.before.lines)


@lru_cache(maxsize=64)
def _functions(lines: tuple[str, ...]) -> dict[str, tuple[ast.arguments, int, int]]:
    """Return the functions of a Python file by their qualified names: parameters, and the lines of their heads."""
    try:
        tree = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    return dict(_within(tree.body, ""))


def _within(body: Sequence[ast.stmt], prefix: str) -> Iterator[tuple[str, tuple[ast.arguments, int, int]]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _within(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{prefix}{node.name}", (node.args, node.lineno, node.body[0].lineno - 1 or node.lineno)


def _signatures(hunk: Hunk, before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Yield the public Python functions in a hunk that callers may have to call otherwise, and their lines."""
    if not hunk.path.endswith((".py", ".pyi")):
        return
    known = _functions(before)
    for name, (arguments, first, last) in _functions(after).items():
        public = not any(part.startswith("_") and part != "__init__" for part in name.split("."))
        touched = hunk.after.first <= max(first, last) and first <= max(hunk.after.last, hunk.after.first)
        if public and touched and name in known and not _still_takes(known[name][0], arguments):
            yield name, first


def _still_takes(before: ast.arguments, after: ast.arguments) -> bool:
    """Say whether all calls that fitted some parameters fit others, too."""
    old, new = ([each.arg for each in (*side.posonlyargs, *side.args)] for side in (before, after))
    if new[: len(old)] != old or len(after.posonlyargs) > len(before.posonlyargs):
        return False
    if len(new) - len(after.defaults) > len(old) - len(before.defaults):
        return False
    named = {each.arg: default for each, default in zip(after.kwonlyargs, after.kw_defaults, strict=True)}
    needed = {each.arg for each, default in zip(before.kwonlyargs, before.kw_defaults, strict=True) if default is None}
    if not {each.arg for each in before.kwonlyargs} <= {*named, *new}:
        return False
    if any(default is None and name not in needed for name, default in named.items()):
        return False
    return not (before.vararg and not after.vararg) and not (before.kwarg and not after.kwarg)
