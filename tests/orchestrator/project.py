"""A small project with a bug, as somebody would have it: a git repository with a suite, ignored files and work in progress."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.settings import Settings
from sandbox import Limits, toolchain_paths
from verifier import Suite

BUGGY = (
    "def total(numbers):\n    result = 0\n    for number in numbers[1:]:\n        result += number\n    return result\n"
)
FIXED = BUGGY.replace("numbers[1:]", "numbers")
WRONG = b"def total(numbers):\n    return 3\n"
"""Satisfies the failing test, and breaks another."""

FAILING = "tests.test_sums.Sums.test_all_numbers_count"
SUITE = """\
import unittest

from sums import total


class Sums(unittest.TestCase):
    def test_nothing_is_zero(self):
        assert total([]) == 0

    def test_all_numbers_count(self):
        assert total([1, 2]) == 3
"""
UNITTEST = Suite("unittest", ("tests.test_sums",), sys.executable)
"""Starts in a fraction of the time that pytest takes."""

PYTEST = Suite("pytest", ("-p", "no:cacheprovider", "tests"), sys.executable)
PYTEST_FAILING = "tests/test_sums.py::Sums::test_all_numbers_count"
NEW_TEST = b"from sums import total\n\n\ndef test_one_number():\n    assert total([5]) == 5\n"


def make(directory: Path) -> Path:
    """Make the project below `directory` and return its repository."""
    repository = directory / "the project"
    (repository / "tests").mkdir(parents=True)
    (repository / "sums.py").write_text(BUGGY)
    (repository / "tests/test_sums.py").write_text(SUITE)
    (repository / "tests/__init__.py").write_text("")
    (repository / "conftest.py").write_text("")
    (repository / ".gitignore").write_text("build/\n__pycache__/\n")
    (repository / "build").mkdir()
    (repository / "build/output.bin").write_bytes(b"\0" * 1000)
    git(repository, "init", "--quiet", "--initial-branch=main")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message=first")
    return repository


def git(repository: Path, *args: str) -> str:
    """Run git as its user would, without anybody's configuration, and return what it printed."""
    identity = {
        f"GIT_{who}_{what}": "someone@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    environ = {"PATH": os.environ["PATH"], "HOME": str(repository.parent), "GIT_CONFIG_NOSYSTEM": "1", **identity}
    done = subprocess.run(["git", *args], cwd=repository, env=environ, capture_output=True, check=True)
    return done.stdout.decode(errors="replace").strip()


def settings(state: Path, **given: Any) -> Settings:
    """Return the settings under which the project's suite runs, in this very interpreter."""
    toolchain = toolchain_paths(Path(sys.executable), Path.home(), os.environ)
    made = Settings(
        suite=UNITTEST,
        python=sys.executable,
        # Foreign plugins of this interpreter would only cost time.
        environment={**toolchain.environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        toolchains=toolchain.readonly,
        hidden_paths=(state,),
        limits=Limits(wall_s=60.0),
        agent="command:true",
        seconds=300.0,
        repeats=1,
    )
    return replace(made, **given)


def digest(repository: Path) -> dict[str, str]:
    """Return what the user has, by path: every file's mode and content, but for what delivery may write below `.git`."""
    found = {}
    for path in sorted(repository.rglob("*")):
        name = str(path.relative_to(repository))
        delivered = name.startswith((".git/objects/", ".git/refs/heads/nightcrew", ".git/logs/refs/heads/nightcrew"))
        if not delivered and not path.is_dir():
            content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
            found[name] = f"{path.lstat().st_mode:o} {hashlib.sha256(content).hexdigest()}"
    return found


def branches(repository: Path) -> list[str]:
    """Return the branches that nightcrew made."""
    return git(repository, "branch", "--list", "nightcrew/*", "--format=%(refname:short)").splitlines()
