"""What red builds leave behind, in the words of the tools that write it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from orchestrator.builds import Failure, Red, UnreadableBuild, of_data, read_build

PYTEST = """\
2026-11-22T10:00:01.1234567Z ============================= test session starts ==============================
2026-11-22T10:00:02.1234567Z tests/test_sums.py F.E                                                  [100%]
2026-11-22T10:00:02.1234567Z =========================== short test summary info ============================
2026-11-22T10:00:02.1234567Z \x1b[31mFAILED\x1b[0m tests/test_sums.py::\x1b[1mtest_total\x1b[0m - assert 6 == 5
2026-11-22T10:00:02.1234567Z FAILED tests/test_sums.py::TestMore::test_each[a b-1] - AssertionError: - no
2026-11-22T10:00:02.1234567Z ERROR tests/test_gone.py - ImportError
2026-11-22T10:00:02.1234567Z ========================= 2 failed, 1 error in 0.12s =========================
"""
UNITTEST = """\
F.
======================================================================
FAIL: test_total (tests.test_sums.TestSums.test_total)
Sums are sums.
----------------------------------------------------------------------
Traceback (most recent call last):
  File "/elsewhere/x/tests/test_sums.py", line 9, in test_total
    self.assertEqual(total([1, 2]), 3)
AssertionError: 2 != 3

----------------------------------------------------------------------
Ran 2 tests in 0.001s
"""
JEST = """\
FAIL src/sums.test.ts
  sums
    ✕ adds (3 ms)

  ● sums › adds

    expect(received).toBe(expected)

    Expected: 3
    Received: 2

      at Object.<anonymous> (src/sums.test.ts:5:17)

Test Suites: 1 failed, 1 total
"""
GO = """\
=== RUN   TestSums
=== RUN   TestSums/two
--- FAIL: TestSums (0.00s)
    --- FAIL: TestSums/two (0.00s)
        sums_test.go:12: total = 2, want 3
FAIL
FAIL\texample.com/sums\t0.002s
"""
CARGO = """\
running 2 tests
test tests::adds ... FAILED

failures:

---- tests::adds stdout ----
thread 'tests::adds' panicked at src/lib.rs:14:9:
assertion `left == right` failed
  left: 2
 right: 3

failures:
    tests::adds

test result: FAILED. 1 passed; 1 failed
"""
TRACEBACK = """\
Deploying …
Traceback (most recent call last):
  File "/srv/app/shop/total.py", line 3, in total
    return 1 / 0
  File "/usr/lib/python3.12/decimal.py", line 9, in div
    raise
ZeroDivisionError: division by zero
make: *** [Makefile:3: deploy] Error 1
"""
JUNIT = """<?xml version="1.0"?><testsuites><testsuite name="x">
<testcase classname="tests.test_sums.TestSums" name="test_total"><failure message="no">assert 6 == 5</failure></testcase>
<testcase classname="sums adds" name="two" file="src/sums.test.ts" line="5"><error message="boom"/></testcase>
<testcase classname="tests.test_sums" name="test_fine"/></testsuite></testsuites>"""
SARIF = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {"driver": {"name": "CodeQL"}},
            "results": [
                {"ruleId": "style", "level": "note", "message": {"text": "meh"}},
                {"ruleId": "py/unused", "message": {"text": "unused"}},
                {
                    "ruleId": "py/old",
                    "level": "error",
                    "message": {"text": "x"},
                    "suppressions": [{"kind": "inSource"}],
                },
                {
                    "ruleId": "py/sql-injection",
                    "level": "error",
                    "message": {"text": "depends on a user's value"},
                    "locations": [
                        {
                            "physicalLocation": {
                                "artifactLocation": {"uri": "file:///elsewhere/x/shop/total.py"},
                                "region": {"startLine": 3},
                            }
                        }
                    ],
                },
            ],
        }
    ],
}
JEST_JSON = {
    "numFailedTests": 1,
    "testResults": [
        {
            "name": "/elsewhere/x/src/sums.test.ts",
            "status": "failed",
            "assertionResults": [
                {"fullName": "sums adds", "status": "failed", "failureMessages": ["Expected: 3"]},
                {"fullName": "sums fine", "status": "passed"},
            ],
        },
        {"name": "/x/src/broken.test.ts", "status": "failed", "message": "does not parse", "assertionResults": []},
    ],
}
GO_JSON = "\n".join(
    json.dumps(event)
    for event in (
        {"Action": "run", "Package": "example.com/sums", "Test": "TestSums/two"},
        {"Action": "output", "Package": "example.com/sums", "Test": "TestSums/two", "Output": "want 3\n"},
        {"Action": "fail", "Package": "example.com/sums", "Test": "TestSums/two"},
        {"Action": "fail", "Package": "example.com/sums", "Test": "TestSums"},
        {"Action": "fail", "Package": "example.com/sums"},
        {"Action": "fail", "Package": "example.com/broken"},
    )
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in ("tests/test_sums.py", "src/sums.test.ts", "sums_test.go", "src/lib.rs", "shop/total.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return tmp_path


def found(text: str, repository: Path) -> Red:
    return of_data(text.encode(), repository)


def test_pytest_names_its_tests(repository: Path) -> None:
    red = found(PYTEST, repository)
    assert red.tool == "pytest"
    assert red.failing == ("tests/test_sums.py::test_total", "tests/test_sums.py::TestMore::test_each[a b-1]")
    assert [each.message for each in red.failures] == ["assert 6 == 5", "AssertionError: - no", "ImportError"]
    assert red.unplaced == 1
    assert "2026-11-22T10" not in red.text and "\x1b" not in red.text


@pytest.mark.parametrize(
    ("text", "tool", "failure"),
    [
        (
            UNITTEST,
            "unittest",
            Failure("tests.test_sums.TestSums.test_total", "", "tests/test_sums.py::TestSums::test_total"),
        ),
        (JEST, "jest", Failure("sums › adds", "", "", "src/sums.test.ts")),
        (GO, "go test", Failure("TestSums/two", "", "", "sums_test.go", 12)),
        (CARGO, "cargo test", Failure("tests::adds", "", "", "src/lib.rs", 14)),
        (TRACEBACK, "a traceback", Failure("ZeroDivisionError: division by zero", "", "", "shop/total.py", 3)),
    ],
)
def test_a_log_tells_what_failed_and_where(text: str, tool: str, failure: Failure, repository: Path) -> None:
    red = found(text, repository)
    (only,) = red.failures
    assert red.tool == tool
    assert (only.name, only.test, only.path, only.line) == (failure.name, failure.test, failure.path, failure.line)
    assert only.message and only.message.strip() in red.text
    assert red.ends.endswith(text.strip().rpartition("\n")[2])


def test_a_log_of_no_known_tool_is_its_end(repository: Path) -> None:
    red = found("x\n" * 20_000 + "make: *** [all] Error 2\n", repository)
    assert red.failures == ()
    assert red.text.endswith("make: *** [all] Error 2")
    assert len(red.text) < 20_000


def test_junit_names_tests_and_places(repository: Path) -> None:
    red = found(JUNIT, repository)
    assert red.failures == (
        Failure("tests.test_sums.TestSums.test_total", "assert 6 == 5", "tests/test_sums.py::TestSums::test_total"),
        Failure("sums adds.two", "boom", "", "src/sums.test.ts", 5),
    )
    assert red.text.startswith("2 things fail in CI (JUnit):\n\ntests.test_sums.TestSums.test_total\nassert 6 == 5")


def test_sarif_tells_errors_then_warnings_that_nobody_suppressed(repository: Path) -> None:
    red = found(json.dumps(SARIF), repository)
    assert red.tool == "CodeQL"
    assert red.failures == (
        Failure("py/sql-injection", "depends on a user's value", "", "shop/total.py", 3),
        Failure("py/unused", "unused"),
    )


def test_json_of_jest(repository: Path) -> None:
    red = found(json.dumps(JEST_JSON), repository)
    assert red.failures[0] == Failure("sums adds", "Expected: 3", "", "src/sums.test.ts")
    assert red.failures[1].message == "does not parse"


def test_events_of_go_are_told_by_the_innermost_test(repository: Path) -> None:
    red = found(GO_JSON, repository)
    assert [(each.name, each.message) for each in red.failures] == [
        ("example.com/sums TestSums/two", "want 3\n"),
        ("example.com/broken", ""),
    ]


def test_many_failures_are_told_in_short(repository: Path) -> None:
    summary = "\n".join(f"FAILED tests/test_sums.py::test_{at} - {'x' * 3000}" for at in range(300))
    red = found(summary, repository)
    assert len(red.failing) == 300
    assert len(red.text) < 70_000
    assert "And: tests/test_sums.py::test_20, " in red.text


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"<testsuite><testcase", "no JUnit XML"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><testsuite><testcase/></testsuite>', "document type"),
        (b'<testsuite><testcase name="fine"/></testsuite>', "nothing that failed"),
        (b'{"runs": [], "version": "2.1.0"}', "nothing that failed"),
        (b"  \n\n", "nothing that failed"),
        (b"", "nothing that failed"),
    ],
)
def test_what_tells_of_no_failure_is_refused(data: bytes, says: str, repository: Path) -> None:
    with pytest.raises(UnreadableBuild, match=says):
        of_data(data, repository)


@pytest.mark.parametrize(
    "hostile",
    [
        "FAILED " + "a.py" + "::" * 50_000,
        "FAILED ../../../etc/passwd.py::x - y",
        "FAIL: a (" + "a." * 50_000 + ")\n" + "-" * 70,
        ("--- FAIL: " + "a/" * 500 + " (0.0s)\n") * 200,
        "Traceback (most recent call last):\n" * 20_000,
        "\x1b[" + "0;" * 100_000,
        '{"Action": ' * 20_000,
        "[" * 100_000,
        '{"runs": [{"results": [{"level": 3, "locations": [[]], "message": []}], "tool": 1}]}',
        '{"testResults": [1, {"name": 2, "assertionResults": [null, {"status": "failed", "failureMessages": 1}]}]}',
        "<testsuite>" + "<testcase>" * 5_000,
        '<testsuite><testcase classname="../.." name="x" file="/../../etc/passwd" line="&#9;1"><failure/></testcase></testsuite>',
        "\0\ufffe\u202e FAILED \0.py::x",
    ],
)
def test_hostile_files_end_soon_and_name_nothing_outside(hostile: str, repository: Path) -> None:
    start = time.process_time()
    try:
        red = of_data(hostile.encode("utf-8", "surrogatepass"), repository)
    except UnreadableBuild:
        red = Red("", ())
    assert time.process_time() - start < 2.0
    assert all(not each.path.startswith(("/", "..")) and ".." not in each.test for each in red.failures)


def test_a_file_is_read_by_what_it_holds(repository: Path, tmp_path: Path) -> None:
    path = tmp_path / "left.bin"
    path.write_text(f"\ufeff{JUNIT}")
    assert read_build(path, repository).tool == "JUnit"
    path.write_text("x\n" * 3_000_000 + PYTEST)
    assert len(read_build(path, repository).failing) == 2
