"""The search for weakened tests: new tests are fine, existing ones keep what they check."""

from __future__ import annotations

import textwrap

import pytest

from tests.verifier.cases import change_of
from verifier import Suite
from verifier.tampering import Finding, tampering

BASE = """
import pytest
from lib import add
LIMIT = 3

@pytest.fixture
def two():
    return 2

@pytest.mark.parametrize("a, b", [(1, 2), (3, 4)], ids=["x", "y"])
def test_cases(a, b):
    assert add(a, b) == a + b

def check(value):
    assert value == 3

def test_one(two):
    total = add(1, two)
    assert total == 3
    assert total < LIMIT + 1

def test_raises():
    with pytest.raises(ValueError):
        add("x", None)

class TestGroup:
    size = 2

    def setup_method(self):
        self.value = 1

    def test_inner(self):
        for value in [1, 2]:
            assert add(value, 0) == value

@pytest.mark.skip
def test_skipped():
    assert add(2, 2) == 4
"""


def weakened(before: str | None, after: str | None, path: str = "tests/test_a.py") -> list[Finding]:
    """Return what the search finds in a change of one file."""
    sides = [{} if text is None else {path: textwrap.dedent(text)} for text in (before, after)]
    found = tampering(change_of(sides[0], sides[1]), Suite("pytest"), ())
    return [finding for finding in found if finding.weakens]


def edited(old: str, new: str) -> list[Finding]:
    """Return what the search finds where `old` became `new`."""
    assert BASE.count(old) == 1
    return weakened(BASE, BASE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3\n", "LIMIT = 3\nOTHER = 4\nimport math\n"),
        ("def check(value):", "def test_new():\n    assert add(5, 5) == 10\n\ndef check(value):"),
        ("def check(value):", "@pytest.mark.skip\ndef test_new():\n    pass\n\ndef check(value):"),
        ("def check(value):", "@pytest.fixture\ndef three():\n    return 3\n\ndef check(value):"),
        ("(3, 4)]", "(3, 4), (5, 6)]"),
        ('[(1, 2), (3, 4)], ids=["x", "y"]', '[(1, 2), (3, 4), (0, 0)], ids=["x", "y", "z"]'),
        ("    assert total == 3\n", "    # why\n    assert total == 3\n\n"),
        ("    assert total == 3\n", "    assert total\n    assert total == 3\n"),
        ("    assert total == 3\n", "    more = add(2, 2)\n    assert more == 4\n    assert total == 3\n"),
        ("    assert total < LIMIT + 1\n", "    assert total < LIMIT + 1\n    assert add(0, 0) == 0\n"),
        (
            "    assert total < LIMIT + 1\n",
            "    assert total < LIMIT + 1\n    more = add(2, 2)\n    assert more == 4\n",
        ),
        ("def test_one(two):\n", 'def test_one(two):\n    """What it does."""\n'),
        ("@pytest.mark.skip\n", ""),
        (
            "    def test_inner(self):",
            "    def test_more(self):\n        assert add(1, 1) == 2\n\n    def test_inner(self):",
        ),
        (
            "class TestGroup:",
            "class TestNew:\n    def test_a(self):\n        assert add(9, 9) == 18\n\nclass TestGroup:",
        ),
        ("total = add(1, two)", "total=add( 1,two )"),
        ("    return 2\n", "    return 2\n\nif __name__ == '__main__':\n    pytest.main()\n"),
    ],
)
def test_new_tests_and_more_checks_are_fine(old: str, new: str) -> None:
    assert edited(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("def test_one(two):", "def xtest_one(two):", "the test `test_one` is deleted"),
        ("def test_one(two):", "def test_uno(two):", "the test `test_one` is deleted"),
        ("def test_one(two):", "@pytest.mark.skip\ndef test_one(two):", "is marked `pytest.mark.skip`"),
        ("def test_one(two):", "@pytest.mark.xfail(strict=False)\ndef test_one(two):", "is marked `pytest.mark.xfail"),
        ("def test_one(two):", "@pytest.mark.skipif(True, reason='x')\ndef test_one(two):", "is marked `pytest.mark.skipif"),
        ("def test_one(two):", "@unittest.skip('x')\ndef test_one(two):", "is marked `unittest.skip"),
        ("def test_one(two):", "@pytest.mark.slow\ndef test_one(two):", "gains `pytest.mark.slow`"),
        ("def test_one(two):", "@mock.patch('lib.add')\ndef test_one(two):", "gains `mock.patch('lib.add')`"),
        ("def test_one(two):", "def test_one(two=2):", "takes other arguments"),
        ("def test_one(two):", "async def test_one(two):", "takes other arguments"),
        ("def test_one(two):\n", "def test_one(two):\n    return\n", "returns early"),
        ("def test_one(two):\n", "def test_one(two):\n    pytest.skip('x')\n", "is skipped by `pytest.skip('x')`"),
        ("def test_one(two):\n", "def test_one(two):\n    raise unittest.SkipTest\n", "is skipped by"),
        ("    assert total == 3\n", "", "checks less: 1 instead of 2 checks"),
        ("    assert total == 3\n", "    assert True\n", "asserts a constant: `assert True`"),
        ("    assert total == 3\n", "    assert total == 4\n", "expects something else: `assert total == 3` became `assert total == 4`"),
        ("    assert total == 3\n", "    assert total == 3 or True\n", "expects something else"),
        ("    assert total == 3\n", "    total = 3\n    assert total == 3\n", "is changed"),
        ("    assert total == 3\n", "    LIMIT = 9\n    assert total == 3\n", "is changed"),
        ("    assert total == 3\n", "    two = 9\n    assert total == 3\n", "is changed"),
        ("    assert total == 3\n", "    x = (total := 3)\n    assert total == 3\n", "is changed"),
        ("    assert total == 3\n", "    lib.add = 3\n    assert total == 3\n", "is changed"),
        ("    assert total == 3\n", "    assert (total := 3)\n    assert total == 3\n", "is changed"),
        ("    assert total == 3\n", "    try:\n        assert total == 3\n    except AssertionError:\n        pass\n", "runs its checks under `try`"),
        ("    assert total == 3\n", "    if False:\n        assert total == 3\n", "is changed"),
        ("pytest.raises(ValueError)", "pytest.raises(Exception)", "expects something else"),
        ("(1, 2), (3, 4)]", "(1, 2)]", "lost or changed a case: `(3, 4)`"),
        ("(1, 2), (3, 4)]", "(1, 2), (3, 5)]", "lost or changed a case: `(3, 4)`"),
        ("(1, 2), (3, 4)]", "(1, 2), pytest.param(3, 4, marks=pytest.mark.xfail)]", "lost or changed a case"),
        ('ids=["x", "y"]', 'indirect=True', "is parametrised otherwise"),
        ('@pytest.mark.parametrize("a, b", [(1, 2), (3, 4)], ids=["x", "y"])\n', "", "loses `pytest.mark.parametrize"),
        ("    assert value == 3\n", "    pass\n", "`check` checks less"),
        ("    return 2\n", "    return 1\n", "`two` is changed"),
        ("LIMIT = 3\n", "LIMIT = 30\n", "the value `LIMIT` is changed"),
        ("LIMIT = 3\n", "LIMIT = 3\nLIMIT += 30\n", "the value `LIMIT` is changed"),
        ("    size = 2\n", "    size = 3\n", "the value `TestGroup.size` is changed"),
        ("        for value in [1, 2]:", "        for value in []:", "`TestGroup.test_inner` is changed"),
        ("        self.value = 1\n", "        pass\n", "`TestGroup.setup_method` is changed"),
        ("    def setup_method(self):\n        self.value = 1\n", "", "the function `TestGroup.setup_method` is deleted"),
        ("class TestGroup:", "class Group:", "the class `TestGroup` is deleted"),
        ("class TestGroup:", "class TestGroup(Base):", "inherits otherwise"),
        ("class TestGroup:", "@pytest.mark.skip\nclass TestGroup:", "the class `TestGroup` is marked"),
        ("    size = 2\n", "    size = 2\n    __test__ = False\n", "steers existing tests"),
        ("    size = 2\n", "    size = 2\n    def setUp(self):\n        raise SystemExit\n", "steers existing tests"),
        ("LIMIT = 3\n", "LIMIT = 3\npytestmark = pytest.mark.skip\n", "steers existing tests"),
        ("LIMIT = 3\n", "LIMIT = 3\npytest.skip('no', allow_module_level=True)\n", "is added outside of tests"),
        ("LIMIT = 3\n", "LIMIT = 3\nlib = pytest.importorskip('nope')\n", "is skipped by"),
        ("LIMIT = 3\n", "LIMIT = 3\nimport lib\nlib.add = lambda a, b: 3\n", "is added outside of tests"),
        ("from lib import add\n", "from fakes import add\n", "`add` comes from `fakes:add` instead of `lib:add`"),
        ("from lib import add\n", "from lib import add\nfrom fakes import *\n", "takes existing names"),
        ("from lib import add\n", "from lib import add\nfrom fakes import something as add\n", "`add` comes from"),
        ("    return 2\n", "    return 2\n\ndef pytest_runtest_setup(item):\n    pass\n", "steers existing tests"),
        ("    return 2\n", "    return 2\n\n@pytest.fixture(autouse=True)\ndef patch():\n    pass\n", "is a fixture for all tests"),
        ("    return 2\n", "    return 2\n\n@pytest.fixture\ndef tmp_path():\n    pass\n\ndef test_t(tmp_path): ...\n", None),
    ],
)  # fmt: skip
def test_a_weakened_test_is_found(old: str, new: str, says: str | None) -> None:
    found = edited(old, new)
    assert [finding for finding in found if says is not None and says in finding.text] or (
        says is None and not found
    ), found
    assert all(finding.line for finding in found)


@pytest.mark.parametrize(
    "planted",
    [
        "def test_one(two):\n    pass\n",
        "test_one = None\n",
        "del test_one\n",
        "test_one.__test__ = False\n",
        "globals()['test_one'] = None\n",
        "for name in list(globals()):\n    globals().pop(name)\n",
        "class test_one:\n    pass\n",
        "if True:\n    test_one = None\n",
        "if True:\n    def test_one(two):\n        pass\n",
        "try:\n    from fakes import test_one\nexcept ImportError:\n    pass\n",
        "from fakes import other as test_one\n",
        "class TestGroup:\n    pass\n",
        "TestGroup.test_inner = None\n",
        "setattr(TestGroup, 'test_inner', None)\n",
        "import sys; sys.exit()\n",
        "def load_tests(*args):\n    return None\n",
        "def setUpModule():\n    raise SkipTest\n",
        "(test_one, rest) = (None, 1)\n",
        "test_one: object = None\n",
        "while True:\n    break\n",
        "@pytest.fixture\ndef two():\n    return 5\n",
        "@pytest.fixture(name='two')\ndef three():\n    return 5\n",
        "def check(value): pass\n",
        "LIMIT = 99\n",
    ],
)
def test_what_is_appended_may_not_take_hold_of_existing_tests(planted: str) -> None:
    assert weakened(BASE, BASE + "\n" + planted)


def test_an_existing_test_under_a_new_condition_is_found() -> None:
    block = 'def test_raises():\n    with pytest.raises(ValueError):\n        add("x", None)\n'
    assert block in BASE
    found = weakened(BASE, BASE.replace(block, "if LIMIT > 3:\n" + textwrap.indent(block, "    ")))
    assert "the test `test_raises` is deleted, or under a condition now" in [finding.text for finding in found]


def test_a_deleted_or_renamed_test_file_is_found() -> None:
    assert [finding.text for finding in weakened(BASE, None)] == ["a file of the tests is deleted"]


def test_a_new_test_file_is_fine_but_for_hooks() -> None:
    assert weakened(None, BASE) == []
    assert weakened(None, BASE + "\ndef pytest_collection_modifyitems(items): items.clear()\n")


def test_a_condition_may_hold_two_versions_of_a_test() -> None:
    both = "import sys\nif sys.platform == 'x':\n    def test_a():\n        assert f() == 1\nelse:\n    def test_a():\n        assert f() == 2\n"
    assert weakened(both, both + "\ndef test_b():\n    assert f()\n") == []
    assert weakened(both, both.replace("f() == 1", "f() == 3"))
    assert weakened(both, both.replace("f() == 2", "f() == 3"))


def test_newer_syntax_than_ours_is_compared_by_line() -> None:
    newer = "def test_a():\n    match = 1 !! 2\n    assert match\n"
    assert weakened(newer, newer + "def test_b():\n    assert 2\n") == []
    assert weakened(newer, newer.replace("    assert match\n", ""))
    assert weakened(newer, newer + "pytest.skip('x')\n")


@pytest.mark.parametrize(
    ("path", "before", "after", "weak"),
    [
        ("tests/data/expected.json", "{}", '{"a": 1}', True),
        ("tests/data/more.json", None, '{"a": 1}', False),
        ("tests/__snapshots__/a.ambr", "1", "2", True),
        ("tests/data/blob.bin", b"\0a", b"\0b", True),
        ("src/a.test.ts", "it('a', () => {})\n", "it('a', () => {})\nit('b', () => {})\n", False),
        ("src/a.test.ts", "it('a', () => {})\n", "it.skip('a', () => {})\n", True),
        ("src/a.test.ts", "it('a', () => {})\n", "it('a', () => {})\nit.only('b', () => {})\n", True),
        ("pkg/a_test.go", "func TestA(t *testing.T) {\n}\n", "func TestA(t *testing.T) {\n\tt.Skip()\n}\n", True),
        ("src/lib.py", "x = 1\n", "x = 2\n", False),
        ("docs/a.md", "a", "b", False),
    ],
)
def test_other_files_of_tests_are_compared_too(
    path: str, before: str | bytes | None, after: str | bytes, weak: bool
) -> None:
    change = change_of({} if before is None else {path: before}, {path: after})
    assert any(finding.weakens for finding in tampering(change, Suite("pytest"), ())) == weak


def test_conftest_is_held_to_the_same_and_may_not_be_new() -> None:
    fixture = "import pytest\n\n@pytest.fixture\ndef a():\n    return 1\n"
    more = fixture + "\n@pytest.fixture\ndef b():\n    return 2\n"
    assert weakened(fixture, more, "tests/conftest.py") == []
    assert weakened(fixture, fixture + "\ndef pytest_ignore_collect(path): return True\n", "tests/conftest.py")
    assert weakened(fixture, fixture + "\ncollect_ignore = ['test_a.py']\n", "conftest.py")
    assert weakened(fixture, fixture.replace("return 1", "return 2"), "conftest.py")
    assert weakened(fixture, None, "conftest.py")
    assert [finding.text for finding in weakened(None, "", "sub/conftest.py")] == [
        "a new conftest.py steers existing tests"
    ]


def test_a_huge_test_file_is_not_compared_but_said() -> None:
    big = "x = 1\n" * 500_000
    assert weakened(big, big + "y = 2\n")[0].text == "the test file is too large to be compared"


@pytest.mark.parametrize(
    "hostile", ["(" * 5000, "-" * 50_000 + "1", "[" * 300 + "]" * 300, "x = " + "a." * 30_000 + "b"]
)
def test_hostile_source_is_survived(hostile: str) -> None:
    weakened(BASE, BASE + hostile)
    weakened(None, hostile)


def test_source_that_python_warns_of_is_read_in_silence() -> None:
    assert weakened("def test_a():\n    assert f('\\d')\n", "def test_a():\n    assert f('\\d')\nx = 1 is 1\n") == []
