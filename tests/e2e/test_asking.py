"""A model that plans and builds two readings of a ticket, from end to end: each time the command waits, and `answer` goes on."""

from __future__ import annotations

from pathlib import Path

from tests.agents.models.server import serving
from tests.e2e.command import nightcrew
from tests.e2e.library import commit_all
from tests.e2e.test_model import FILES, PROBE, calling, environment, fix

TALK = (
    calling("plan", steps=["Add in add()"], files=["sums.py"]),
    calling("edit", path="sums.py", old="    return a - b", new="    return a + b"),
    calling("alternative", title="Use the operator", explanation="It is short.", reading="any two values"),
    calling("edit", path="sums.py", old="    return a - b", new="    return sum((a, b))"),
    calling("done", title="Use sum()", explanation="It is clear.", reading="numbers alone"),
)


def test_a_plan_and_two_readings_wait_for_their_answers(tmp_path: Path) -> None:
    repository, state = tmp_path / "repository", tmp_path / "state"
    repository.mkdir()
    for name, text in FILES.items():
        (repository / name).write_text(text)
    commit_all(repository)
    with serving(*PROBE, *TALK) as server:
        environ = environment(server.url, tmp_path / "home")
        status, document, _ = fix(repository, state, environ, "--plan")
        ticket = str(document["ticket"])
        assert (status, document["status"], document["next"]) == (4, "paused", f"nightcrew answer {ticket} N"), document
        assert isinstance(question := document["question"], dict)
        assert "1. Add in add()\nfiles: sums.py" in question["text"]
        assert [each["text"] for each in question["choices"]] == ["yes", "no"]
        offered = nightcrew("answer", ticket, "yes", state=state, environ=environ)
    assert offered.status == 4, offered
    options = offered.document["question"]["options"]
    assert [each["shows"] for each in options] == ["any two values", "numbers alone"], offered
    assert "+    return a + b" in options[0]["diff"] and "+    return sum((a, b))" in options[1]["diff"]
    assert len(server.asked) == len(PROBE) + len(TALK), "nothing was asked twice"
