"""The rung `applies`: exportable, keeps the ticket's files, parses with the project's interpreter."""

from __future__ import annotations

import sys

import pytest

from shadowfs import Change, Entry, FileChange
from tests.verifier.cases import FILE, Files, Texts, case_of, change_of, steady
from verifier import Measure, RungResult, Status, Suite
from verifier.rungs import Applies

LINK = 0o120000


def judge(change: Change, **more: object) -> RungResult:
    suite = Suite("pytest", python=sys.executable)
    case = case_of(change, suite=suite, **more)  # type: ignore[arg-type]
    return Applies(Measure(steady({}, {}), case)).judge(case)


def test_a_change_that_parses_passes() -> None:
    result = judge(change_of({"a.py": "x = 1\n"}, {"a.py": "x = 2\n", "b.json": "{}", "c.toml": "a = 1\n"}))
    assert (result.status, result.why) == (Status.PASS, "3 files change; 3 parsed.")


def test_an_empty_change_fails() -> None:
    assert judge(change_of({"a": "1"}, {"a": "1"})).why == "The change is empty: both trees are the same."


@pytest.mark.parametrize(
    ("after", "line", "says"),
    [
        ({"a.py": "def f(:\n"}, 1, "invalid syntax"),
        ({"a.py": "x = 1\n\ndef g():\nreturn 1\n"}, 4, "expected an indented block"),
        ({"a.py": "return 1\n"}, 1, "'return' outside function"),
        ({"a.py": b"x = '\xff'\n"}, None, "codec can't decode"),
        ({"a.py": b"x = 1\0\n"}, None, "null"),
        ({"a.py": "(" * 400}, None, ""),
        ({"a.json": '{"a": 1,}'}, 1, "property name"),
        ({"a.json": "[" * 100_000}, None, ""),
        ({"a.toml": "a = \n"}, None, "Invalid value"),
    ],
)
def test_a_file_that_does_not_parse_fails_with_its_line(after: Files, line: int | None, says: str) -> None:
    result = judge(change_of({}, after))
    assert result.status is Status.FAIL
    assert result.evidence[0].path in after
    assert says in result.evidence[0].text
    if line is not None:
        assert result.evidence[0].line == line
        assert f":{line} does not parse" in result.why


def test_a_file_that_never_parsed_is_named_but_not_held_against_the_change() -> None:
    result = judge(change_of({"bad.py": "def f(:\n", "ok.py": ""}, {"bad.py": "def g(:\n", "ok.py": "x = 1\n"}))
    assert result.status is Status.PASS
    assert [(fact.path, fact.text.startswith("does not parse, nor did it before")) for fact in result.evidence] == [
        ("bad.py", True)
    ]


def test_other_kinds_of_files_pass_through_and_it_is_said() -> None:
    result = judge(change_of({}, {"README.md": "# a", "tsconfig.json": "// comment\n{}"}))
    assert result.status is Status.PASS
    assert result.why == "2 files change; none is of a kind that can be parsed here."
    assert len(result.evidence) == 2


def test_no_interpreter_means_no_parsing_and_it_is_said() -> None:
    case = case_of(change_of({}, {"a.py": "x = 1\n"}), suite=Suite("pytest", python="/no/such/python"))
    result = Applies(Measure(steady({}, {}), case)).judge(case)
    assert result.status is Status.PASS
    assert "/no/such/python" in result.evidence[0].text


def test_the_code_that_is_parsed_does_not_run() -> None:
    result = judge(change_of({}, {"a.py": "raise SystemExit(3)\n", "json.py": "raise SystemExit(3)\n"}))
    assert result.status is Status.PASS


def test_a_protected_path_must_stay_as_the_ticket_gave_it() -> None:
    change = change_of({"tests/test_a.py": "a = 1\n"}, {})
    result = judge(change, protected=["tests/test_a.py"])
    assert (result.status, result.why) == (Status.FAIL, "tests/test_a.py belongs to the ticket and was deleted.")
    assert judge(change, protected=["tests"]).status is Status.FAIL
    assert judge(change, protected=["tests/test_b.py"]).status is Status.PASS


@pytest.mark.parametrize("path", [".git/config", "a/.GIT/hooks/x", "a/git~1/x", "../x", "a//b", "./a", ".git ./x"])
def test_a_path_no_repository_should_carry_fails(path: str) -> None:
    result = judge(change_of({}, {path: "x"}))
    assert result.status is Status.FAIL
    assert "cannot be exported" in result.why


@pytest.mark.parametrize("mode", [0o160000, 0o100666, 0o060000])
def test_what_is_neither_file_nor_link_fails(mode: int) -> None:
    change = Change("base", "tree", (FileChange("x", None, Entry(mode, "00")),), Texts({"00": b""}))
    assert f"mode {mode:o} is neither" in judge(change).why


@pytest.mark.parametrize(
    ("target", "passes"),
    [("b", True), ("../c", True), ("../../etc/passwd", False), ("/etc/passwd", False), ("../.git/config", False)],
)
def test_a_link_stays_in_the_tree(target: str, passes: bool) -> None:
    change = change_of({}, {"a/link": target}, {"a/link": LINK})
    assert (judge(change).status is Status.PASS) == passes
    assert judge(change, allowed=["a"]).status is Status.PASS


def test_names_and_contents_may_be_any_bytes() -> None:
    change = change_of({}, {"d\udcff.bin": b"\xff\0", "d\udcff.py": "x = 1\n"}, {"x": FILE})
    assert judge(change).status is Status.PASS
