"""What a change touched of a Python file: whole statements, headers alone, innermost functions on both sides."""

from __future__ import annotations

import pytest

from verifier.touched import Place, TouchedFunction, functions, statements

SHOP = b"""\
@a
def f(x):
    '''Doc.'''
    if x:
        return g(
            x,
        )
    return 0


class Shop:
    def __init__(self):
        self.items = []

    def add(self, item):
        def inner():
            return item

        self.items.append(inner())
"""


def test_statements_are_found_whole_and_headers_alone() -> None:
    after = SHOP.replace(b"@a", b"@b").replace(b"if x", b"if y").replace(b"            x", b"            y")
    found = [(each.line, sorted(each.lines), each.at_import) for each in statements(SHOP, after)]
    assert found == [(1, [1, 2], True), (4, [4], False), (6, [5, 6, 7], False)]
    assert not list(statements(SHOP, SHOP.replace(b"Doc.", b"Docs.")))


def test_where_lines_only_went_the_one_that_stands_there_is_touched_and_none_beside_what_came() -> None:
    assert [each.line for each in statements(SHOP, SHOP.replace(b"        self.items = []\n", b"        pass\n"))] == [
        13
    ]
    assert [each.line for each in statements(SHOP, SHOP.replace(b"    '''Doc.'''\n", b""))] == [3]
    assert not list(statements(b"x = 1\n", b""))


def test_functions_are_the_innermost_ones_on_both_sides() -> None:
    after = SHOP.replace(b"return item", b"return [item]").replace(b"return 0", b"y = 1\n    return y")
    assert list(functions(SHOP, after)) == [
        TouchedFunction("f", 8, Place(1, 8), Place(1, 9)),
        TouchedFunction("Shop.add.<locals>.inner", 18, Place(16, 17), Place(17, 18)),
    ]
    gone = functions(SHOP, SHOP.partition(b"    def add")[0])
    assert [(each.name, each.after) for each in gone] == [("Shop.add", None), ("Shop.add.<locals>.inner", None)]
    (new,) = functions(b"", b"def f():\n    return 1\n")
    assert new == TouchedFunction("f", 1, None, Place(1, 2))


def test_what_does_not_parse_is_an_error() -> None:
    with pytest.raises(SyntaxError):
        list(statements(b"", b"def f(:\n"))
    with pytest.raises((SyntaxError, ValueError)):
        list(functions(b"x\0", b"x = 1\n"))
