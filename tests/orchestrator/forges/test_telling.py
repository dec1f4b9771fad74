"""How work ended is told in its thread, once for each end, and nobody is mentioned by what agents say."""

from __future__ import annotations

from pathlib import Path

from agents import Inquire, NoFix
from orchestrator.forges.store import KEPT_S
from orchestrator.records import Event, Status
from tests.orchestrator.crews import FIX, Open
from tests.orchestrator.forges.desk import desk, forges_at
from tests.orchestrator.forges.webhooks import github, labeled

WHICH = Inquire("What shall @everyone return?", ("the sum", "the mean"))


def test_work_without_a_fix_is_told(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        at.filed()
        crew([NoFix("nothing fits @everyone", "a hint")]).work_next()
        at.settle()
        at.settle()
        (comment,) = at.fake.talks["#5"].comments
        assert "No fix was found" in comment["body"]
        assert "```\nnothing fits @everyone\n```" in comment["body"]


def test_a_question_is_told_and_so_is_what_came_of_its_answer(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        ticket = at.filed()
        working = crew([WHICH, FIX], [WHICH, FIX])
        working.work_next()
        at.settle()
        asked = at.fake.talks["#5"].comments[0]["body"]
        assert "```\nWhat shall @everyone return?\n```" in asked
        assert "1. `the sum`" in asked
        assert f"`nightcrew answer {ticket} N`" in asked
        assert working.answer(ticket, 1).status is Status.VERIFIED
        at.settle()
        assert "waits for review" in at.fake.talks["#5"].comments[1]["body"]


def test_work_that_somebody_interrupted_is_nobodys_news(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        at.filed()
        working = crew([FIX])

        def interrupt(event: Event) -> None:
            if event.kind == "pin":
                raise KeyboardInterrupt

        report = working.work_next(interrupt)
        assert report is not None
        assert report.interrupted
        assert at.settle() == []
        assert at.fake.talks["#5"].comments == []


def test_an_entry_that_is_gone_stands_in_nobodys_way(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        at.filed()
        crew([NoFix("no", "")]).work_next()
        at.fake.issue(6)
        at.receive(github("issues", labeled(6)))
        with forges_at(at.fake.url, at.state, at.repository, at.clock, repositories={}) as without:
            entries = dict(without.office.entries)
            without.office.entries.clear()  # type: ignore[attr-defined]  # as if config.toml had none
            told = [*without.publisher.step(), *without.publisher.step()]
            assert [line for line in told if "put it back" in line] == told
            assert len(told) == 2
            assert list(entries) == ["hub"]
        assert at.settle() == []


def test_deliveries_are_forgotten_when_nobody_could_replay_them(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.fake.issue()
        sent = github("issues", labeled())
        assert at.receive(sent).status == 202
        at.clock.ahead_s += KEPT_S + 60.0
        fresh = labeled(6)
        fresh["issue"]["updated_at"] = None
        assert at.receive(github("issues", fresh)).status == 202
        # What it says itself keeps it out now.
        assert "nobody remembers" in at.receive(sent).done
