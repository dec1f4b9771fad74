"""Comparing the configuration of test runners and linters by its settings, where the standard library can parse it."""

from __future__ import annotations

import ast
import configparser
import io
import posixpath
import tomllib
from collections.abc import Iterator, Mapping

from shadowfs import RepoPath
from verifier.tampering.finding import Finding
from verifier.tampering.outline import parse

Settings = Mapping[tuple[str, ...], str]

_TABLES = (
    "tool.pytest", "tool.ruff", "tool.mypy", "tool.coverage", "tool.tox", "tool.nox", "tool.pyright", "tool.basedpyright",
    "tool.pylint", "tool.flake8", "tool.black", "tool.isort", "tool.bandit", "tool.ty", "tool.pyrefly", "tool.hatch.envs",
    "tool.poe", "tool.pdm.scripts", "tool.taskipy", "tool.poetry.plugins.pytest11", "project.entry-points.pytest11",
    "tool.importlinter", "tool.mutmut", "tool.djlint", "tool.codespell", "tool.vulture", "tool.interrogate",
)  # fmt: skip
_SECTIONS = (
    "tool:",
    "pytest",
    "mypy",
    "flake8",
    "coverage",
    "isort",
    "pylint",
    "pycodestyle",
    "pydocstyle",
    "tox",
    "options.entry_points",
    "importlinter",
)
_WHOLE_INI = frozenset({
    "pytest.ini", ".pytest.ini", "tox.ini", ".coveragerc", ".flake8", "mypy.ini", ".mypy.ini", ".pylintrc", "pylintrc",
    ".isort.cfg", ".importlinter", ".pydocstyle", ".pycodestyle",
})  # fmt: skip
_WHOLE_TOML = frozenset(
    {
        "pytest.toml",
        ".pytest.toml",
        "ruff.toml",
        ".ruff.toml",
        "tox.toml",
        ".coveragerc.toml",
        "ty.toml",
        "pyrefly.toml",
        "hatch.toml",
    }
)
_PYTHON = frozenset({"noxfile.py", "toxfile.py", "tasks.py", "runtests.py", "dodo.py"})
_MAY_GROW = frozenset({"markers"})
"""Lists that new tests need to grow, and that cannot weaken anything by growing."""


def is_configuration(path: RepoPath) -> bool:
    """Say whether a file can hold the configuration of a Python test runner or linter."""
    name = posixpath.basename(path)
    return name in _WHOLE_INI | _WHOLE_TOML | _PYTHON | {"pyproject.toml", "setup.cfg"}


def compare_configuration(path: RepoPath, before: bytes | None, after: bytes | None) -> Iterator[Finding]:
    """Yield the settings that differ between two versions of a configuration file (None where there is none)."""
    if (before is None or after is None) and posixpath.basename(path) in _WHOLE_INI | _WHOLE_TOML:
        # Even an empty one counts: it hides the settings that the tool finds elsewhere.
        yield Finding(path, f"the configuration file is {'added' if before is None else 'deleted'}")
        return
    try:
        old, new = _settings(path, before), _settings(path, after)
    except (ValueError, configparser.Error, SyntaxError, RecursionError):
        yield Finding(path, "configuration that cannot be parsed is changed")
        return
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key), new.get(key)
        if was == now or (key[-1] in _MAY_GROW and _grew(was, now)):
            continue
        name = ".".join(part for part in key if part)
        how = (
            f"added: {_short(now)}"
            if was is None
            else f"removed: {_short(was)}"
            if now is None
            else f"now {_short(now)}"
        )
        yield Finding(path, f"`{name}` is {how}", _line(after if now is not None else before, key))


def _settings(path: RepoPath, text: bytes | None) -> Settings:
    if text is None:
        return {}
    name = posixpath.basename(path)
    if name in _PYTHON:
        return {(name,): ast.dump(parse(text))}
    if name.endswith(".toml"):
        return _toml(text, None if name in _WHOLE_TOML else _TABLES)
    return _ini(text, None if name in _WHOLE_INI else _SECTIONS)


def _toml(text: bytes, tables: tuple[str, ...] | None) -> Settings:
    leaves = dict(_leaves((), tomllib.loads(text.decode("utf-8"))))
    if tables is None:
        return leaves
    return {
        key: value
        for key, value in leaves.items()
        if any(f"{'.'.join(key)}.".startswith(f"{table}.") for table in tables)
    }


def _leaves(key: tuple[str, ...], value: object) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves((*key, name), inner)
    elif isinstance(value, list):
        yield key, "\n".join(repr(item) for item in value)
    else:
        yield key, repr(value)


def _ini(text: bytes, sections: tuple[str, ...] | None) -> Settings:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True, empty_lines_in_values=False)
    parser.read_file(io.StringIO(text.decode("utf-8-sig")))
    return {
        (section, option): "\n".join(line.strip() for line in (value or "").splitlines() if line.strip())
        for section in parser.sections()
        if sections is None or section.startswith(sections)
        for option, value in parser.items(section)
    }


def _grew(was: str | None, now: str | None) -> bool:
    return now is not None and set((was or "").splitlines()) <= set(now.splitlines())


def _short(value: str | None) -> str:
    text = " ".join((value or "").split())
    return text if len(text) <= 80 else f"{text[:77]}…"


def _line(text: bytes | None, key: tuple[str, ...]) -> int | None:
    lines = (text or b"").decode("utf-8", "replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if key[-1] in line), None)
