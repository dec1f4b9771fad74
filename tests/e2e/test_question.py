"""A bug whose tests leave two sensible fixes: the command asks, and delivers what somebody chose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.e2e.command import Answer, nightcrew
from tests.e2e.library import git
from tests.e2e.project import activated, make_project
from tests.e2e.traces import digest

CODE = '''\
"""Matches."""


def winner(home, away):
    """Return who won a match."""
    return "home" if home < away else "away"
'''
TESTS = """\
import unittest

from shop.match import winner


class Match(unittest.TestCase):
    def test_more_goals_at_home(self):
        assert winner(2, 1) == "home"

    def test_more_goals_away(self):
        assert winner(1, 2) == "away"
"""
FILES = {"shop/match.py": CODE, "tests/test_total.py": "", "tests/test_match.py": TESTS}


def command(*words: str | Path, folder: Path) -> Answer:
    return nightcrew(*words, state=folder / "state", environ=activated())


def fixed(repository: Path, state: Path, *more: str) -> Answer:
    suite = ("--test", "python -m unittest tests.test_match", "--failing", "tests.test_match.Match")
    return command("fix", "the loser wins", "--repo", repository, *suite, *more, folder=state)


def on_a_tie(source: str) -> Any:
    names: dict[str, Any] = {}
    exec(source, names)
    return names["winner"](1, 1)


def test_a_question_is_asked_and_its_answer_delivered(tmp_path: Path) -> None:
    repository = make_project(tmp_path / "repository", FILES)
    before = digest(repository)
    asked = fixed(repository, tmp_path)
    assert (asked.status, asked.document["status"], asked.document["branch"]) == (4, "paused", None), asked
    question, ticket = asked.document["question"], asked.document["ticket"]
    assert "winner(1, 1)" in question["text"], question
    ends = {
        who: [each for each in question["options"] if f"returns '{who}'" in each["shows"]] for who in ("home", "away")
    }
    assert all(ends.values()), question
    assert digest(repository) == before

    wrong = command("answer", ticket, "7", folder=tmp_path)
    assert (wrong.status, wrong.document["error"]["kind"]) == (2, "unknown-option")
    chosen = ends["home"][0]
    done = command("answer", ticket, str(chosen["number"]), folder=tmp_path)
    assert (done.status, done.document["status"], done.document["question"]) == (0, "verified", None), done
    assert on_a_tie(git(repository, "show", f"{done.document['branch']}:shop/match.py")) == "home"
