"""Patterns of repository paths."""

from __future__ import annotations

import pytest

from orchestrator.patterns import matching


@pytest.mark.parametrize(
    ("pattern", "path", "holds"),
    [
        ("*.lock", "a/b/poetry.lock", True),
        ("*.lock", "a/b.locked", False),
        ("docs/", "docs/a/b.md", True),
        ("docs/", "src/docs/b.md", True),
        ("docs", "documents/x", False),
        ("src/*/generated", "src/a/generated/x.py", True),
        ("src/*/generated", "lib/src/a/generated/x.py", False),
        ("/setup.py", "setup.py", True),
        ("/setup.py", "a/setup.py", False),
        ("tests/conftest.py", "tests/conftest.py", True),
    ],
)
def test_a_pattern_holds_for_names_anywhere_or_for_paths_from_the_root(pattern: str, path: str, holds: bool) -> None:
    assert matching([pattern])(path) is holds


def test_no_patterns_match_nothing() -> None:
    assert not matching([])("")
    assert not matching([])("a")
