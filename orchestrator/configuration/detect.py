"""Find how a repository is tested: its suite, its interpreter, its linters. Only files are read; nothing of the
repository is ever executed here. What is found becomes `nightcrew.toml`.
"""

from __future__ import annotations

import configparser
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from orchestrator.configuration.interpreter import Interpreter, find_interpreter
from orchestrator.suites import read_suite
from verifier import Suite

_LAUNCHER = re.compile(r"(?:uv|poetry|pipenv|hatch|pdm|coverage) run (?:-m )?")
"""What starts a command in the project's environment, which nightcrew finds by itself."""
_TEST_FILE = re.compile(r"(test_.*|.*_test|tests?)\.py$")
_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Detected:
    """What was found, and in `notes` what was not, each with what to do about it."""

    command: str
    """The suite's command as a person would type it, empty where none was found."""
    suite: Suite | None
    """None where it cannot be run as things are; `notes` say why."""
    why: str
    """Where the suite was found (`pyproject.toml`, `tests/ imports unittest` …)."""
    interpreter: Interpreter | None
    environment: Mapping[str, str]
    tests: tuple[str, ...] = ()
    linters: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def detect(repository: Path, environ: Mapping[str, str], home: Path, own_prefix: Path | None = None) -> Detected:
    """Look at `repository`. `own_prefix` is nightcrew's own environment, which is never taken for the project's."""
    files = _Files(repository)
    interpreter, problems = find_interpreter(repository, environ, home, own_prefix)
    tests = _test_places(files)
    command, why = _command(files, tests, interpreter)
    suite = read_suite(command, str(interpreter.path) if interpreter else "python3") if command else None
    advice = list(_advice(suite, interpreter, repository))
    return Detected(
        command,
        None if advice else suite,
        why,
        interpreter,
        _environment(files),
        tests,
        _linters(files),
        (*problems, *advice),
    )


class _Files:
    """The repository's configuration files, read once each and never trusted to be well-formed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.toml = cache(self._toml)
        self.ini = cache(self._ini)

    def text(self, name: str) -> str:
        """Return a file's beginning, empty where there is no readable regular file."""
        path = self.root / name
        if not path.is_file():
            return ""
        try:
            with path.open("rb") as file:
                return file.read(_READ_BYTES).decode("utf-8", "replace")
        except OSError:
            return ""

    def _toml(self, name: str) -> Mapping[str, object]:
        try:
            return tomllib.loads(self.text(name))
        except (tomllib.TOMLDecodeError, RecursionError):
            return {}

    def _ini(self, name: str) -> configparser.RawConfigParser:
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(self.text(name))
        except configparser.Error:
            return configparser.RawConfigParser()
        return parser

    def tool(self, name: str) -> Mapping[str, object] | None:
        """Return `[tool.<name>]` of pyproject.toml."""
        tools = self.toml("pyproject.toml").get("tool")
        table = tools.get(name) if isinstance(tools, dict) else None
        return table if isinstance(table, dict) else None


def _pytest_config(files: _Files) -> tuple[str, str]:
    """Return where pytest is configured and its `testpaths`, both empty where it is not."""
    for name, section in (("pytest.ini", "pytest"), ("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        ini = files.ini(name)
        if ini.has_section(section):
            return name, ini.get(section, "testpaths", fallback="")
    table = files.tool("pytest")
    options = table.get("ini_options", table) if table is not None else None
    if isinstance(options, dict):
        paths = options.get("testpaths", "")
        return "pyproject.toml", " ".join(map(str, paths)) if isinstance(paths, list) else str(paths)
    return "", ""


def _test_places(files: _Files) -> tuple[str, ...]:
    configured = tuple(path for path in _pytest_config(files)[1].split() if (files.root / path).exists())
    if configured:
        return configured
    named = tuple(name for name in ("tests", "test", "testing") if (files.root / name).is_dir())
    if named:
        return named
    beside = tuple(sorted(path.name for path in files.root.glob("*.py") if _TEST_FILE.match(path.name)))
    if beside:
        return beside
    inside = sorted(
        path for pattern in ("*/tests", "src/*/tests") for path in files.root.glob(pattern) if path.is_dir()
    )
    return tuple(str(path.relative_to(files.root)) for path in inside if not path.parent.name.startswith("."))


def _test_files(files: _Files, places: Sequence[str], at_most: int = 60) -> Iterator[str]:
    seen = 0
    for place in places:
        path = files.root / place
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            if seen == at_most:
                return
            if _TEST_FILE.match(file.name) or file.name == "conftest.py":
                seen += 1
                yield files.text(str(file.relative_to(files.root)))


def _command(files: _Files, places: Sequence[str], interpreter: Interpreter | None) -> tuple[str, str]:
    """Return the suite's command and where it was seen, both empty where none was found."""
    configured, _ = _pytest_config(files)
    if configured:
        return "pytest", configured
    style = _style(files, places)
    if style == "pytest" or "pytest" in files.ini("tox.ini").get("testenv", "commands", fallback=""):
        return shlex.join(["pytest", *places]), f"{places[0]} is written for pytest" if style == "pytest" else "tox.ini"
    if style == "unittest":
        if interpreter is not None and interpreter.has("pytest"):
            return shlex.join(["pytest", *places]), f"{places[0]} imports unittest, and pytest is installed"
        return shlex.join(["python", "-m", "unittest", *_discovery(files, places)]), f"{places[0]} imports unittest"
    recipe = _make_recipe(files)
    return (recipe, "the Makefile's target `test`") if recipe else ("", "")


def _style(files: _Files, places: Sequence[str]) -> str:
    style = ""
    for text in _test_files(files, places):
        if re.search(r"^\s*(?:import|from) pytest\b|^(?:async )?def test_", text, re.MULTILINE):
            return "pytest"
        if re.search(r"^\s*(?:import|from) unittest\b", text, re.MULTILINE):
            style = "unittest"
    return style


def _discovery(files: _Files, places: Sequence[str]) -> tuple[str, ...]:
    start = files.root / places[0]
    if start.is_file():
        return ("discover", "-p", "*test*.py")
    pattern = () if any(start.rglob("test*.py")) else ("-p", "*_test.py")
    top = ("-t", ".") if (start / "__init__.py").exists() else ()
    return ("discover", "-s", places[0], *top, *pattern)


def _make_recipe(files: _Files) -> str:
    """Return the Makefile's way to test: its pytest or unittest command where that stands there plainly, else `make test`."""
    for name in ("GNUmakefile", "makefile", "Makefile"):
        found = re.search(r"^test\s*:(?!=)[^\n]*\n\t[@\-+]*([^\n]+)", files.text(name), re.MULTILINE)
        if found:
            command = _LAUNCHER.sub("", found.group(1), count=1)
            plain = re.fullmatch(r"[\w ./=:,@%+\-]*", command) and re.search(r"\b(pytest|unittest)\b", command)
            return command if plain else "make test"
    return ""


def _environment(files: _Files) -> Mapping[str, str]:
    """Let a `src` layout be imported from the shadow even where the environment holds an installed copy."""
    packages = any((files.root / "src").glob("*/__init__.py")) or any((files.root / "src").glob("*.py"))
    return {"PYTHONPATH": "src"} if packages else {}


def _linters(files: _Files) -> tuple[str, ...]:
    configured = {
        "ruff check .": files.tool("ruff") is not None or (files.root / "ruff.toml").is_file() or (files.root / ".ruff.toml").is_file(),
        "flake8": (files.root / ".flake8").is_file() or any(files.ini(n).has_section("flake8") for n in ("setup.cfg", "tox.ini")),
        "mypy": files.tool("mypy") is not None or (files.root / "mypy.ini").is_file() or files.ini("setup.cfg").has_section("mypy"),
        "pyright": files.tool("pyright") is not None or (files.root / "pyrightconfig.json").is_file(),
        "pylint": files.tool("pylint") is not None or (files.root / ".pylintrc").is_file(),
    }  # fmt: skip
    return tuple(command for command, present in configured.items() if present)


def no_environment(repository: Path) -> str:
    """Return what to say of a repository without a Python environment."""
    return (
        f"{repository} has no Python environment: make one there with `python3 -m venv .venv`, install the project and "
        "its test requirements into it, or name its interpreter as `python` under [test] in nightcrew.toml"
    )


def _advice(suite: Suite | None, interpreter: Interpreter | None, repository: Path) -> Iterator[str]:
    if suite is None:
        yield "no tests were found: name the suite with --test CMD, or as `command` under [test] in nightcrew.toml"
        return
    if suite.kind == "command" or (suite.kind == "unittest" and interpreter is not None):
        return
    if interpreter is None or (interpreter.source == "system" and not interpreter.has("pytest")):
        yield no_environment(repository)
    elif not interpreter.has("pytest"):
        yield (
            f"pytest is not installed for {interpreter.path}: `{interpreter.path} -m pip install pytest`, "
            "or name another interpreter as `python` under [test] in nightcrew.toml"
        )
