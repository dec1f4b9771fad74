"""Chunks: every line that says something lies in one, along the syntax where that is known."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.index import python
from agents.index.chunks import chunked, decoded
from agents.index.grammars import Grammars
from agents.index.outline import Chunk, Definition, cut

GRAMMARS = Grammars()


def chunks_of(text: str, language: str = "python") -> list[Chunk]:
    return [worded.chunk for worded in chunked(text.encode(), language, GRAMMARS) or ()]


def function(name: str, lines: int) -> str:
    return f"def {name}():\n" + "".join(f"    x{at} = {at}\n" for at in range(lines - 1))


def test_large_functions_are_chunks_of_their_own_and_small_ones_share() -> None:
    found = chunks_of(function("one", 4) + function("two", 4) + function("big", 40) + function("three", 4))
    assert [(chunk.first, chunk.last, chunk.names) for chunk in found] == [
        (1, 8, ("one", "two")),
        (9, 48, ("big",)),
        (49, 52, ("three",)),
    ]


def test_a_large_class_is_cut_into_its_methods_and_they_know_it() -> None:
    body = "".join(textwrap.indent(function(f"method{at}", 30), "    ") for at in range(3))
    found = chunks_of(f"class Jar:\n    size = 1\n{body}")
    assert [(chunk.within, chunk.names) for chunk in found if chunk.names] == [
        ("Jar", ("Jar",)),
        ("Jar", ("method0",)),
        ("Jar", ("method1",)),
        ("Jar", ("method2",)),
    ]


def test_decorators_belong_to_what_they_decorate() -> None:
    assert python.outline("@a\n@b\ndef f():\n    pass\n") == (Definition("f", 1, 4),)


@pytest.mark.parametrize("text", ["def f(:\n", "-" * 100_000 + "1", "print 'two'\n" * 100])
def test_what_python_cannot_parse_is_cut_at_blank_lines(text: str) -> None:
    assert python.outline(text) is None
    assert chunks_of(text)


@pytest.mark.parametrize(
    ("language", "text", "names"),
    [
        ("javascript", "class Jar {\n  add(x) { return x }\n}\nconst put = (a) => a\nfunction get() {}\n", ["Jar", "add", "put", "get"]),
        ("typescript", "interface Shape { area(): number }\nexport class Box<T> implements Shape { area() { return 1 } }\n", ["Shape", "Box", "area"]),
        ("tsx", "export function View(): JSX.Element { return <p>hi</p> }\n", ["View"]),
        ("go", "package a\n\ntype Jar struct { n int }\n\nfunc (j *Jar) Add(x int) int { return x }\n", ["Jar", "Add"]),
        ("rust", "struct Jar { n: u8 }\n\nimpl Jar { fn add(&self) {} }\n\nmod inner { fn deep() {} }\n", ["Jar", "Jar", "add", "inner", "deep"]),
        ("java", "class Jar {\n  Jar() {}\n  int add(int x) { return x; }\n}\n", ["Jar", "Jar", "add"]),
        ("c", "struct jar { int n; };\n\nstatic int *add(struct jar *j) { return 0; }\n", ["jar", "add"]),
        ("cpp", "namespace a { class Jar { int add() { return 1; } }; }\nint Jar::get() { return 2; }\n", ["a", "Jar", "add", "Jar::get"]),
    ],
)  # fmt: skip
def test_tree_sitter_knows_what_other_languages_define(language: str, text: str, names: list[str]) -> None:
    if language not in GRAMMARS.languages:
        pytest.skip(f"the grammar of {language} is not installed (the extra `grammars`)")
    found = list(GRAMMARS.outline(text, language) or ())
    order = []
    while found:
        definition = found.pop(0)
        order.append(definition.name)
        found[:0] = definition.inner
    assert order == names


def test_without_a_grammar_a_file_is_cut_at_blank_lines() -> None:
    text = "\n".join("" if at % 25 == 24 else f"line {at}" for at in range(200))
    found = chunks_of(text, "code")
    assert all(chunk.last - chunk.first < 60 for chunk in found)
    assert {chunk.last % 25 for chunk in found[:-1]} == {0}


def test_binary_files_have_no_text_and_odd_encodings_have() -> None:
    assert python.outline("x = '\0'") is None
    assert decoded(b"\x7fELF\0\0") is None
    assert decoded("naïve".encode("latin-1")) == "naïve"
    assert decoded(b"\xef\xbb\xbfone\r\ntwo\rthree\x0c\n") == "one\ntwo\nthree\x0c\n"


definitions = st.recursive(
    st.builds(Definition, st.just("d"), st.integers(1, 120), st.integers(1, 120)),
    lambda inner: st.builds(
        Definition, st.just("d"), st.integers(1, 120), st.integers(1, 120), st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=8,
)


@given(st.lists(st.sampled_from(["", "x"]), min_size=1, max_size=150), st.lists(definitions, max_size=4))
@settings(max_examples=60, deadline=None)
def test_each_line_that_is_not_blank_lies_in_exactly_one_chunk(lines: list[str], outline: list[Definition]) -> None:
    covered = [at for chunk in cut(lines, outline) for at in range(chunk.first, chunk.last + 1)]
    assert len(covered) == len(set(covered))
    assert {at for at, line in enumerate(lines, 1) if line} <= set(covered) <= set(range(1, len(lines) + 1))
