"""Which files a server hears of: the protocol's patterns; whatever is not understood matches all."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.language.capabilities import Capabilities
from verifier.language.globs import heard_of, watched

ROOT = Path("/a/repo")
WATCH = "workspace/didChangeWatchedFiles"


@pytest.mark.parametrize(
    ("pattern", "matched", "passed_over"),
    [
        ("**/pyproject.toml", ["pyproject.toml", "a/b/pyproject.toml"], ["pyproject.tom", "a/xpyproject.toml"]),
        ("**", ["a.py", "a/b.py"], []),
        ("*.py", ["a.py"], ["a/b.py", "a.pyi"]),
        ("**/*.{py,pyi}", ["a.py", "a/b.pyi"], ["a.pyx"]),
        ("src/**/t?.[co]", ["src/t1.c", "src/a/b/t2.o"], ["src/t.c", "t1.c", "src/t1.h"]),
        ("x[!a-c]", ["xd"], ["xb"]),
        ("a+(b), c", ["a+(b), c"], ["aab, c"]),
        ("/a/repo/*.py", ["a.py"], ["b/a.py"]),
    ],
)
def test_a_pattern_matches_as_the_protocol_says(pattern: str, matched: list[str], passed_over: list[str]) -> None:
    matches = watched(ROOT, {"globPattern": pattern})
    assert [path for path in (*matched, *passed_over) if matches(path)] == matched


def test_a_pattern_may_be_relative_to_a_directory() -> None:
    inside = watched(ROOT, {"globPattern": {"baseUri": "file:///a/repo/src", "pattern": "*.py"}})
    assert [path for path in ("src/a.py", "a.py", "src/b/a.py") if inside(path)] == ["src/a.py"]
    folder = {"uri": "file:///usr/lib", "name": "lib"}
    assert not watched(ROOT, {"globPattern": {"baseUri": folder, "pattern": "**"}})("a.py")


@pytest.mark.parametrize(
    "watcher",
    [None, {}, {"globPattern": 1}, {"globPattern": "[z-a]"}, {"globPattern": "{a"}, {"globPattern": "x" * 2000}],
)
def test_what_is_not_understood_matches_all(watcher: object) -> None:
    assert watched(ROOT, watcher)("any/file")


def test_a_server_that_registers_no_pattern_may_hear_of_all_files() -> None:
    capabilities = Capabilities(None)
    assert capabilities.watchers() is None
    assert heard_of(ROOT, None, ["a.py", "b.c"]) == ["a.py", "b.c"]
    watcher = {"globPattern": "*.py"}
    capabilities.register({"registrations": [{"id": "w", "method": WATCH, "registerOptions": {"watchers": [watcher]}}]})
    assert capabilities.watchers() == [watcher]
    assert heard_of(ROOT, [watcher, {"globPattern": "*.toml"}], ["a.py", "b.c", "c.toml"]) == ["a.py", "c.toml"]
    capabilities.unregister({"unregisterations": [{"id": "w", "method": WATCH}]})
    assert capabilities.watchers() is None
