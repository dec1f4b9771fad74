"""For random small functions: what every operator makes parses, changes one place (or one name in several), and leaves the rest."""

import ast
import codecs
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.repair.source import Source, read_source
from agents.repair.variants import Module, Variants

NAMES = st.sampled_from(["a", "b", "items", "self.size", "total", "n"])
NUMBERS = st.sampled_from(["0", "1", "-1", "2", "0.5"])
STRINGS = st.sampled_from(["''", "'ab'", '"x y"', "r'[a-z]+'", "'é'"])


def _compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.builds(
            lambda p, op: f"({p[0]}) {op} {p[1]}",
            pair,
            st.sampled_from(["+", "-", "*", "//", "%", "<", "<=", "==", "and", "or"]),
        ),
        pair.map(lambda p: f"{p[0]}[({p[1]}):]"),
        pair.map(lambda p: f"f({p[0]}, ( {p[1]} ))"),
        pair.map(lambda p: f"g({p[0]},k={p[1]})  "),
        pair.map(lambda p: f"{p[0]} if not {p[1]} else None"),
        pair.map(lambda p: f"[{p[0]}, ({p[1]})]"),
        inner.map(lambda e: f"len(\n    {e} # why )\n  )"),
        inner.map(lambda e: f"(x for x in {e} if x)"),
        inner.map(lambda e: f"d.get({e})"),
        inner.map(lambda e: f"(({e})).strip()"),
    )


EXPRESSIONS = st.recursive(st.one_of(NAMES, NUMBERS, STRINGS), _compound, max_leaves=3)
STATEMENTS = st.one_of(
    EXPRESSIONS.map(lambda e: f"total = {e}"),
    EXPRESSIONS.map(lambda e: f"total += {e}  # so"),
    EXPRESSIONS.map(lambda e: f"return {e}"),
    EXPRESSIONS.map(lambda e: f"items.append({e}); n = 1"),
    EXPRESSIONS.map(lambda e: f"if {e}: total = 1"),
    EXPRESSIONS.map(lambda e: f"for x in {e}:\n{{indent}}\tf(x)\n{{indent}}\tbreak"),
    EXPRESSIONS.map(
        lambda e: f"try:\n{{indent}}\tf({e})\n{{indent}}except (KeyError, A) as why:\n{{indent}}\traise B(why)"
    ),
)


@st.composite
def functions(draw: st.DrawFn) -> str:
    """Draw a function of some statements, with tabs or spaces and any newline."""
    indent = draw(st.sampled_from(["    ", "\t", "  "]))
    body = [statement.replace("{indent}", indent) for statement in draw(st.lists(STATEMENTS, min_size=1, max_size=2))]
    lines = ["# é", "def f(a, items, n=1):", *(indent + statement for statement in body), "", "x = 1", ""]
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    return "\n".join(lines).replace("\n", newline)


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


@settings(max_examples=8, deadline=None)
@given(functions().filter(_parses), st.sampled_from(["utf-8", "utf-8-sig", "latin-1"]))
def test_every_variant_parses_and_changes_one_place_only(text: str, encoding: str) -> None:
    cookie = "# coding: latin-1\n" if encoding == "latin-1" else ""
    data = (cookie + text).encode(encoding)
    source = read_source("m.py", data)
    assert isinstance(source, Source)
    module, made = Module.of(source), Variants()
    programs: set[str] = set()
    for block in module.index.blocks:
        for variant in made.of(module, block):
            after = source.apply(variant.candidate.edits)
            edits = variant.candidate.edits
            assert len(edits) == 1 or len({edit.text for edit in edits}) == 1
            _same_but_for(data, after, edits[0].start, len(data) - edits[-1].end)
            program = ast.dump(ast.parse(after.removeprefix(codecs.BOM_UTF8).decode(encoding.removesuffix("-sig"))))
            assert program != ast.dump(source.tree), variant
            programs.add(program)
    assert programs


def _same_but_for(before: bytes, after: bytes, head: int, tail: int) -> None:
    assert before[:head] == after[:head]
    assert not tail or before[-tail:] == after[-tail:]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"x = (" * 500 + b")" * 500, "not Python"),
        (b"x = \xff\n", "decoded"),
        (b"# coding: nothing\n", "decoded"),
        (b"x = 1\0\n", "not Python"),
        (b"print 'old'\n", "not Python"),
        (b"x = 1\n" * 200_000, "larger"),
    ],
)
def test_a_file_that_cannot_be_edited_is_skipped_with_a_reason(data: bytes, why: str) -> None:
    found = read_source("m.py", data)
    assert not isinstance(found, Source) and why in found.why


def test_a_deep_expression_is_no_error() -> None:
    source = read_source("m.py", b"x = " + b" + ".join([b"a"] * 900) + b"\ny = x\n")
    assert isinstance(source, Source)
    module, made = Module.of(source), Variants()
    assert [len(list(islice(made.of(module, block), 20))) for block in module.index.blocks] == [20, 20]
