"""What a repository's tests and interpreter are, found by reading; nothing of it is run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.configuration.detect import Detected, detect
from orchestrator.configuration.interpreter import find_interpreter

UNITTEST = "import unittest\n\nclass T(unittest.TestCase):\n    def test_it(self):\n        pass\n"


def put(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


def environment(path: Path, *packages: str) -> Path:
    """Make an environment as far as reading goes: its marker, a link to an interpreter, installed packages."""
    put(path, {"pyvenv.cfg": "home = /usr/bin\nversion = 3.11.2\ninclude-system-site-packages = false\n"})
    (path / "bin").mkdir()
    (path / "bin" / "python").symlink_to(sys.executable)
    for package in packages:
        (path / "lib" / "python3.11" / "site-packages" / package).mkdir(parents=True)
    return path


def look(root: Path, environ: dict[str, str] | None = None) -> Detected:
    return detect(root, {"PATH": "/nowhere", **(environ or {})}, root / "home")


@pytest.mark.parametrize(
    ("files", "command", "why"),
    [
        ({"pytest.ini": "[pytest]\n"}, "pytest", "pytest.ini"),
        ({"setup.cfg": "[tool:pytest]\ntestpaths = spec\n", "spec/x.py": ""}, "pytest", "setup.cfg"),
        ({"pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-q'\n"}, "pytest", "pyproject.toml"),
        ({"tests/test_a.py": "def test_a():\n    pass\n"}, "pytest tests", "tests is written for pytest"),
        ({"tests/test_a.py": UNITTEST}, "pytest tests", "tests imports unittest, and pytest is installed"),
        ({"pkg/tests/test_a.py": "import pytest\n"}, "pytest pkg/tests", "pkg/tests is written for pytest"),
        (
            {"Makefile": "test:\n\tpython -m pytest -x spec\n"},
            "python -m pytest -x spec",
            "the Makefile's target `test`",
        ),
        ({"Makefile": "test: build\n\t@./run $(ALL)\n"}, "make test", "the Makefile's target `test`"),
        ({"Makefile": "test:\n\tuv run pytest spec\n"}, "pytest spec", "the Makefile's target `test`"),
    ],
)
def test_a_suite_is_found_where_it_is_configured_or_written(
    tmp_path: Path, files: dict[str, str], command: str, why: str
) -> None:
    put(tmp_path, files)
    environment(tmp_path / ".venv", "pytest")
    found = look(tmp_path)
    assert (found.command, found.why) == (command, why)
    assert found.suite is not None
    assert not found.notes


def test_a_unittest_suite_needs_no_pytest(tmp_path: Path) -> None:
    put(tmp_path, {"tests/test_a.py": UNITTEST, "tests/__init__.py": ""})
    environment(tmp_path / "venv")
    found = look(tmp_path)
    assert found.command == "python -m unittest discover -s tests -t ."
    assert found.suite is not None
    assert (found.suite.kind, found.suite.python) == ("unittest", str(tmp_path / "venv/bin/python"))


def test_a_unittest_suite_without_an_environment_takes_the_systems_interpreter(tmp_path: Path) -> None:
    put(tmp_path, {"test/test_a.py": UNITTEST})
    shims = put(tmp_path / "shims", {"python3": "#!/bin/sh\n"})
    found = look(tmp_path, {"PATH": f"{shims}:{Path(sys.executable).resolve().parent}:/usr/bin"})
    assert found.interpreter is not None
    assert found.interpreter.source == "system"
    assert found.interpreter.path.parent != shims
    assert not found.notes


def test_no_environment_is_said_with_what_to_do(tmp_path: Path) -> None:
    put(tmp_path, {"tests/test_a.py": "import pytest\n"})
    found = look(tmp_path)
    assert found.interpreter is None
    assert "python3 -m venv .venv" in found.notes[0]


def test_an_environment_without_pytest_is_said_with_the_command_that_installs_it(tmp_path: Path) -> None:
    put(tmp_path, {"tests/test_a.py": "import pytest\n"})
    environment(tmp_path / ".venv")
    assert f"{tmp_path}/.venv/bin/python -m pip install pytest" in look(tmp_path).notes[0]


def test_no_tests_are_said(tmp_path: Path) -> None:
    found = look(put(tmp_path, {"pkg.py": ""}))
    assert found.suite is None
    assert "--test CMD" in found.notes[0]


def test_a_broken_environment_is_passed_over_and_named(tmp_path: Path) -> None:
    (environment(tmp_path / ".venv") / "bin" / "python").unlink()
    (tmp_path / ".venv" / "bin" / "python").symlink_to("/gone/python3.9")
    environment(tmp_path / "activated")
    interpreter, problems = find_interpreter(tmp_path, {"VIRTUAL_ENV": str(tmp_path / "activated")}, tmp_path)
    assert interpreter is not None
    assert interpreter.source == "activated"
    assert "/gone/python3.9" in problems[0]


def test_nightcrews_own_environment_is_never_the_projects(tmp_path: Path) -> None:
    own = environment(tmp_path / "tools" / "nightcrew")
    repository = put(tmp_path / "repository", {"a.py": ""})
    interpreter, _ = find_interpreter(repository, {"VIRTUAL_ENV": str(own), "PATH": ""}, tmp_path, own)
    assert interpreter is None


def test_an_environment_of_poetry_or_conda_is_found(tmp_path: Path) -> None:
    repository = put(tmp_path / "shop", {"pyproject.toml": '[tool.poetry]\nname = "Shop"\n', "poetry.lock": ""})
    conda = environment(tmp_path / "conda")
    (conda / "conda-meta").mkdir()
    interpreter, _ = find_interpreter(repository, {"CONDA_PREFIX": str(conda), "PATH": ""}, tmp_path)
    assert interpreter is not None
    assert interpreter.source == "conda"


def test_a_src_layout_is_imported_from_the_tree(tmp_path: Path) -> None:
    put(tmp_path, {"src/pkg/__init__.py": "", "tests/test_a.py": "import pytest\n"})
    environment(tmp_path / ".venv", "pytest")
    assert look(tmp_path).environment == {"PYTHONPATH": "src"}


def test_linters_are_those_that_are_configured(tmp_path: Path) -> None:
    put(tmp_path, {"pyproject.toml": "[tool.ruff]\n[tool.mypy]\n", ".flake8": ""})
    assert look(tmp_path).linters == ("ruff check .", "flake8", "mypy")


@pytest.mark.parametrize("text", ["[tool", "\x00", "a = " + "[" * 5000])
def test_files_that_are_not_well_formed_are_no_harm(tmp_path: Path, text: str) -> None:
    put(tmp_path, {"pyproject.toml": text, "setup.cfg": text, "tox.ini": text, "Makefile": text})
    assert look(tmp_path).suite is None


def test_nothing_of_the_repository_runs(tmp_path: Path) -> None:
    planted = "import pathlib\npathlib.Path(__file__).with_name('ran').touch()\n"
    put(
        tmp_path, {"conftest.py": planted, "setup.py": planted, "tests/test_a.py": planted, "sitecustomize.py": planted}
    )
    environment(tmp_path / ".venv", "pytest")
    python = tmp_path / ".venv" / "bin" / "python"
    python.unlink()
    python.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n", "utf-8")
    python.chmod(0o755)
    look(tmp_path, dict(os.environ))
    assert not list(tmp_path.rglob("ran"))
    subprocess.run([python], check=True)
    assert list(tmp_path.rglob("ran")), "the trap works"
