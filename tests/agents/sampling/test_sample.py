"""Replies read as candidates."""

from __future__ import annotations

import pytest

from agents import Finish, Reply
from agents.sampling.asking import Ask, Form
from agents.sampling.fitting import fittings
from agents.sampling.place import Place, Span
from agents.sampling.sample import Sample, samples_of

SOURCE = """\
def first(items):
    for item in items:
        if item:
            return item
    return None


def last(items):
    if not items:
        return None
    return items[0]
"""
FIRST = Place("a.py", 1, 5, "first", 1.0, (Span(3, 3), Span(4, 4)))
LAST = Place("a.py", 8, 11, "last", 1.0, (Span(11, 11),))


def after(reply: str | Reply, ask: Ask, source: str = SOURCE) -> list[str] | str:
    """Return the file as each of the reply's edits would have it."""
    data = source.encode()
    found = samples_of(Reply(reply) if isinstance(reply, str) else reply, ask, data)
    return found if isinstance(found, str) else [_applied(each, data) for each in found]


def _applied(sample: Sample, data: bytes) -> str:
    (edit,) = sample.candidate.edits
    return (data[: edit.start] + edit.text.encode() + data[edit.end :]).decode()


@pytest.mark.parametrize(
    "reply",
    [
        "WRONG: return items[0]\nRIGHT: return items[-1]",
        "WRONG:     return items[0]\nRIGHT:     return items[-1]\n",
        "WRONG:\n```python\nreturn items[0]\n```\nRIGHT:\n```python\nreturn items[-1]\n```",
        "**WRONG:** return items[0]\n**RIGHT:** return items[-1]",
        "The bug:\nwrong: return items [0]\nright: return items[-1]\n",
        "WRONG: return items[0]\nRIGHT: return items[-1]\nWRONG: return everything\nRIGHT: return nothing\n",
    ],
)
def test_a_pair_is_found_where_its_wrong_line_stands(reply: str) -> None:
    assert after(reply, Ask(LAST, Form.ANY, 0.0)) == [SOURCE.replace("items[0]", "items[-1]")]


def test_several_pairs_are_several_edits_and_equal_lines_the_most_suspicious_first() -> None:
    source = "def twice(x):\n    x = x + 1\n    y = 2\n    x = x + 1\n    return x\n"
    place = Place("a.py", 1, 5, "twice", 1.0, (Span(4, 4), Span(2, 2)))
    reply = "WRONG: x = x + 1\nRIGHT: x = x * 2\nWRONG: y = 2\nRIGHT: y = 3"
    found = after(reply, Ask(place, Form.ANY, 0.0), source)
    assert found == [
        "def twice(x):\n    x = x + 1\n    y = 2\n    x = x * 2\n    return x\n",
        "def twice(x):\n    x = x * 2\n    y = 2\n    x = x + 1\n    return x\n",
        source.replace("y = 2", "y = 3"),
    ]


def test_lines_that_take_the_place_of_one_are_indented_as_it_was() -> None:
    reply = "WRONG: return items[0]\nRIGHT: if len(items) > 1:\n    return items[-1]\nreturn items[0]"
    changed = SOURCE.replace(
        "    return items[0]\n", "    if len(items) > 1:\n        return items[-1]\n    return items[0]\n"
    )
    assert after(reply, Ask(LAST, Form.ANY, 0.0)) == [changed]


def test_a_statement_is_replaced_by_the_block_of_the_reply() -> None:
    ask = Ask(FIRST, Form.STATEMENT, 0.0, Span(3, 3))
    assert after("Here:\n```python\nif item is not None:\n```\nDone.", ask) == [
        SOURCE.replace("if item:", "if item is not None:")
    ]
    assert after("if item is not None:", ask) == [SOURCE.replace("if item:", "if item is not None:")]


def test_a_whole_place_is_replaced_at_its_own_indentation() -> None:
    ask = Ask(LAST, Form.WHOLE, 0.0)
    reply = "```python\n    def last(items):\n        return items[-1] if items else None\n```"
    assert after(reply, ask) == [
        SOURCE[: SOURCE.index("def last")] + "def last(items):\n    return items[-1] if items else None\n"
    ]


@pytest.mark.parametrize(
    ("reply", "form"),
    [
        (Reply("WRONG: return items[0]\nRIGHT: return it", finish=Finish.LENGTH), Form.ANY),
        (Reply("```python\ndef last(items):\n    return ite", finish=Finish.LENGTH), Form.WHOLE),
        (Reply(""), Form.STATEMENT),
        (Reply("WRONG: return items[0]\nRIGHT: return items[0"), Form.ANY),
        (Reply("WRONG: nothing of the kind\nRIGHT: pass"), Form.ANY),
        (Reply("```python\ndef other(items):\n    return 1\n```"), Form.WHOLE),
    ],
)
def test_what_is_no_whole_edit_is_none(reply: Reply, form: Form) -> None:
    assert isinstance(after(reply, Ask(LAST, form, 0.0, Span(11, 11))), str)


def test_of_a_reply_that_was_cut_the_whole_pairs_count() -> None:
    reply = Reply(
        "WRONG: return items[0]\nRIGHT: return items[-1]\nWRONG: return None\nRIGHT: retu", finish=Finish.LENGTH
    )
    assert after(reply, Ask(LAST, Form.ANY, 0.0)) == [SOURCE.replace("items[0]", "items[-1]")]


@pytest.mark.parametrize(
    ("code", "old", "fitted"),
    [
        (
            "def f(a,\n      b):\n    return a + b",
            "def f(a):\n    return a\n",
            "def f(a,\n      b):\n    return a + b\n",
        ),
        ("def f(x):  # noqa\n    return x", "def f(x):\n    pass\n", "def f(x):  # noqa\n    return x\n"),
        ('text = """\n    hello\n"""', "text = 1\n", 'text = """\n    hello\n"""\n'),
        ("def f():\n    return 1", "    def f():\n        pass\n", "    def f():\n        return 1\n"),
        (
            'def f():\n    return """\nx\n"""',
            "    def f():\n        pass\n",
            '    def f():\n        return """\nx\n"""\n',
        ),
        ("    if x:\n        y()", "        z()\n", "        if x:\n            y()\n"),
        ("", "    z()\n", ""),
    ],
)
def test_code_keeps_its_shape_where_it_is_fitted_in(code: str, old: str, fitted: str) -> None:
    assert next(fittings(code, old)) == fitted


@pytest.mark.parametrize(
    "right", ["if items:\n        return items[-1]\n    return 0", "if items:\n    return items[-1]\nreturn 0"]
)
def test_a_first_line_that_lost_its_indentation_says_nothing_of_the_others(right: str) -> None:
    reply = f"WRONG: return items[0]\nRIGHT: {right}"
    changed = SOURCE.replace("    return items[0]\n", "    if items:\n        return items[-1]\n    return 0\n")
    assert after(reply, Ask(LAST, Form.ANY, 0.0)) == [changed]


def test_a_form_feed_ends_no_line() -> None:
    source = "x = 1\n\f\ndef last(items):\n    y = 'a\x0cb'\n    return items[0]\n"
    place = Place("a.py", 3, 5, "last", 1.0, (Span(5, 5),))
    ask = Ask(place, Form.STATEMENT, 0.0, Span(5, 5))
    assert after("return items[-1]", ask, source) == [source.replace("[0]", "[-1]")]
    assert place.text(source.encode()).startswith("def last")
