"""A small project with a bug, for end-to-end tests of everything around the fix itself."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.command import Answer, nightcrew
from tests.e2e.library import CACHE, alone, base_python, commit_all, git, pip

SOURCE = '''\
"""Totals of a shop."""


def total(prices):
    """Return the sum of all prices."""
    result = 0
    for place in range(1, len(prices)):
        result += prices[place]
    return result
'''

TESTS = """\
from shop.total import total


def test_nothing_costs_nothing():
    assert total([]) == 0


def test_all_prices_count():
    assert total([3, 4, 5]) == 12
"""

FAILING = "tests/test_total.py::test_all_prices_count"
TICKET = "total() leaves out the first price: total([3, 4, 5]) is 9, it should be 12"
FILES = {
    "shop/__init__.py": "",
    "shop/total.py": SOURCE,
    "tests/__init__.py": "",
    "tests/test_total.py": TESTS,
    ".gitignore": "build/\n__pycache__/\n.pytest_cache/\n",
    "build/made.txt": "made by a build\n",
    "README": "a shop\n",
}


def make_project(repository: Path, files: Mapping[str, str] | None = None) -> Path:
    """Make `repository` the small project, with `files` besides or instead of its own, all committed."""
    write(repository, {**FILES, **(files or {})})
    commit_all(repository)
    return repository


def write(repository: Path, files: Mapping[str, str]) -> None:
    """Write text files."""
    for name, text in files.items():
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def activated() -> dict[str, str]:
    """Return the variables of an activated environment with pytest, made once."""
    target = CACHE / "venv"
    with alone():
        if not (target / "ready").exists():
            subprocess.run([base_python(), "-m", "venv", "--clear", "--without-pip", target], check=True)
            site = next(target.glob("lib/python3*/site-packages"))
            pip("install", "--target", str(site), "pytest>=8.2,<10")
            (target / "ready").touch()
    return {"VIRTUAL_ENV": str(target)}


def fix(
    repository: Path, state: Path, *words: str | Path, text: str = TICKET, environ: Mapping[str, str] | None = None
) -> Answer:
    """Run `nightcrew fix --json` on the small project."""
    failing = () if "--failing" in words or "--add-test" in words else ("--failing", FAILING)
    return nightcrew(
        "fix", text, "--repo", repository, *failing, *words, state=state, environ={**activated(), **(environ or {})}
    )


def fixed(repository: Path, branch: str) -> bool:
    """Say whether the branch's `total` is right, by running it."""
    return is_right(git(repository, "show", f"{branch}:shop/total.py"))


def is_right(source: str) -> bool:
    """Say whether the `total` of a source is right, by running it."""
    names: dict[str, object] = {}
    exec(compile(source, "total.py", "exec"), names)
    total = names["total"]
    assert callable(total)
    return [total(prices) for prices in ([], [7], [3, 4, 5])] == [0, 7, 12]
