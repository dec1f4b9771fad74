"""Edits whose SEARCH is not quite what the file has: what is merged, and what is refused."""

from __future__ import annotations

import pytest

from agents.edits import Applied, How, Refused, Replace, apply

FILE = """class Box:
    def area(self, width, height):
        # how large the box is, in metres
        if width < 0:
            raise ValueError("width")
        total = width * height
        return total

    def around(self, width, height):
        # how long the edge of the box is
        if width < 0:
            raise ValueError("width")
        total = 2 * (width + height)
        return total
"""


def outcome(search: str, replace: str, file: str = FILE, path: str = "box.py") -> Applied | Refused:
    return apply([Replace(path, tuple(search.split("\n")), tuple(replace.split("\n")))], {path: file.encode()})


def merged(search: str, replace: str, file: str = FILE, path: str = "box.py") -> tuple[str, How]:
    done = outcome(search, replace, file, path)
    assert isinstance(done, Applied), done
    return (done.files[path] or b"").decode(), done.placed[0].how


AREA = '        if width < 0:\n            raise ValueError("width")\n        total = width * height\n'


@pytest.mark.parametrize(
    ("search", "replace", "how"),
    [
        ("        total = width * height   ", "        total = height * width", How.SPACES),
        ("total = width * height\nreturn total", "total = height * width\nreturn total", How.SHIFTED),
        (
            "\n        total = width*height\n\n        return total\n",
            "\n        total = height * width\n\n        return total\n",
            How.SHIFTED,
        ),
        (
            AREA.replace("raise", "riase"),
            AREA.replace("raise", "riase").replace("width * height", "height * width"),
            How.LOOSE,
        ),
        (
            '    def area(self, width, height):\n        # its size\n        if width < 0:\n            raise ValueError("width")\n        total = width * height',
            '    def area(self, width, height):\n        # its size\n        if width < 0:\n            raise ValueError("width")\n        total = height * width',
            How.LOOSE,
        ),
        (
            "    def area(self, width, height):\n        # how large the box is, in metres\n        if width < 0:\n        total = width * height\n        return total",
            "    def area(self, width, height):\n        # how large the box is, in metres\n        if width < 0:\n        total = height * width\n        return total",
            How.LOOSE,
        ),
        (
            "    def area(self, width, height):\n        ...\n        total = width * height",
            "    def area(self, width, height):\n        ...\n        total = height * width",
            How.ELIDED,
        ),
    ],
    ids=["spaces at the end", "no indentation", "blank lines", "typo", "comment", "line left out", "ellipsis"],
)
def test_only_what_replace_changes_is_done_to_the_real_lines(search: str, replace: str, how: How) -> None:
    assert merged(search, replace) == (FILE.replace("width * height", "height * width"), how)


def test_new_lines_take_the_indentation_of_the_file() -> None:
    tabs = FILE.replace("    ", "\t")
    made, _ = merged(
        'if width < 0:\n    raise ValueError("width")\ntotal = width * height',
        'if width < 0:\n    if height < 0:\n        raise KeyError\n    raise ValueError("width")\ntotal = width * height',
        tabs,
    )
    assert made == tabs.replace(
        "\t\tif width < 0:\n", "\t\tif width < 0:\n\t\t\tif height < 0:\n\t\t\t\traise KeyError\n", 1
    )


def test_a_typo_in_the_edited_line_is_not_written() -> None:
    made, how = merged(
        "        totla = width * height\n        return total",
        "        totla = width * height + 1\n        return total",
    )
    assert (made, how) == (FILE.replace("width * height", "width * height + 1"), How.LOOSE)


@pytest.mark.parametrize(
    ("search", "replace"),
    [
        (
            "        total = width / height\n        return total",
            "        total = width // height\n        return total",
        ),
        (
            '        if width <= 0:\n            raise ValueError("width")',
            '        if width <= 0:\n            raise KeyError("width")',
        ),
        (
            '    def volume(self, width, height):\n        if width < 0:\n            raise ValueError("width")',
            '    def volume(self, width):\n        if width < 0:\n            raise ValueError("width")',
        ),
        (
            "    def volume(self, width, height):\n        # how large the box is, in metres\n        if width < 0:",
            "    def volume(self, width, height):\n        # how large the box is, in metres\n        if width < 1:",
        ),
        (
            '        if width < 0:\n            riase ValueError("width")',
            '        if width < 1:\n            riase ValueError("width")',
        ),
        ("import json\nimport yaml", "import json"),
    ],
    ids=["another sign", "another comparison", "head edited", "sibling's head", "twice, with a typo", "absent"],
)
def test_what_is_absent_alike_or_there_twice_is_refused(search: str, replace: str) -> None:
    assert isinstance(outcome(search, replace), Refused)


def test_a_sibling_is_not_edited_when_the_target_is_gone() -> None:
    head, _, rest = FILE.partition("    def around")
    search = rest.partition("\n")[2].rstrip("\n")
    done = outcome(search, search.replace("return total", "return total + 1"), head)
    assert isinstance(done, Refused)
    assert "box.py, lines" in done.why


CALLS = """import log


def calls(call, show, stack=True):
    signature = told(call, 80)
    try:
        show("Call %s" % signature)
        result = call(signature, stack)
        show("-> %s" % result)
        return result
    except BaseException as error:
        show("-> " + failed(signature, error))
        raise
"""


@pytest.mark.parametrize(
    "search",
    [
        CALLS.replace("(signature, stack)", "(stack, signature)"),
        CALLS.replace('        show("-> %s" % result)\n', "").replace("    try:\n", "    try:\n        begin()\n"),
        CALLS.replace("failed(", "failed_call("),
        CALLS.replace('"Call ', '"End '),
        CALLS.replace("show, stack", "show, repr, stack")
        .replace("(call", "(\n    call")
        .replace("=True)", "=True,\n)"),
        CALLS.replace("calls(call", "cells(call"),
    ],
    ids=["words swapped", "two lines", "a sibling's name", "a short word", "another head", "another name"],
)
def test_a_place_that_differs_as_a_sibling_would_is_not_edited(search: str) -> None:
    lines = search.split("\n", 3)[3].rstrip("\n")
    assert isinstance(outcome(lines, lines.replace("raise", "raise error"), CALLS, "log.py"), Refused)


def test_a_line_of_a_head_that_the_file_does_not_have_makes_it_another() -> None:
    file = "def thumb(\n    self,\n    request,\n    size,\n    response=None,\n    info=None,\n):\n    return make(request, size)\n"
    search = "    request,\n    response=None,\n    info=None,\n):\n    return make(request, size)"
    assert isinstance(outcome(search, search.replace("make", "made"), file), Refused)


def test_a_name_that_was_changed_throughout_the_file_stays_changed() -> None:
    file = CALLS.replace("told(", "described(")
    search = "\n".join(CALLS.split("\n")[4:])
    made, how = merged(search, search.replace("raise", "raise error"), file, "log.py")
    assert (made, how) == (file.replace("raise", "raise error"), How.LOOSE)


def test_a_line_put_in_meanwhile_stays() -> None:
    file = FILE.replace("        total = width * height\n", "        check(width)\n        total = width * height\n")
    search = (
        "    def area(self, width, height):\n"
        + "        # how large the box is, in metres\n"
        + AREA
        + "        return total"
    )
    assert merged(search, search.replace("return total", "return total + 1"), file)[0] == file.replace(
        "return total", "return total + 1", 1
    )


def test_a_line_put_among_the_replaced_ones_is_a_conflict() -> None:
    file = FILE.replace("        total = width * height\n", "        check(width)\n        total = width * height\n")
    search = "        # how large the box is, in metres\n" + AREA + "        return total"
    replace = "        # how large the box is, in metres\n        return self.size(width, height)"
    done = outcome(search, replace, file)
    assert isinstance(done, Refused)
    assert "'check(width)', stands among the replaced lines" in done.why


def test_other_languages_pass_the_gate_by_their_grammars() -> None:
    pytest.importorskip("tree_sitter_go")
    file = "package a\n\nfunc F(x int) int {\n\treturn x\n}\n"
    assert isinstance(outcome("\treturn x", "\treturn x + 1", file, "a.go"), Applied)
    done = outcome("\treturn x", "\treturn (x", file, "a.go")
    assert isinstance(done, Refused)
    assert "a.go would no longer parse" in done.why
