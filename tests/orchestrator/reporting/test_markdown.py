"""Reports as Markdown: whatever they say, nothing of it is more than code."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.records import JobReport, Order, Ticket
from orchestrator.records import Status as JobStatus
from orchestrator.reporting.markdown import block, code, report_markdown
from verifier import Evidence, RungResult, Status, Verdict

EVIL = "a`b | <img src=x onerror=alert(1)> @admin\n## owned [x](http://evil)"
VERDICT = Verdict(
    "base",
    "tree",
    (
        RungResult("suite", Status.FAIL, EVIL, (Evidence("test", EVIL, "a|b`.py", 3),)),
        RungResult("reproduce", Status.PASS, "1 test passes now"),
        RungResult("measure", Status.SKIP, ""),
    ),
)
REPORT = JobReport(
    Ticket("t-1", "slug", Order(EVIL, Path("/repository")), 0.0),
    JobStatus.UNVERIFIED,
    EVIL,
    "nightcrew show t-1",
    "repair",
    title=EVIL,
    explanation=EVIL,
    files=tuple(f"f{n}.py" for n in range(20)),
    verdict=VERDICT,
)


def test_a_report_has_its_verdict_change_and_ticket() -> None:
    told = report_markdown(REPORT, b"--- a\n+++ b\n+```\n")
    assert told.startswith("## nightcrew: unverified\n")
    assert "| ✅ | reproduce | `1 test passes now` |" in told
    assert "and 12 more" in told
    assert "````diff\n--- a\n+++ b\n+```\n````" in told


def test_what_others_say_is_code_and_nothing_else() -> None:
    told = report_markdown(REPORT, EVIL.encode())
    # Without blocks and spans of code nothing is left of it.
    bare = re.sub(r"^(`{3,})\w*\n.*?\n\1$", "", told, flags=re.DOTALL | re.MULTILINE)
    bare = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", bare)
    assert not re.search("img|@admin|owned|evil", bare)


@given(st.text())
def test_code_is_closed_by_what_opens_it(text: str) -> None:
    span = code(text)
    assert "\n" not in span
    ticks = re.match(r"`+", span)
    assert ticks is not None and span.endswith(ticks[0])
    assert ticks[0] not in span[len(ticks[0]) : -len(ticks[0])]
    first, *_, last = block(text).split("\n")
    assert first == last and set(first) == {"`"}
    assert first not in block(text)[len(first) : -len(last)]


def test_a_long_text_is_cut() -> None:
    assert "characters more" in block("x\n" * 5_000)
    assert len(block("x\n" * 5_000)) < 4_200
