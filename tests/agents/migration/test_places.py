"""Where Python rules apply, how files look afterwards, and what is unlike the examples."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.migration import python
from agents.migration.tree import walk
from tests.agents.migration.learning import done, learnt, reasons

RENAME = learnt(("from m import old\nx = old(a, 1)\n", "from m import new\nx = new(a, 1)\n"))


def test_only_what_differs_is_edited() -> None:
    text = "from m import old\n\n\ndef f(q):\n    # why\n    return old(q,\n               z=1)  # so\n"
    assert done(RENAME, text).text == text.replace("old", "new")


def test_places_in_places_are_edited_together() -> None:
    assert done(RENAME, "from m import old\nold(old(1), old(2))\n").text == "from m import new\nnew(new(1), new(2))\n"


def test_line_ends_tabs_and_a_missing_last_newline_stay() -> None:
    text = "from m import old\r\nif x:\r\n\told(1)"
    assert done(RENAME, text).text == text.replace("old", "new")


def test_an_import_goes_only_where_nothing_uses_it_any_more() -> None:
    found = done(RENAME, "from m import a, old\nold(1)\nmap(old, q)\n")
    assert found.text == "from m import a, old, new\nnew(1)\nmap(old, q)\n"
    assert reasons(found.unlike, 3) == "it is used without being called"
    assert done(RENAME, "from m import a, old\nold(1)\n").text == "from m import a, new\nnew(1)\n"


@pytest.mark.parametrize("scope", ["def g():", "class G:", "async def g():", "if typing.TYPE_CHECKING:"])
def test_an_import_that_holds_in_a_part_of_a_file_is_not_enough(scope: str) -> None:
    text = f"from m import old\n\n{scope}\n    from m import new\n    a = new\n\nx = old(1)\n"
    found = done(RENAME, text)
    assert found.text == text.replace("old", "new")


def test_an_import_that_may_fail_is_left_as_it_is() -> None:
    text = "try:\n    from m import new\nexcept ImportError:\n    from m import old\n\nx = old(1)\n"
    assert done(RENAME, text).text == text.replace("x = old", "x = new")


def test_an_added_import_comes_after_the_others_and_once() -> None:
    told = learnt(
        ("import os\np = os.path.join(a, b)\n", "import os\nfrom pathlib import Path\np = Path(a) / b\n"),
    )
    found = done(told, '"""Doc."""\n\nimport os\n\nq = os.path.join(x + 1, y or z).strip()\nw = os.path.join(1, 2)\n')
    assert found.text == (
        '"""Doc."""\n\nfrom pathlib import Path\n\nq = (Path(x + 1) / (y or z)).strip()\nw = Path(1) / 2\n'
    )


def test_brackets_are_put_where_an_operator_would_take_a_part_from_a_hole() -> None:
    told = learnt(("s = str(a)\n", "s = a\n"))
    assert done(told, "y = str(a + b) * 2\nz = f(str(a + b))\n").text == "y = (a + b) * 2\nz = f(a + b)\n"


def test_a_name_of_another_module_is_unlike() -> None:
    found = done(RENAME, "from n import old\nold(1)\n")
    assert (found.lines, reasons(found.unlike, 2)) == ((), "`old` comes from n, in the examples from m")
    assert done(RENAME, "def old(x): ...\n\n\nold(1)\n").lines == ()


def test_a_module_is_the_same_under_a_relative_name() -> None:
    told = learnt(("from .m import old\nold(a)\n", "from .m import new\nnew(a)\n"))
    assert done(told, "from .m import old\nold(1)\n").text == "from .m import new\nnew(1)\n"
    found = done(told, "from ..m import old\nold(1)\n", "pkg/deep/other.py")
    assert found.text == "from ..m import new\nnew(1)\n"
    assert done(told, "from .m import old\nold(1)\n", "elsewhere/other.py").lines == ()


def test_what_is_taken_from_the_same_module_may_be_called_otherwise() -> None:
    told = learnt(("import m as _m\nx = _m.old()\n", "import m as _m\nx = _m.new(_m.zone)\n"))
    assert done(told, "import m\ny = m.old()\n").text == "import m\ny = m.new(m.zone)\n"
    assert done(told, "import n as _m\ny = _m.old()\n").lines == ()


def test_what_is_called_is_unlike_an_example_that_only_names_it() -> None:
    told = learnt(("import m\nf(k=m.old)\n", "import m\nf(k=lambda: m.new(1))\n"))
    found = done(told, "import m\nf(k=m.old)\nm.old()\n")
    assert found.text == "import m\nf(k=lambda: m.new(1))\nm.old()\n"
    assert reasons(found.unlike, 3) == "it is called here, and is not in the examples"


def test_aliases_strings_and_other_counts_are_named_and_left() -> None:
    told = learnt(("import m\nm.f(a, b)\nm.f(c, d)\n", "import m\nm.f(b)\nm.f(d)\n"))
    text = "import m\nm.f(1, 2, 3)\nm.f(1, 2)\ngetattr(m, 'f')\ng = m.f\nn.f(1, 2)\nm.f(*a, b)\nm.f(b=1, a=2)\n"
    found = done(told, text)
    assert found.text == text.replace("m.f(1, 2)", "m.f(2)", 1)
    assert reasons(found.unlike, 2) == "it has 3 arguments, the examples have 2"
    assert reasons(found.unlike, 4) == "`f` stands in a string: what uses it is not known"
    assert reasons(found.unlike, 5) == "it is used without being called"
    assert reasons(found.unlike, 6) == "`n` stands where the examples have `m`"
    assert reasons(found.unlike, 7) == "`*a` is not what the examples have there"
    assert reasons(found.unlike, 8) == "`b=1` is not what the examples have there"
    assert reasons(done(RENAME, "from m import old as o\no(1)\n").unlike, 1) == "it is imported as `o`"


def test_what_is_done_already_is_not_done_again() -> None:
    told = learnt(("f(a)\n", "f(a, t=5)\n"), ("f(a, b=2)\n", "f(a, b=2, t=5)\n"))
    text = "f(1)\nf(1, t=5)\nf(1, k=3, t=5)\n"
    found = done(told, text)
    assert (found.lines, found.unlike) == ((1,), ())
    wrapped = learnt(("x = old(a)\n", "x = g(old(a))\n".replace("g", "str")))
    assert done(wrapped, "y = str(old(1))\n").lines == ()


def test_a_comma_at_the_end_of_arguments_makes_no_difference() -> None:
    told = learnt(("f(a)\n", "f(a, t=5)\n"))
    assert done(told, "f(\n    1,\n)\n").text == "f(\n    1, t=5,\n)\n"


def test_statements_are_put_for_others_and_indented_as_the_file_is() -> None:
    told = learnt(
        ("f = open(p)\nt = f.read()\nf.close()\n", "with open(p) as f:\n    t = f.read()\n"),
        (
            "def q():\n    g = open(a)\n    u = g.read()\n    g.close()\n",
            "def q():\n    with open(a) as g:\n        u = g.read()\n",
        ),
    )
    found = done(
        told, "class A:\n\tdef x(self):\r\n\t\th = open('q')\r\n\t\tz = h.read()\r\n\t\th.close()\r\n\t\tz\r\n"
    )
    assert (
        found.text
        == "class A:\n\tdef x(self):\r\n\t\twith open('q') as h:\r\n\t\t\tz = h.read()\r\n\t\tz\r\n".replace(
            "as h:\r\n", "as h:\n"
        )
        or found.text.replace("\r\n", "\n")
        == "class A:\n\tdef x(self):\n\t\twith open('q') as h:\n\t\t\tz = h.read()\n\t\tz\n"
    )


def test_a_file_that_does_not_parse_is_named() -> None:
    from agents.migration.places import Other, survey

    found = survey("pkg/bad.py", b"def f(:\n    old(1)\n", RENAME.rules)
    assert isinstance(found, Other)
    assert (found.line, found.why) == (2, "the file was not read: it does not parse")


@pytest.mark.parametrize("path", ["agents/migration/rule.py", "orchestrator/crew.py", "tests/test_structure.py"])
def test_a_tree_has_every_token_of_a_file_in_order(path: str, pytestconfig: pytest.Config) -> None:
    data = (pytestconfig.rootpath / path).read_bytes()
    root = python.parse(data)
    assert root is not None
    leaves = [leaf for leaf in walk(root) if not leaf.children]
    assert [leaf.start for leaf in leaves] == sorted(leaf.start for leaf in leaves)
    assert all(data[leaf.start : leaf.end].decode() == leaf.text for leaf in leaves)


@given(st.text(alphabet="abf(),.=+ \n\t'#:é\r[]", max_size=60))
@settings(max_examples=60, deadline=None)
def test_whatever_a_file_holds_it_is_read_or_refused_and_what_is_edited_parses(text: str) -> None:
    told = learnt(("f(a)\n", "g.h(a)\n".replace("g.h", "len")))
    found = done(told, text)
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        assert found.text == text
    else:
        ast.parse(found.text)
