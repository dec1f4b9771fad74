"""What tests print in several languages: the lines that tell, and the files of the tree that they name."""

from __future__ import annotations

import pytest

from agents import MemoryWorkspace
from agents.sampling.evidence import around
from agents.sampling.output import named, telling

GO_TEST = b"package cart\n\nfunc TestTotal(t *testing.T) {\n\tif got := Total(); got != 7 {\n\t\tt.Errorf()\n\t}\n}\n"
WORKSPACE = MemoryWorkspace(
    {
        "cart/total.go": b"package cart\n",
        "cart/total_test.go": GO_TEST,
        "src/lib.rs": b"",
        "src/app.ts": b"",
        "web/src/app.ts": b"",
        "web/shop/Cart.java": b"",
        "lib/sum.c": b"",
    }
)


@pytest.mark.parametrize(
    ("output", "places"),
    [
        ("--- FAIL: TestTotal (0.00s)\n    total_test.go:5: got 13, want 7", [("cart/total_test.go", 5)]),
        ("./cart/total.go:8:2: undefined: rebate", [("cart/total.go", 8)]),
        ("\t/repository/cart/total.go:8 +0x1d\n\t/usr/lib/go/src/testing/total.go:9 +0x1d", [("cart/total.go", 8)]),
        ("thread 'main' panicked at src/lib.rs:10:5:", [("src/lib.rs", 10)]),
        ("src/app.ts(3,5): error TS2322: no", [("src/app.ts", 3)]),
        ("at total (file:///repository/web/src/app.ts:3:5)", [("web/src/app.ts", 3)]),
        ("\tat shop.Cart.total(Cart.java:12)", [("web/shop/Cart.java", 12)]),
        ("prog: sum.c:5: main: Assertion `x' failed.", [("lib/sum.c", 5)]),
        ("app.ts:3:5 is one of two", []),
        ("../../etc/lib.rs:3 ../lib/sum.c:4 /etc/lib/sum.c:4 nowhere.go:1", []),
    ],
)
def test_files_of_the_tree_are_named_and_none_outside(output: str, places: list[tuple[str, int]]) -> None:
    assert named(output, WORKSPACE) == places


def test_a_path_counts_from_where_the_command_runs() -> None:
    assert named("src/app.ts:3:5", WORKSPACE, "web") == [("web/src/app.ts", 3)]


def test_the_test_that_output_names_is_shown_whole() -> None:
    shown = around("total_test.go:5: got 13, want 7", ".", WORKSPACE)
    assert shown == ("# cart/total_test.go\n" + GO_TEST.decode().partition("\n\n")[2].rstrip(),)


def test_a_test_that_is_a_call_is_shown_from_its_head_to_its_end() -> None:
    text = (
        "const x = 1;\n\ntest('a', () => {\n  is(x);\n});\ntest('b', () => {\n\n  is(y);\n  is(z);\n});\ntest('c');\n"
    )
    workspace = MemoryWorkspace({"a.test.js": text.encode()})
    shown = ("# a.test.js\ntest('b', () => {\n\n  is(y);\n  is(z);\n});",)
    assert around("a.test.js:6:1 a.test.js:8:3", ".", workspace) == shown
    assert around("a.test.js:11:1", ".", workspace) == ("# a.test.js\ntest('c');",)


def test_lines_that_tell_come_once_with_those_near() -> None:
    output = "setting up\n" * 500 + "AssertionError: not equal\n\n13 !== 7\n" * 2 + "\x1b[31mdone\x1b[0m\n"
    assert telling(output) == "setting up\nAssertionError: not equal\n13 !== 7"


def test_megabytes_without_a_word_are_cut_to_their_end() -> None:
    assert telling("x" * (8 << 20), 100) == "x" * 100
    assert named("x" * (8 << 20), WORKSPACE) == []
