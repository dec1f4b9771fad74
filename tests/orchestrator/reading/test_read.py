"""Changes put into the order in which they are best read."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from orchestrator.reading import Mark, Reading, Risk, Role, Seen, read
from shadowfs import Change, Entry, FileChange
from verifier import Evidence, RungResult, Verdict
from verifier import Status as RungStatus

PLAIN = 0o100644
Sides = tuple[str | bytes | None, str | bytes | None]


class Blobs:
    def __init__(self) -> None:
        self.kept: list[bytes] = []

    def put(self, data: str | bytes | None, mode: int = PLAIN) -> Entry | None:
        if data is None:
            return None
        self.kept.append(data.encode() if isinstance(data, str) else data)
        return Entry(mode, str(len(self.kept) - 1))

    def read(self, blob: str) -> bytes:
        return self.kept[int(blob)]


def change(files: dict[str, Sides]) -> Change:
    blobs = Blobs()
    changes = tuple(FileChange(path, blobs.put(old), blobs.put(new)) for path, (old, new) in sorted(files.items()))
    return Change("base", "tree", changes, blobs)


def verdict(*facts: Evidence) -> Verdict:
    return Verdict("base", "tree", (RungResult("suite", RungStatus.PASS, "", facts),))


def seen(reading: Reading) -> list[Seen]:
    return [each for group in reading.groups for each in group.hunks]


def roles(reading: Reading) -> list[tuple[str, Role]]:
    return [(each.hunk.path, each.role) for each in seen(reading)]


PRICES = "def total(prices, rebate):\n    summed = sum(prices)\n    return summed + rebate\n"
CALLER = "from prices import total\n\n\ndef bill(items):\n    return total(items, 0)\n"
TEST = "from prices import total\n\n\ndef test_total():\n    assert total([1], 1) == 2\n"


def test_the_cause_comes_first_with_what_it_forces_and_its_test_beside_it() -> None:
    reading = read(
        change(
            {
                "a_bill.py": (CALLER, CALLER.replace("total(items, 0)", "total(items)")),
                "b_test/test_prices.py": (TEST, TEST.replace("== 2", "== 0")),
                "prices.py": (PRICES, PRICES.replace("rebate):", "rebate=0):").replace("+ rebate", "- rebate")),
                "README.md": ("old\n", "new\n"),
            }
        )
    )
    assert roles(reading) == [
        ("prices.py", Role.CAUSE),
        ("prices.py", Role.CAUSE),
        ("a_bill.py", Role.FORCED),
        ("b_test/test_prices.py", Role.TEST),
        ("README.md", Role.OTHER),
    ]
    assert reading.groups[0].title == "`total` in prices.py"
    cause, _, forced, *_ = seen(reading)
    assert forced.follows == cause.hunk.id
    assert forced.predictable and not cause.predictable


def test_imports_follow_what_they_import_or_stand_together_behind_the_causes() -> None:
    reading = read(
        change(
            {
                "a.py": ("import os\n\nx = 1\n", "import os\nfrom b import new\n\nx = new()\n"),
                "b.py": ("import re\n", "import json\n\n\ndef new():\n    return json\n"),
                "c.py": ("import re\nimport os\n\ny = os\n", "import os\n\ny = os\n"),
            }
        )
    )
    titles = [(group.title, [each.hunk.path for each in group.hunks]) for group in reading.groups]
    assert titles == [("b.py", ["b.py", "a.py", "a.py"]), ("Imports", ["c.py"])]


def test_what_the_ticket_names_or_where_a_test_failed_is_read_before_other_causes() -> None:
    three = "def a():\n    return x\n\n\ndef b():\n    return y\n\n\ndef c():\n    return z\n"
    changed = change({"x.py": (three, three.replace("x", "x + 1").replace("y", "-y").replace("z", "z * 2"))})
    assert [each.hunk.within for each in seen(read(changed))] == ["a", "b", "c"]
    assert seen(read(changed, None, "b is wrong"))[0].hunk.within == "b"
    fact = Evidence("test", "passes now", "x.py", 10, ("t::c",))
    assert seen(read(changed, verdict(fact)))[0].hunk.within == "c"


def test_evidence_stands_beside_the_lines_it_is_about() -> None:
    at, elsewhere = Evidence("test", "passes now", "prices.py", 3, ("t",)), Evidence("suite", "12 passed")
    reading = read(change({"prices.py": (PRICES, PRICES.replace("+", "-"))}), verdict(at, elsewhere))
    assert seen(reading)[0].evidence == (at,)
    assert reading.facts == (elsewhere,)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = f(1,\n      2)\n", "x = f(1, 2)\n"),
        ("x = 'a'\n", 'x = "a"\n'),
        ("x = 1  # one\n", "x = 1  # the one\n"),
        ("x = [1, 2]\n", "x = [\n    1,\n    2,\n]\n"),
    ],
)
def test_formatting_and_comments_are_folded(before: str, after: str) -> None:
    reading = read(change({"x.py": (before, after)}))
    assert {role for _, role in roles(reading)} == {Role.FORMATTED}
    assert reading.groups[0].folded


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("x.py", "if a:\n    b()\n    c()\n", "if a:\n    b()\nc()\n"),
        ("x.yml", "a:\n  b: 1\n", "a:\nb: 1\n"),
        ("x.py", "x = (1)\n", "x = (1,)\n"),
        ("x.py", "x = 'a # b'\n", "x = 'a # c'\n"),
    ],
)
def test_white_space_and_commas_that_mean_something_are_not(path: str, before: str, after: str) -> None:
    assert Role.FORMATTED not in {role for _, role in roles(read(change({path: (before, after)})))}


def test_a_rename_is_folded_where_it_is_one_everywhere() -> None:
    lines = "\n\n".join(f"x{at} = old({at})\ny{at} = {at}" for at in range(4))
    reading = read(change({"x.py": (lines, lines.replace("old(", "new("))}))
    assert {role for _, role in roles(reading)} == {Role.RENAMED}
    assert reading.groups[0].title == "`old` is called `new`"


def test_a_move_is_folded_and_says_from_where() -> None:
    body = "def f():\n    a = 1\n    b = 2\n    return a + b\n"
    reading = read(change({"a.py": (f"x = 1\n{body}", "x = 1\n"), "b.py": ("y = 1\n", f"y = 1\n{body}")}))
    assert {role for _, role in roles(reading)} == {Role.MOVED}
    assert reading.groups[0].title == "Moved from a.py to b.py"


def test_the_same_edit_again_is_folded_behind_the_first() -> None:
    before = "\n\n".join(f"def f{at}(x):\n    y = {at}\n    return check(x, strict=False, at={at})" for at in range(5))
    reading = read(change({"x.py": (before, before.replace("strict=False", "strict=True, deep=True"))}))
    first, *others = seen(reading)
    assert first.role is Role.CAUSE
    assert [each.role for each in others] == [Role.REPEATED] * 4
    assert reading.groups[1].title == "The same edit again in 4 more places"


def test_one_sign_for_another_is_not_the_same_edit_everywhere() -> None:
    before = "a = b + c\nx = 1\nd = e + f\ny = 1\ng = h + i\n"
    reading = read(change({"x.py": (before, before.replace("+", "-"))}))
    assert Role.REPEATED not in {role for _, role in roles(reading)}


@pytest.mark.parametrize(
    ("path", "before", "after", "risk"),
    [
        ("x.py", "x = load(a)\n", "x = eval(a)\n", Risk.DANGEROUS),
        ("x.py", "run(a)\n", "run(a, shell=True)\n", Risk.DANGEROUS),
        ("x.js", "a.textContent = b;\n", "a.innerHTML = b;\n", Risk.DANGEROUS),
        ("pyproject.toml", "a = 1\n", "a = 2\n", Risk.CONFIGURATION),
        (".github/workflows/ci.yml", "a: 1\n", "a: 2\n", Risk.CONFIGURATION),
        ("tests/test_x.py", "def test_a():\n    assert f() == 1\n", "def test_a():\n    assert f()\n", Risk.TESTS),
        ("x.py", "def f(a, b):\n    pass\n", "def f(b, a):\n    pass\n", Risk.SIGNATURE),
        (
            "x.py",
            "class C:\n    def f(self, a):\n        pass\n",
            "class C:\n    def f(self):\n        pass\n",
            Risk.SIGNATURE,
        ),
    ],
)
def test_what_is_risky_is_marked(path: str, before: str, after: str, risk: Risk) -> None:
    marks = [mark.risk for each in seen(read(change({path: (before, after)}))) for mark in each.marks]
    assert risk in marks


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("x.py", "x = eval(a)\n", "x = eval(a, b)\n"),
        ("x.py", "def f(a):\n    pass\n", "def f(a, b=1, *, c=2, **more):\n    pass\n"),
        ("x.py", "def _f(a):\n    pass\n", "def _f(b):\n    pass\n"),
        ("tests/test_x.py", "", "def test_a():\n    assert f()\n"),
        ("x.py", "x = 1\n", "x = evaluate(1)\n"),
    ],
)
def test_what_is_not_is_not(path: str, before: str, after: str) -> None:
    assert not [mark for each in seen(read(change({path: (before, after)}))) for mark in each.marks]


def test_lines_that_no_test_runs_are_marked() -> None:
    fact = Evidence("exercise", "no passing test runs this", "prices.py", 3)
    (only,) = seen(read(change({"prices.py": (PRICES, PRICES.replace("+", "-"))}), verdict(fact)))
    assert [(mark.risk, mark.line) for mark in only.marks] == [(Risk.UNCOVERED, 3)]


def test_marks_are_few_and_what_is_left_out_is_counted() -> None:
    before = "\n\n".join(f"def f{at}(a):\n    return {at}" for at in range(12))
    reading = read(
        change(
            {"x.py": (before, re.sub(r"f(\d+)\(a\)", r"f\1(a\1, *b\1)", before)), "y.py": ("x = 1\n", "x = eval(y)\n")}
        )
    )
    marks = [mark for each in seen(reading) for mark in each.marks]
    assert len(marks) == 7
    assert Risk.DANGEROUS in {mark.risk for mark in marks}
    assert reading.left_out == 6


@pytest.mark.parametrize(
    ("sides", "why"),
    [((b"\0a", b"\0b"), "it is binary"), (("x\n" * 60_000, "y\n" * 60_000), "it has more than 50,000 lines")],
)
def test_what_has_no_hunks_is_named(sides: Sides, why: str) -> None:
    reading = read(change({"x": sides}))
    assert [(each.path, each.why) for each in reading.whole] == [("x", why)]


def test_files_that_come_and_go_are_hunks() -> None:
    reading = read(change({"new.py": (None, "x = 1\n"), "old.py": ("y = 1\n", None)}))
    assert {(each.hunk.path, each.hunk.before.lines, each.hunk.after.lines) for each in seen(reading)} == {
        ("new.py", (), ("x = 1",)),
        ("old.py", ("y = 1",), ()),
    }


def test_each_hunk_is_read_once_whatever_the_change_is() -> None:
    files: dict[str, Sides] = {
        f"m{at}.py": (
            "\n".join(f"def f{n}(a):\n    return g{n}(a)\n" for n in range(6)),
            "\n".join(f"def f{n}(a, b=0):\n    return g{(n * at) % 5}(a, {at})\n" for n in range(6)),
        )
        for at in range(1, 6)
    }
    files |= {"broken.py": ("def f(:\n", "def f(::\n"), "crlf.txt": ("a\r\nb\r\n", "a\r\nc\r\n")}
    ids = [each.hunk.id for each in seen(read(change(files)))]
    assert len(ids) == len(set(ids))
    assert {each.hunk.path for each in seen(read(change(files)))} == set(files)


def test_what_was_seen_of_a_line_stands_at_its_hunk_alone_and_lines_that_no_test_runs_are_marked() -> None:
    text = "def f(x):\n    return x\n\n\ndef g(x):\n    return x\n"
    edited = change(
        {
            "a.py": (
                text,
                text.replace("f(x):\n    return x", "f(x):\n    y = x\n    return y").replace(
                    "g(x):\n    return x", "g(x):\n    return -x"
                ),
            )
        }
    )
    facts = (
        Evidence("covered", "t runs this", "a.py", 2, ("t",), 3, "failed", "passed"),
        Evidence("uncovered", "none of the 2 tests runs this", "a.py", 7, last=7),
    )
    hunks = {each.hunk.after.first: each for each in seen(read(edited, replace(verdict(), beside=facts)))}
    assert {first: [fact.kind for fact in each.evidence] for first, each in hunks.items()} == {
        2: ["covered"],
        7: ["uncovered"],
    }
    assert hunks[7].marks == (Mark(Risk.UNCOVERED, "none of the 2 tests runs this", 7),)
    assert facts[0].sentence == "t runs this: failed before, passed now"
    longer = Evidence("uncovered", "no test runs this", "a.py", 1, last=3)
    (marked, _) = seen(read(edited, replace(verdict(), beside=(longer,))))
    assert [(mark.line, mark.more) for mark in marked.marks] == [(2, (3,))]
