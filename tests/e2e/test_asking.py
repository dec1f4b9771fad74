"""A model that plans, asks and builds two readings of a ticket, from end to end: each time the command waits, and `answer` goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agents.models.server import serving
from tests.e2e.command import Answer, nightcrew
from tests.e2e.library import commit_all, git
from tests.e2e.test_model import FILES, PROBE, calling, environment, fix

ADD = calling("edit", path="sums.py", old="    return a - b", new="    return a + b")
SUM = calling("edit", path="sums.py", old="    return a - b", new="    return sum((a, b))")
TALK = (
    calling("plan", steps=["Add in add()"], files=["sums.py"]),
    calling("ask", question="Numbers or texts?", answers=["numbers", "texts"]),
    ADD,
    calling("alternative", title="Use the operator", explanation="It is short.", reading="any two values"),
    SUM,
    calling("done", title="Use sum()", explanation="It is clear.", reading="numbers alone"),
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    for name, text in FILES.items():
        (root / name).write_text(text)
    commit_all(root)
    return root


def test_a_plan_a_question_and_two_readings_wait_for_their_answers(repository: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with serving(*PROBE, *TALK) as server:
        environ = environment(server.url, tmp_path / "home")

        def answer(*words: str) -> Answer:
            return nightcrew("answer", ticket, *words, state=state, environ=environ)

        status, document, _ = fix(repository, state, environ, "--plan")
        ticket = str(document["ticket"])
        assert (status, document["status"], document["next"]) == (4, "paused", f"nightcrew answer {ticket} N"), document
        assert isinstance(question := document["question"], dict)
        assert "1. Add in add()\nfiles: sums.py" in question["text"]
        assert [each["text"] for each in question["choices"]] == ["yes", "no"]
        asked = answer("yes")
        assert (asked.status, asked.document["question"]["text"]) == (4, "Numbers or texts?"), asked
        offered = answer("--text", "numbers, and nothing else")
        assert offered.status == 4, offered
        options = offered.document["question"]["options"]
        assert [each["shows"] for each in options] == ["any two values", "numbers alone"], offered
        assert "+    return sum((a, b))" in options[1]["diff"]
        done = answer("2")
    assert (done.status, done.document["status"]) == (0, "verified"), done
    assert git(repository, "show", f"{done.document['branch']}:sums.py").rstrip().endswith("return sum((a, b))")
    assert len(server.asked) == len(PROBE) + len(TALK), "nothing was asked twice"
    assert "numbers, and nothing else" in str(server.bodies[-1]["messages"])
