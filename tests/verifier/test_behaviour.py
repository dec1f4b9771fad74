"""What candidates do on inputs that tests give: in real fork servers, over functions of every kind and candidates that misbehave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.verifier.project import LIMITS, PYTEST, UNITTEST, opened, replacing, write
from verifier import Behaviour, Candidate, Edit, Ending, ForkServers, Suite
from verifier.forkserver import ForkTrials

LIB = """
    import enum, os, random, time

    MISSING = object()

    class Colour(enum.Enum):
        RED = 1

    def clamp(value, low=0, high=10):
        if value < low:
            return low
        return high if value < high else value

    def shortest(words):
        return sorted(words)[0]

    def countdown(n):
        while n >= 0:
            yield n
            n -= 1

    def lazily(items):
        return map(str, reversed(items))

    async def later(n):
        return n - 1

    def drain(queue):
        taken = list(queue)
        queue.clear()
        return len(taken) + 1

    def find(table, key, default=MISSING):
        if key in table:
            return table[key]
        if default is MISSING:
            raise KeyError(key)
        return None

    class Account:
        def __init__(self, owner, balance=0):
            self.owner = owner
            self.balance = balance

        def withdraw(self, amount):
            self.balance -= amount + 1
            return self

    def decorated(function):
        def wrapper(value):
            return function(value) + 1
        return wrapper

    @decorated
    def half(value):
        return value // 2

    def throw(sides):
        return random.SystemRandom().random() + sides

    def now(offset):
        return time.time_ns() + offset

    def outer(n):
        return inner(n) + other(n)

    def inner(n):
        return n * 2

    def other(n):
        return n * 3

    def summed(n):
        return total(each for each in range(n))

    def total(numbers):
        return sum(numbers) + 1

    def paint(colour, names):
        return {colour: {name for name in names}}

    def drop(name, really):
        if really:
            os.remove("kept-" + name)
        return len(name)
"""

TESTS = """
    import asyncio, pytest, lib

    def test_clamp(): assert lib.clamp(12) == 10
    def test_clamped(): assert lib.clamp(-3) == 0 and lib.clamp(5, 7, 9) == 7
    def test_shortest(): assert lib.shortest(["ccc", "bb", "aaaa"]) == "bb"
    def test_countdown(): assert list(lib.countdown(2)) == [2, 1]
    def test_lazily(): assert list(lib.lazily([1, 2])) == ["1", "2"]
    def test_later(): assert asyncio.run(lib.later(1)) == 2
    def test_drain(): assert lib.drain([1, 2]) == 2
    def test_find(): assert lib.find({"a": 1}, "b", 3) == 3
    def test_found():
        with pytest.raises(KeyError):
            lib.find({"a": 1}, "b")
    def test_withdraw(): assert lib.Account("x", 10).withdraw(3).balance == 7
    def test_half(): assert lib.half(5) == 2
    def test_throw(): assert lib.throw(6) < 1
    def test_now(): assert lib.now(0) < 0
    def test_outer(): assert lib.outer(1) == 6
    def test_drop(): assert lib.drop("a", False) == 2
    def test_summed(): assert lib.summed(3) == 3
    def test_paint(): assert not lib.paint(lib.Colour.RED, ["a"])
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {"lib.py": LIB, "test_lib.py": TESTS, "kept-a": ""}
    return write(tmp_path_factory.mktemp("library") / "p", files)


@pytest.fixture(scope="module")
def trials(library: Path) -> Iterator[ForkTrials]:
    with served(library) as trials:
        yield trials


@contextmanager
def served(root: Path, suite: Suite = PYTEST) -> Iterator[ForkTrials]:
    with opened(root) as sandbox, ForkServers().start(sandbox, suite, LIMITS) as trials:
        yield trials


def observed(
    trials: ForkTrials, edits: Sequence[Edit], failing: str, passing: Sequence[str] = (), cpu_s: float = 5.0
) -> tuple[Behaviour, ...]:
    ids = [f"test_lib.py::{name}" for name in (failing, *passing)]
    return trials.behaviours([Candidate((edit,)) for edit in edits], ids[:1], ids[1:], cpu_s=cpu_s)


def telling(found: Sequence[Behaviour]) -> list[Behaviour]:
    return [each for each in found if len(set(each.outcomes)) > 1]


def test_equal_patches_agree_and_different_ones_differ_on_a_small_input(trials: ForkTrials, library: Path) -> None:
    texts = ["high if value > high", "high if high < value", "high if value != high"]
    edits = [replacing(library, "lib.py", "high if value < high", text) for text in texts]
    found = observed(trials, edits, "test_clamp", ["test_clamped"])
    assert len(found) >= 10
    assert all(each.outcomes[0] == each.outcomes[1] != "" for each in found)
    differing = telling(found)
    assert [each.size for each in found] == sorted(each.size for each in found)
    assert differing[0].shown[0].startswith("returns ") and differing[0].call.startswith("clamp(")
    assert differing[0].shown[0] != differing[0].shown[2]
    recorded = {each.call: each for each in found if not each.mutated}
    assert recorded["clamp(12)"].failing and recorded["clamp(12)"].before_shown == "returns 12"
    assert recorded["clamp(12)"].shown == ("returns 10",) * 3
    assert not recorded["clamp(5, 7, 9)"].failing


def test_the_same_seed_gives_the_same_inputs(trials: ForkTrials, library: Path) -> None:
    candidate = Candidate((replacing(library, "lib.py", "sorted(words)[0]", "min(words, key=len)"),))
    ids = ["test_lib.py::test_shortest"]
    first, second, other = (trials.behaviours([candidate], ids, [], seed=seed, most=12) for seed in (1, 1, 2))
    assert first == second and len(first) <= 12
    assert {each.call for each in first} != {each.call for each in other}


KINDS = {
    "test_countdown": ("while n >= 0", "while n > 0", "countdown(2)", "yields [2, 1, 0]", "yields [2, 1]"),
    "test_lazily": ("reversed(items)", "items", "lazily([1, 2])", "yields ['2', '1']", "yields ['1', '2']"),
    "test_later": ("return n - 1", "return n + 1", "later(1)", "returns 0", "returns 2"),
    "test_drain": (
        "len(taken) + 1",
        "len(taken)",
        "drain([1, 2])",
        "returns 3; leaves queue as []",
        "returns 2; leaves queue as []",
    ),
    "test_find": ("return None", "return default", "find({'a': 1}, 'b', 3)", "returns None", "returns 3"),
    "test_found": (
        "KeyError(key)",
        "LookupError(key)",
        "find({'a': 1}, 'b')",
        "raises KeyError: 'b'",
        "raises LookupError: b",
    ),
    "test_withdraw": (
        "amount + 1",
        "amount",
        "<Account owner='x' balance=10>.withdraw(3)",
        "returns <Account owner='x' balance=6>; leaves self as <Account owner='x' balance=6>",
        "returns <Account owner='x' balance=7>; leaves self as <Account owner='x' balance=7>",
    ),
    "test_half": ("value // 2", "value // 2 - 1", "half(5)", "returns 2", "returns 1"),
    "test_paint": (
        "{name for name in names}",
        "set()",
        "paint(<Colour.RED: 1>, ['a'])",
        "returns {<Colour.RED: 1>: {'a'}}",
        "returns {<Colour.RED: 1>: set()}",
    ),
}


@pytest.mark.parametrize("test", KINDS)
def test_functions_of_every_kind_are_called_and_shown(trials: ForkTrials, library: Path, test: str) -> None:
    before, after, call, was, becomes = KINDS[test]
    right = replacing(library, "lib.py", before, after)
    nothing = Edit("lib.py", right.start, right.start, "")
    found = {each.call: each for each in observed(trials, [nothing, right], test)}
    each = found[call]
    assert (each.before_shown, each.shown) == (was, (was, becomes))
    assert each.before == each.outcomes[0] != each.outcomes[1] != ""


@pytest.mark.parametrize("test", ["test_throw", "test_now"])
def test_what_differs_by_itself_is_left_out(trials: ForkTrials, library: Path, test: str) -> None:
    edits = {"test_throw": ("random() + sides", "random() - sides"), "test_now": ("+ offset", "- offset")}
    assert not observed(trials, [replacing(library, "lib.py", *edits[test])], test)


def test_candidates_in_several_functions_are_seen_through_what_tests_call(trials: ForkTrials, library: Path) -> None:
    edits = [
        replacing(library, "lib.py", "return n * 2", "return n * 3"),
        replacing(library, "lib.py", "return n * 3", "return n * 4"),
        replacing(library, "lib.py", "return n * 3", "return n + 3"),
    ]
    found = observed(trials, edits, "test_outer", ["test_clamp"])
    assert {each.call.partition("(")[0] for each in found} == {"outer"}
    assert all(each.outcomes[0] == each.outcomes[1] for each in found)
    assert {each.call: each.shown for each in found}["outer(1)"] == ("returns 6", "returns 6", "returns 6")
    assert telling(found)


def test_what_cannot_be_copied_is_seen_through_what_tests_call(trials: ForkTrials, library: Path) -> None:
    edits = [replacing(library, "lib.py", "sum(numbers) + 1", text) for text in ("sum(numbers)", "sum(numbers) + 2")]
    found = {each.call: each.shown for each in observed(trials, edits, "test_summed")}
    assert found["summed(3)"] == ("returns 3", "returns 5")


BAD = {
    "while True: pass": "takes too long",
    "import os; os._exit(0)": "does not come so far: it ended with exit status 0",
    "import ctypes; ctypes.string_at(0)": "does not come so far: it was killed by SIGSEGV",
    "import os; os.closerange(0, 4096); os.kill(os.getpid(), 9)": "does not come so far: it was killed by SIGKILL",
    "raise SystemExit": "yields [] and raises SystemExit",
    "import time; time.sleep(1000)": "takes too long",
    "x = 'x' * 10**12": "yields [] and raises MemoryError",
    "yield from countdown(n)": "yields [] and raises RecursionError: maximum recursion depth exceeded",
    "import threading; threading.Thread(target=print).start(); n = 0": "yields [0]",
}


def test_candidates_that_misbehave_spoil_nothing(trials: ForkTrials, library: Path) -> None:
    indent = "\n        "
    texts = [text.replace("; ", indent) + indent + "yield n\n" for text in BAD]
    edits = [replacing(library, "lib.py", "yield n\n", text) for text in texts]
    right = replacing(library, "lib.py", "while n >= 0", "while n > 0")
    candidates = [Candidate((edit,)) for edit in (*edits, right)]
    behaviours = trials.behaviours(candidates, ["test_lib.py::test_countdown"], [], most=3, cpu_s=2.0)
    shown = {each.call: each for each in behaviours}["countdown(2)"].shown
    for text, said in zip(BAD, shown[:-1], strict=True):
        assert said.startswith(BAD[text]), text
    assert shown[-1] == "yields [2, 1]"
    done = list(trials.run([Candidate((right,))], ["test_lib.py::test_countdown"]))
    assert [trial.ending for trial in done] == [Ending.PASSED]


def test_a_candidate_that_ends_the_recording_process_takes_the_answer_but_not_the_server(
    trials: ForkTrials, library: Path
) -> None:
    wrong = replacing(library, "lib.py", "value // 2", "__import__('os').kill(__import__('os').getppid(), 9)")
    right = replacing(library, "lib.py", "value // 2", "value // 2 - 1")
    assert observed(trials, [wrong, right], "test_half") == ()
    assert observed(trials, [right], "test_half")


def test_what_cannot_be_put_into_live_functions_says_nothing(trials: ForkTrials, library: Path) -> None:
    cold = replacing(library, "lib.py", "MISSING = object()", "MISSING = None")
    broken = replacing(library, "lib.py", "value // 2", "value //")
    right = replacing(library, "lib.py", "value // 2", "value // 2 - 1")
    found = observed(trials, [cold, broken, right], "test_half")
    assert found and all(each.outcomes[:2] == ("", "") and each.outcomes[2] for each in found)
    assert found[0].shown[0].startswith("is not tried: ")
    assert observed(trials, [cold, broken], "test_half") == ()
    assert observed(trials, [right], "test_clamp") == ()
    assert trials.behaviours([Candidate((right,))], ["nowhere"], []) == ()


def test_inputs_that_no_test_gave_change_no_files(trials: ForkTrials, library: Path) -> None:
    found = observed(trials, [replacing(library, "lib.py", "return len(name)", "return name")], "test_drop")
    shown = {each.call: each.shown for each in found}
    assert shown["drop('a', True)"][0].startswith("raises PermissionError")
    assert (library / "kept-a").exists()


def test_unittest_suites_are_observed_alike(tmp_path: Path) -> None:
    files = {
        "lib.py": "def add(a, b):\n    return a - b\n",
        "test_lib.py": """
            import unittest, lib
            class T(unittest.TestCase):
                def test_add(self): self.assertEqual(lib.add(1, 2), 3)
        """,
    }
    root = write(tmp_path / "p", files)
    with served(root, UNITTEST) as trials:
        edits = [replacing(root, "lib.py", "a - b", text) for text in ("a + b", "b + a", "3")]
        candidates = [Candidate((edit,)) for edit in edits]
        found = trials.behaviours(candidates, ["test_lib.T.test_add"], [])
    assert {each.call: each.shown for each in found}["add(1, 2)"] == ("returns 3",) * 3
    assert all(each.outcomes[0] == each.outcomes[1] for each in found)
    assert telling(found)[0].shown[2] == "returns 3"
