"""What people type to run their tests, and the suites it stands for."""

from __future__ import annotations

import pytest

from verifier import Suite, parse_test_command

PYTHON = "/env/bin/python"


@pytest.mark.parametrize(
    ("command", "suite"),
    [
        ("pytest", Suite("pytest", (), PYTHON)),
        ("pytest -x tests 'a b'", Suite("pytest", ("-x", "tests", "a b"), PYTHON)),
        ("pytest -k 'a and (b | c)'", Suite("pytest", ("-k", "a and (b | c)"), PYTHON)),
        ("pytest tests/test_a.py::test_b[1-2]", Suite("pytest", ("tests/test_a.py::test_b[1-2]",), PYTHON)),
        ("python -m pytest -q", Suite("pytest", ("-q",), PYTHON)),
        ("python3.12 -m pytest", Suite("pytest", (), PYTHON)),
        (".venv/bin/python -m pytest", Suite("pytest", (), ".venv/bin/python")),
        (".venv/bin/pytest", Suite("pytest", (), PYTHON)),
        ("python -m unittest discover -s tests", Suite("unittest", ("discover", "-s", "tests"), PYTHON)),
        ("uv run pytest -q", Suite("pytest", ("-q",), PYTHON)),
        ("poetry run python -m unittest", Suite("unittest", (), PYTHON)),
        ("A=1 B='x y' pytest", Suite("pytest", (), PYTHON, environment={"A": "1", "B": "x y"})),
        ("env A=1 pytest", Suite("pytest", (), PYTHON, environment={"A": "1"})),
        ("cd sub && pytest", Suite("pytest", (), PYTHON, "sub")),
        ("cd 'my sub' && A=1 pytest", Suite("pytest", (), PYTHON, "my sub", {"A": "1"})),
        ("tox -e py", Suite("command", ("tox", "-e", "py"), PYTHON)),
        ("make test", Suite("command", ("make", "test"), PYTHON)),
        ("uv run --with x pytest", Suite("command", ("uv", "run", "--with", "x", "pytest"), PYTHON)),
        ("python runtests.py", Suite("command", ("python", "runtests.py"), PYTHON)),
        ("pytest a && pytest b", Suite("command", ("sh", "-c", "pytest a && pytest b"), PYTHON)),
        ("pytest > log", Suite("command", ("sh", "-c", "pytest > log"), PYTHON)),
        ("pytest $TESTS", Suite("command", ("sh", "-c", "pytest $TESTS"), PYTHON)),
        ("pytest tests/*.py", Suite("command", ("sh", "-c", "pytest tests/*.py"), PYTHON)),
    ],
)
def test_a_command_is_understood(command: str, suite: Suite) -> None:
    assert parse_test_command(command, PYTHON) == suite


def test_without_an_environment_the_command_names_the_interpreter_or_leaves_it_open() -> None:
    assert parse_test_command("pytest -q", None) == Suite("pytest", ("-q",))
    assert parse_test_command("python3.12 -m pytest", None) == Suite("pytest", (), "python3.12")


@pytest.mark.parametrize(("command", "why"), [("", "empty"), ("   ", "empty"), ("pytest 'a", "quotes")])
def test_what_cannot_be_read_says_what_to_do(command: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_test_command(command, PYTHON)
