"""What a client can do in a shadow, and what it is told where it cannot: over a workspace in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pytest

from agents import Hit, MemoryWorkspace, OutOfBudget, Stopped, Task
from orchestrator.mcp.hands import Hands
from sandbox import Command, Completed, Ended
from verifier import Outcome, Ran, Suite, SuiteReport, TestResult

FILES = {
    "sums.py": b"def total(numbers):\n    return sum(numbers[1:])\n",
    "long.txt": "".join(f"line {number}\n" for number in range(1, 1001)).encode(),
    "data.bin": b"\0\1",
    "tests/test_sums.py": b"one\ntwo\n",
}
HITS = (Hit("sums.py", 1, 2, 1.0, "total", ("a word", "a frame")),)
TASK = Task("sums", Suite("command", ("true",)), ("t",), frozenset({"tests/test_sums.py"}))


def say(files: Mapping[str, bytes], ids: Sequence[str] | None) -> SuiteReport:
    del files
    tests = tuple(TestResult(f"t{number}", Outcome.FAILED, output="x" * 9000) for number in range(100))
    return SuiteReport(Ran.COMPLETED, tests if ids is None else tests[:1])


def respond(workspace: MemoryWorkspace, command: Command) -> Completed:
    workspace.files["said"] = command.argv[-1].encode()
    return Completed(Ended.EXITED, 3, b"\x1b[31m" + b"y" * 100_000, b"bad\n", dropped_bytes=5)


@pytest.fixture
def hands() -> Iterator[Hands]:
    workspace = MemoryWorkspace(FILES, say=say, respond=respond, protected=TASK.protected, locating=lambda _: HITS)
    with Hands(TASK, workspace) as hands:
        yield hands


def test_places_and_lines_are_found_and_bounded(hands: Hands) -> None:
    found = hands.do("search", {"pattern": "return", "path": "sums.py"})
    assert found.data == {"places": [{"path": "sums.py", "line": 2, "text": "return sum(numbers[1:])"}], "left_out": 0}
    many = hands.do("search", {"pattern": "line"})
    assert isinstance(many.data["places"], list)
    assert len(many.data["places"]) + int(str(many.data["left_out"])) == 1000
    part = hands.do("read", {"path": "long.txt", "first": 999})
    assert (part.data["text"], part.data["lines"]) == ("line 999\nline 1000", 1000)
    assert hands.do("read", {"path": "long.txt"}).data["last"] == 400
    row = {"path": "sums.py", "first": 1, "last": 2, "name": "total", "why": "a word; a frame"}
    assert hands.do("locate", {"text": "total"}).data == {"places": [row]}
    assert "binary" in hands.do("read", {"path": "data.bin"}).text


@pytest.mark.parametrize(
    "given",
    [
        {"path": "sums.py", "old": "    return sum(numbers[1:])", "new": "    return sum(numbers)"},
        {"path": "sums.py", "content": "def total(numbers):\n    return sum(numbers)\n"},
        {"patch": "*** Begin Patch\n*** Update File: sums.py\n@@\n-    return sum(numbers[1:])\n+    return sum(numbers)\n*** End Patch"},
        {"patch": "--- a/sums.py\n+++ b/sums.py\n@@ -1,2 +1,2 @@\n def total(numbers):\n-    return sum(numbers[1:])\n+    return sum(numbers)\n"},
    ],
)  # fmt: skip
def test_edits_of_every_form_are_made(hands: Hands, given: Mapping[str, object]) -> None:
    made = hands.do("edit", given)
    assert made.data["written"] == ["sums.py"], made.text
    assert hands.workspace.read("sums.py") == b"def total(numbers):\n    return sum(numbers)\n"
    shown = hands.do("diff", {})
    assert shown.data["files"] == ["modified sums.py"]
    assert "+    return sum(numbers)\n" in shown.text


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("edit", {"path": "sums.py", "old": "no such line\nat all", "new": ""}, "Nothing of this reply was applied"),
        ("edit", {"path": "../out.py", "content": "x"}, "not a path inside the repository"),
        ("edit", {"path": ".git/config", "content": "x"}, "enters .git"),
        ("edit", {"path": "tests/test_sums.py", "content": "x"}, "tests/test_sums.py"),
        ("edit", {"path": "sums.py", "content": "def total(:\n"}, "sums.py"),
        ("edit", {"path": "sums.py"}, "It was given path"),
        ("edit", {"path": "sums.py", "old": "a", "new": "b", "patch": "c"}, "takes `path`, `old` and `new`"),
        ("edit", {"patch": "I would change the sum."}, "no edit that could be read"),
        ("read", {"path": "no/such.py"}, "no/such.py"),
        ("read", {"path": "/etc/passwd"}, "leaves the tree"),
        ("search", {"pattern": "("}, "no regular expression"),
        ("search", {"pattern": "x" * 1001}, "look for less"),
        ("search", {"pattern": "a{99999999}"}, "no regular expression"),
        ("definition", {"path": "sums.py", "line": 1, "name": "nothing"}, "does not hold"),
        ("definition", {"path": "sums.py", "line": 1, "name": "total"}, "definition did not work"),
        ("run", {"command": "true", "seconds": -1}, "more than 0"),
        ("test", {"ids": [1]}, "must be a list of texts"),
        ("read", {"path": "sums.py", "shadow": "fork-7"}, "there is no fork 'fork-7'"),
        ("drop", {"shadow": "fork-7"}, "there is no fork"),
    ],
)
def test_what_cannot_be_done_changes_nothing_and_says_why(
    hands: Hands, name: str, given: Mapping[str, object], told: str
) -> None:
    answer = hands.do(name, given)
    assert answer.refused
    assert told in answer.text
    assert not hands.workspace.change()


def test_output_is_bounded_and_says_so(hands: Hands) -> None:
    ran = hands.do("run", {"command": "yes"})
    assert (ran.data["exit_status"], ran.data["stderr"], ran.data["truncated"]) == (3, "bad\n", True)
    assert len(str(ran.data["stdout"])) < 10_000
    assert "\x1b" not in str(ran.data["stdout"]) + ran.text
    tested = hands.do("test", {})
    assert (tested.data["passed"], tested.data["left_out"]) == (0, 70)
    assert len(str(tested.data)) < 60_000


def test_a_fork_is_apart_until_it_is_adopted(hands: Hands) -> None:
    hands.do("edit", {"path": "mine.txt", "content": "mine"})
    name = {"shadow": hands.do("fork", {}).data["shadow"]}
    assert hands.shadows == ("fork-1",)
    hands.do("edit", {"path": "sums.py", "content": "theirs = 1\n", **name})
    hands.do("run", {"command": "touch", **name})
    assert hands.do("diff", {}).data["files"] == ["added mine.txt"]
    assert hands.do("diff", name).data["files"] == ["added mine.txt", "added said", "modified sums.py"]
    second = {"shadow": hands.do("fork", name).data["shadow"]}
    assert "theirs" in hands.do("read", {"path": "sums.py", **second}).text
    hands.do("adopt", name)
    assert hands.do("diff", {}).data["files"] == ["added mine.txt", "added said", "modified sums.py"]
    assert hands.do("drop", second).data["shadows"] == ["fork-1"]
    for _ in range(7):
        hands.do("fork", {})
    assert "`drop` one first" in hands.do("fork", {}).text


def test_what_ends_the_job_goes_through(hands: Hands) -> None:
    assert isinstance(hands.workspace, MemoryWorkspace)
    hands.workspace.stopped = True
    with pytest.raises(Stopped):
        hands.do("run", {"command": "true"})
    hands.workspace.stopped = False
    hands.workspace._ends = 0.0
    with pytest.raises(OutOfBudget):
        hands.do("edit", {"path": "sums.py", "content": "x = 1\n"})
