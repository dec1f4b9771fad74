"""Whatever process dies whenever: one ticket for a thread, one reaction, one branch, one pull request, one answer. And whoever comes at once."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import threading
from pathlib import Path

from orchestrator.forges.asking import publication
from orchestrator.forges.store import HOLD_S
from tests.orchestrator.crews import FIX, Open
from tests.orchestrator.forges.desk import Desk, desk, forges_at
from tests.orchestrator.forges.webhooks import commented, github, labeled


def dies_at(at: Desk, last: int) -> bool:
    """Have a process of its own do what is due; say whether it was killed."""
    at.clock.ahead_s += HOLD_S + 60.0
    place = (str(at.state), str(at.repository), at.fake.url, str(at.clock.ahead_s), str(last))
    done = subprocess.run([sys.executable, "-m", "tests.orchestrator.forges.killed", *place], check=False, timeout=120)
    assert done.returncode in (0, -signal.SIGKILL)
    return done.returncode != 0


def test_one_ticket_is_filed_wherever_the_process_dies(tmp_path: Path) -> None:
    for last in itertools.count(1):
        with desk(tmp_path / str(last)) as at:
            talk = at.fake.issue()
            at.receive(github("issues", labeled()))
            at.receive(github("issue_comment", commented()))
            died = dies_at(at, last)
            at.settle(HOLD_S + 60.0)
            assert len(at.tickets()) == 1, last
            row = at.forges.store.thread_of(at.tickets()[0].ticket.id)
            assert row is not None
            assert sorted(talk.reactions) == [("", "eyes"), ("comment 77", "eyes")]
        if not died:
            assert last > 8
            return


def test_one_pull_request_is_opened_though_each_process_dies_a_little_later(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        ticket = at.verified(crew([FIX]))
        for last in itertools.count(1):
            if not dies_at(at, last):
                break
        assert last > 4
        at.settle(HOLD_S + 60.0)
        assert publication(at.forges.store, ticket).published
        assert len(at.fake.branches()) == 1
        assert len(at.fake.pulls()) == 1
        assert len(at.fake.talks["#5"].comments) == 1


def test_an_answer_that_is_lost_on_its_way_is_as_if_it_had_come(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        ticket = at.verified(crew([FIX]))
        at.fake.lost = 6
        for _ in range(12):
            at.settle(300.0)
        assert at.fake.lost == 0
        assert publication(at.forges.store, ticket).published
        assert len(at.fake.pulls()) == 1
        assert len(at.fake.talks["#5"].comments) == 1


def test_several_publishers_at_once_do_each_step_once(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        for number in range(5, 15):
            at.fake.issue(number)
            assert at.receive(github("issues", labeled(number))).status == 202
            assert at.receive(github("issue_comment", commented(number=number, id=number))).status == 202
        done: list[str] = []

        def work() -> None:
            with forges_at(at.fake.url, at.state, at.repository, at.clock) as forges:
                while lines := forges.publisher.step():
                    done.extend(lines)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        at.settle(HOLD_S)
        assert [report.status for report in at.tickets()] == ["queued"] * 10
        assert all(talk.reactions.count(("", "eyes")) == 1 for talk in at.fake.talks.values())
        assert sum(line.startswith("file ") and "waits" not in line for line in done) <= 20
