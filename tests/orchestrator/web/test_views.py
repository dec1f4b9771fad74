"""What pages show of lines and steps: escaped, in colours, cut where they are endless."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.records import StepRecord
from orchestrator.web.highlight import highlighted
from orchestrator.web.steps import step_views


def test_a_line_of_python_has_colours_and_stays_one_line() -> None:
    lines = highlighted("a.py", ['"""Say', 'hello."""', "def f(x): return x < 1", ""])
    assert lines[:2] == [
        '<span class="sd">&quot;&quot;&quot;Say</span>',
        '<span class="sd">hello.&quot;&quot;&quot;</span>',
    ]
    assert '<span class="k">def</span> <span class="nf">f</span>' in lines[2]
    assert "&lt;" in lines[2] and lines[3] == ""


@given(st.lists(st.text(), max_size=6), st.sampled_from(["a.py", "b.html", "c.js", "d.unknown", "Makefile"]))
def test_any_text_is_as_many_lines_and_no_markup(lines: list[str], path: str) -> None:
    lines = [line.replace("\n", "").replace("\r", "") for line in lines]
    made = highlighted(path, lines)
    assert len(made) == len(lines)
    import re

    for line in made:
        bare = re.sub(r'<span class="[a-z0-9]+">|</span>', "", line)
        assert "<" not in bare and ">" not in bare


def test_a_step_is_a_line_and_what_there_is_to_open() -> None:
    intent = {"command": "pytest\x1b[31m -q\nmore", "tree": "a" * 40, "long": "x" * 30_000, "none": None}
    (view,) = step_views([StepRecord(1, 2, "run", intent, None, 5.0)])
    assert (view.line, view.open) == ("pytest -q", True)
    assert [name for name, _ in view.parts] == ["command", "long"]
    assert view.parts[1][1].endswith("10,000 characters more: nightcrew logs has all")
    (ended,) = step_views([StepRecord(1, 2, "verify", {}, {"verified": True}, 5.0)])
    assert (ended.line, ended.open) == ("verified: true", False)
