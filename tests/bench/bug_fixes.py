"""Past bug fixes of a repository as cases: what was reported, which files the fix changed, on which tree.

A bug fix is a commit that is no merge, whose subject or body has a word of `FIX` and whose subject has none of `NO_BUG`, and that
changes one to three source files that its parent has. Its query is its message, of four words at least, trailers, addresses and file names blanked.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FIX = re.compile(r"\b(?:fix(?:e[sd]|ing)?|bug(?:s|fix(?:es)?)?)\b", re.IGNORECASE)
NO_BUG = re.compile(
    r"\b(?:typos?|lint(?:er|ing)?|flake8|pylint:|ruff|mypy|pyright|typing|type hints?|annotations?|docs?|docstrings?|documentation|comments?"
    r"|spelling|grammar|whitespace|formatting|style|ci|changelog|release|pre-commit|bump|revert|merge|refactor(?:ing)?|backport|deps"
    r"|deprecat\w+|flaky|tests? (?:fix|suite)|fix(?:e[sd])? tests?)\b",
    re.IGNORECASE,
)
SOURCE = (".py", ".pyx", ".js", ".mjs", ".ts", ".tsx", ".go", ".rs", ".java", ".c", ".h", ".cc", ".cpp")
_TEST = re.compile(
    r"(?:^|/)(?:tests?|testing|specs?|__tests__|testdata|fixtures)/|(?:^|/)test_|_tests?\.\w+$|[.-](?:test|spec)\.|(?:^|/)conftest\.py$|(?:^|/)tests?\.\w+$"
)
_BESIDE = re.compile(
    r"(?:^|/)(?:docs?|examples?|samples?|bench(?:marks?)?|tools?|scripts?|dist|vendor|extern|\.github)/|(?:^|/)setup\.py$"
)
_TRAILER = re.compile(
    r"^(?:[\w-]+-by|co-authored-by|cc|change-id|pr-url|\(cherry picked).*$", re.IGNORECASE | re.MULTILINE
)
_ADDRESS = re.compile(r"\bhttps?://\S+")
_FOLDERS = re.compile(r"[\w.\-~]+(?:[/\\][\w.\-]+)+")
_FILE = re.compile(
    r"\b[\w\-]+(?:\.[\w\-]+)*\.(?:py[ixd]?|js|mjs|cjs|tsx?|go|rs|java|c|h|cc|cpp|hpp|rst|md|txt|toml|cfg|ini|ya?ml|json|html|css|sty|tex)\b"
)
_HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)
_MOST_TESTS = 20_000
_FEWEST_WORDS = 4


@dataclass(frozen=True, slots=True)
class BugFix:
    """A case: the commit, its parent's id, the text asked with, the source files to be found, the tests that it changed."""

    commit: str
    parent: str
    text: str
    files: tuple[str, ...]
    test_ids: tuple[str, ...]
    tests: str


def repository(data: Path, name: str) -> Path | None:
    """Return the git directory of a repository below `data`: `NAME`, `NAME.git`, `OWNER+NAME`, or `repo` or `.git` in it."""
    for folder in sorted(data.iterdir()):
        if folder.name.rpartition("+")[2].removesuffix(".git") == name:
            for at in (folder / ".git", folder / "repo", folder / "repo" / ".git", folder):
                if (at / "HEAD").is_file():
                    return at
    return None


def bug_fixes(git_dir: Path, most: int) -> list[BugFix]:
    """Return the newest `most` bug fixes, oldest first."""
    found: list[BugFix] = []
    out = git(git_dir, "log", "--no-merges", "--max-count=6000", "-z", "--format=%H %P%n%B").split("\0")
    for told in out:
        ids, _, message = told.strip("\n").partition("\n")
        if len(found) == most:
            break
        case = _case(git_dir, ids.split(), message) if FIX.search(message) else None
        if case:
            found.append(case)
    return found[::-1]


def _case(git_dir: Path, ids: list[str], message: str) -> BugFix | None:
    subject = message.partition("\n")[0]
    if len(ids) != 2 or NO_BUG.search(subject) or len(blanked(message).split()) < _FEWEST_WORDS:
        return None
    commit, parent = ids
    changed = git(git_dir, "diff-tree", "-r", "-z", "--name-status", "--no-renames", parent, commit).split("\0")
    pairs = list(zip(changed[0::2], changed[1::2], strict=False))
    source = [(kind, path) for kind, path in pairs if is_source(path)]
    there = tuple(path for kind, path in source if kind in "MD")
    if not there or len(source) > 3:
        return None
    test_ids, tests = _tests(git_dir, parent, commit, [path for kind, path in pairs if kind in "AM" and is_test(path)])
    return BugFix(commit, parent, blanked(message), there, test_ids, tests)


def is_test(path: str) -> bool:
    """Say whether a path is that of a test in a language of ours."""
    return path.endswith(SOURCE) and bool(_TEST.search(path))


def is_source(path: str) -> bool:
    """Say whether a path is that of source which is no test, documentation or tool."""
    return path.endswith(SOURCE) and not _TEST.search(path) and not _BESIDE.search(path)


def blanked(message: str) -> str:
    """Return a message without trailers, addresses and whatever names a file."""
    for pattern in (_TRAILER, _ADDRESS, _FOLDERS, _FILE):
        message = pattern.sub(" ", message)
    return message


def _tests(git_dir: Path, parent: str, commit: str, paths: list[str]) -> tuple[tuple[str, ...], str]:
    """Return the ids and the text of the test functions that a commit added or changed; in Rust, Go and JavaScript the added lines."""
    ids: list[str] = []
    texts: list[str] = []
    for path in paths:
        diff = git(git_dir, "diff", "-U0", "--no-color", "--no-ext-diff", "--no-textconv", parent, commit, "--", path)
        if not path.endswith(".py"):
            added = "\n".join(
                line[1:] for line in diff.splitlines() if line.startswith("+") and not line.startswith("+++")
            )
            ids += [
                f"{path}::{name}"
                for name in re.findall(r"^func (Test\w+)|\bfn (\w+)\(\)", added, re.MULTILINE)
                for name in name
                if name
            ]
            texts.append(added)
            continue
        lines = {at for first, count in _HUNK.findall(diff) for at in range(int(first), int(first) + int(count or 1))}
        for name, text in _functions(git(git_dir, "show", f"{commit}:{path}"), lines):
            ids.append(f"{path}::{name}")
            texts.append(text)
    return tuple(ids), "\n".join(texts)[:_MOST_TESTS]


def _functions(source: str, lines: set[int]) -> Iterator[tuple[str, str]]:
    """Yield name and text of the test functions that have one of the lines."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    all_lines = source.splitlines()
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or not node.name.startswith("test"):
            continue
        if lines & set(range(node.lineno, (node.end_lineno or node.lineno) + 1)):
            yield node.name, "\n".join(all_lines[node.lineno - 1 : node.end_lineno])


def git(git_dir: Path, *args: str) -> str:
    """Run git on a repository that is only read, and return what it prints."""
    neutral = ("-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
    words = ("git", *neutral, f"--git-dir={git_dir}", *args)
    return subprocess.run(words, check=True, capture_output=True, text=True, errors="replace").stdout
