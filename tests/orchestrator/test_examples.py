"""Examples of a ticket: commits and diffs as somebody names them, and who works by them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import OrderRefused
from orchestrator.examples import read_examples
from orchestrator.intake import settle
from orchestrator.records import Order
from orchestrator.settings import Settings
from orchestrator.store.codec import decode, encode
from shadowfs import Example, ExampleFile
from tests.orchestrator import project

DIFF = "--- a/sums.py\n+++ b/sums.py\n@@ -3 +3 @@\n-    for number in numbers[1:]:\n+    for number in numbers:\n"


def read(repository: Path, *words: str) -> tuple[Example, ...]:
    return read_examples(repository, words, (), {}, repository)


def test_a_diff_is_read_forwards_and_backwards(repository: Path) -> None:
    (repository / "one.diff").write_text(DIFF)
    expected = ExampleFile("sums.py", project.BUGGY.encode(), project.FIXED.encode())
    assert read(repository, "one.diff")[0].files == (expected,)
    (repository / "sums.py").write_text(project.FIXED)
    assert read(repository, "one.diff")[0].files == (expected,)


@pytest.mark.parametrize(
    ("diff", "why"),
    [
        (DIFF.replace("number in", "digit in"), "neither fits"),
        (DIFF.replace("sums.py", "../sums.py"), "there is no"),
        (DIFF.replace("sums.py", ".env"), "there is no"),
        ("", "changes no file"),
        ("diff --git a/x b/x\nBinary files a/x and b/x differ\n", "binary"),
    ],
)
def test_a_diff_that_cannot_be_learnt_from_is_refused(repository: Path, diff: str, why: str) -> None:
    (repository / ".env").write_text(project.BUGGY)
    (repository / "one.diff").write_text(diff)
    with pytest.raises(OrderRefused, match=why):
        read(repository, "one.diff")


def test_a_word_that_is_neither_is_refused(repository: Path) -> None:
    with pytest.raises(OrderRefused, match="--like nothing"):
        read(repository, "nothing")


def test_who_names_examples_and_no_agent_gets_the_one_that_works_by_them(repository: Path) -> None:
    order = Order("do the rest", repository, examples=(Example("one", (ExampleFile("a.py", None, b"\xff"),)),))
    settings = Settings(suite=project.UNITTEST)
    assert settle(order, settings).agent == "migrate"
    assert settle(replace(order, agent="command:x"), settings).agent == "command:x"
    assert decode(Order, encode(order)) == order
    with pytest.raises(OrderRefused, match="--like"):
        settle(Order("do the rest", repository, agent="migrate"), settings)
