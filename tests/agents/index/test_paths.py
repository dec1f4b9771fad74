"""What a path says of a file."""

from __future__ import annotations

import pytest

from agents.index.paths import Role, language, role


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src/jar.py", Role.SOURCE),
        ("jar/latest.py", Role.SOURCE),
        ("pkg/contest.go", Role.SOURCE),
        ("lib/inspect/detest.js", Role.SOURCE),
        ("tests/jar.py", Role.TEST),
        ("src/test_jar.py", Role.TEST),
        ("pkg/jar_test.go", Role.TEST),
        ("src/jar.spec.ts", Role.TEST),
        ("src/JarTest.java", Role.TEST),
        ("conftest.py", Role.TEST),
        ("docs/conf.py", Role.SIDE),
        ("README.md", Role.PROSE),
        ("pyproject.toml", Role.PROSE),
        ("pip/_vendor/six.py", Role.FOREIGN),
        ("static/jquery.min.js", Role.FOREIGN),
    ],
)
def test_a_path_says_what_a_file_is_for(path: str, expected: Role) -> None:
    assert role(path) is expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a.PY", "python"), ("a/b.tsx", "tsx"), ("logo.png", None), ("Makefile", None), ("x.py/y", None)],
)
def test_a_path_says_how_a_file_is_cut(path: str, expected: str | None) -> None:
    assert language(path) == expected
