"""What a reviewer says on a pull request of ours, and a red CI run on it, sends the change back to work, once and in bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agents import Write
from orchestrator.crew import Crew
from orchestrator.forges.asking import publication
from orchestrator.forges.store import PullRow
from orchestrator.records import Remark, Status
from tests.orchestrator import project
from tests.orchestrator.crews import FIX, Open
from tests.orchestrator.forges import webhooks
from tests.orchestrator.forges.desk import Desk, desk
from tests.orchestrator.forges.webhooks import commented, github, ran, remarked

SECOND = Write("sums.py", project.FIXED.replace("result = 0", "result = sum([])").encode())


def published(at: Desk, crew: Crew) -> PullRow:
    """Have a ticket's pull request opened."""
    ticket = at.verified(crew)
    at.settle()
    row = at.forges.store.pull(ticket)
    assert row is not None
    assert row.number is not None
    return row


def pull_number(row: PullRow) -> int:
    return int((row.number or "").lstrip("!"))


def heard(at: Desk, ticket: str) -> str:
    """Return what the last attempt was told."""
    return at.forges.office.crew.show(ticket).attempts[-1].heard[-1]


def test_the_remarks_of_a_review_go_back_together_and_a_new_version_replaces_the_branch(
    tmp_path: Path, crew: Open
) -> None:
    with desk(tmp_path) as at:
        working = crew([FIX], [SECOND])
        row = published(at, working)
        number, first = pull_number(row), row.pushed
        at.receive(github("pull_request_review_comment", remarked(number, "use sum()", 3, id=88)))
        at.receive(github("pull_request_review_comment", remarked(number, "and a test?", None, id=89)))
        again = github("pull_request_review_comment", remarked(number, "use sum()", 3, id=88))
        at.receive(again)
        assert at.forges.publisher.step() == ()
        at.settle()
        report = at.forges.office.crew.show(row.ticket)
        assert report.status is Status.QUEUED
        assert len(report.attempts) == 2
        said = heard(at, row.ticket)
        assert "- sums.py:3: use sum()" in said
        assert "- sums.py: and a test?" in said
        assert working.work_next() is not None
        at.settle()
        at.settle()
        now = at.forges.store.pull(row.ticket)
        assert now is not None
        assert (now.branch, now.number) == (row.branch, row.number)
        assert now.pushed not in (None, first)
        assert at.fake.tip(row.branch) == now.pushed
        (pull,) = at.fake.pulls()
        assert str(now.pushed) in pull.body
        assert "A new version" in pull.comments[-1]["body"]


def test_strangers_and_other_peoples_pull_requests_send_nothing_back(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        row = published(at, crew([FIX]))
        number = pull_number(row)
        assert at.receive(github("pull_request_review_comment", remarked(number, who="mallory"))).status == 200
        assert at.receive(github("pull_request_review_comment", remarked(99))).status == 200
        assert at.receive(github("issue_comment", commented("looks good", number))).status == 200
        at.settle()
        assert len(at.forges.office.crew.show(row.ticket).attempts) == 1
        assert at.receive(github("issue_comment", commented("@nightcrew please use sum()", number))).status == 202
        at.settle()
        assert "- @nightcrew please use sum()" in heard(at, row.ticket)


def test_remarks_wait_for_work_that_goes_on(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        working = crew([FIX], [SECOND], [FIX])
        row = published(at, working)
        for text in ("one", "two"):
            at.receive(github("issue_comment", commented(f"@nightcrew {text}", pull_number(row))))
            at.settle()
        assert len(at.forges.office.crew.show(row.ticket).attempts) == 2
        working.work_next()
        at.settle(60.0)
        assert "two" in heard(at, row.ticket)


def test_an_agent_that_hears_no_words_is_told_in_the_pull_request(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        working = crew([FIX])
        row = published(at, working)
        working.reject(row.ticket, "no")
        at.receive(github("issue_comment", commented("@nightcrew go on", pull_number(row))))
        at.settle()
        at.settle()
        assert "did not send the change back" in at.fake.pulls()[0].comments[-1]["body"]


def test_a_red_run_sends_back_as_often_as_is_allowed_and_then_says_so(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path, rounds=1) as at:
        working = crew([FIX], [SECOND])
        row = published(at, working)
        assert at.receive(github("workflow_run", ran(row.branch, str(row.pushed), "success"))).status == 200
        assert at.receive(github("workflow_run", ran(row.branch, str(row.pushed)))).status == 202
        # Two workflows of one commit are one round.
        at.receive(github("workflow_run", ran(row.branch, str(row.pushed), name="lint")))
        at.settle()
        assert "tests ended in failure" in heard(at, row.ticket)
        assert len(at.forges.office.crew.show(row.ticket).attempts) == 2
        working.work_next()
        at.settle()
        now = at.forges.store.pull(row.ticket)
        assert now is not None
        assert now.rounds == 1
        at.receive(github("workflow_run", ran(now.branch, str(now.pushed))))
        at.settle()
        at.settle()
        assert len(at.forges.office.crew.show(row.ticket).attempts) == 2
        assert "1 rounds were made" in at.fake.pulls()[0].comments[-1]["body"]


def test_the_ends_of_logs_go_back_with_a_red_run(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        row = published(at, crew([FIX]))
        at.fake.runs = [
            {
                "id": 9,
                "name": "tests",
                "conclusion": "failure",
                "app": {"slug": "github-actions"},
                "output": {"title": "1 failed"},
            },
            {"id": 10, "name": "lint", "conclusion": "success", "app": {"slug": "github-actions"}},
        ]
        # It lies where the token has no business.
        at.fake.logs["/api/repos/team/sums/actions/jobs/9/logs"] = (
            f"{at.fake.url.replace('127.0.0.1', 'localhost')}/store/9"
        )
        at.fake.logs["/store/9"] = "x" * 5000 + "\n\x1b[31mAssertionError: 2 != 3\x1b[0m\n"
        at.receive(github("workflow_run", ran(row.branch, str(row.pushed))))
        at.settle()
        said = heard(at, row.ticket)
        assert "tests\n1 failed\n" in said
        assert said.rstrip().endswith("AssertionError: 2 != 3")
        assert "lint" not in said
        assert len(said) < 3000


def test_a_token_that_may_not_see_runs_is_no_hindrance(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        row = published(at, crew([FIX]))
        at.fake.fail("GET /api/repos/team/sums/commits", 403)
        at.receive(github("workflow_run", ran(row.branch, str(row.pushed))))
        at.settle()
        assert "tests ended in failure" in heard(at, row.ticket)


def test_a_run_on_another_branch_or_on_an_older_version_is_nothing(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        row = published(at, crew([FIX]))
        assert at.receive(github("workflow_run", ran("main", str(row.pushed)))).status == 200
        assert at.receive(github("workflow_run", ran(row.branch, "main"))).status == 200
        assert at.receive(github("workflow_run", ran(row.branch, "c" * 40))).status == 202
        assert "replaced since" in at.settle()[0]
        assert len(at.forges.office.crew.show(row.ticket).attempts) == 1


def test_somebody_elses_commit_on_the_branch_is_never_overwritten(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        working = crew([FIX], [SECOND])
        row = published(at, working)
        tree = at.fake.git("rev-parse", f"{row.branch}^{{tree}}")
        theirs = at.fake.git(
            "-c", "user.name=a", "-c", "user.email=a@b", "commit-tree", tree, "-p", row.branch, "-m", "mine"
        )
        at.fake.git("update-ref", f"refs/heads/{row.branch}", theirs)
        at.receive(github("issue_comment", commented("@nightcrew use sum()", pull_number(row))))
        at.settle()
        working.work_next()
        at.settle()
        at.settle()
        assert at.fake.tip(row.branch) == theirs
        found = publication(at.forges.store, row.ticket)
        assert found.pull is not None
        assert "somebody else moved the branch" in found.pull.blocked


def test_a_closed_pull_request_stays_closed(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        working = crew([FIX], [SECOND])
        row = published(at, working)
        at.receive(github("issue_comment", commented("@nightcrew use sum()", pull_number(row))))
        at.settle()
        at.fake.pulls()[0].state = "closed"
        working.work_next()
        at.settle()
        assert [pull.state for pull in at.fake.pulls()] == ["closed"]
        found = publication(at.forges.store, row.ticket)
        assert found.pull is not None
        assert "is closed" in found.pull.blocked


def test_a_process_that_dies_after_it_sent_a_change_back_sends_it_once(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        working = crew([FIX], [SECOND])
        row = published(at, working)
        at.receive(github("issue_comment", commented("@nightcrew use sum()", pull_number(row))))
        at.clock.ahead_s += 30.0
        store, step = at.forges.store, at.forges.store.take()
        assert step is not None
        store.begin(step, "1")
        at.forges.office.crew.comment(row.ticket, [Remark("@nightcrew use sum()")], user="alice@hub")
        working.work_next()
        # Whoever held the step is gone; an hour later somebody else takes it.
        at.settle(3600.0)
        assert len(at.forges.office.crew.show(row.ticket).attempts) == 2


def test_the_lines_of_a_gitea_review_are_fetched(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path, "gitea") as at:
        at.fake.issue()
        at.receive(webhooks.gitea("issue_comment", commented()))
        at.settle()
        working = crew([FIX])
        report = working.work_next()
        assert report is not None
        at.settle()
        (pull,) = at.fake.pulls()
        line = {"body": "use sum()", "path": "sums.py", "position": 3}
        pull.reviews.append({"id": 4, "user": {"login": "alice"}, "comments": [line]})
        payload: dict[str, Any] = {
            "action": "reviewed",
            "pull_request": {"number": pull.number},
            "review": {"type": "pull_request_review_rejected", "content": "not yet"},
            "repository": {"full_name": "team/sums"},
            "sender": {"login": "alice"},
        }
        assert at.receive(webhooks.gitea("pull_request_rejected", payload)).status == 202
        at.settle()
        said = heard(at, report.ticket.id)
        assert "- not yet" in said
        assert "- sums.py:3: use sum()" in said


def test_a_gitlab_pipeline_and_a_note_send_back_too(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path, "gitlab") as at:
        at.fake.issue()
        at.receive(webhooks.gitlab(webhooks.gitlab_issue()))
        at.settle()
        working = crew([FIX], [SECOND])
        report = working.work_next()
        assert report is not None
        at.settle()
        row = at.forges.store.pull(report.ticket.id)
        assert row is not None
        assert (row.number or "").startswith("!")
        at.fake.runs = [{"id": 3, "name": "unit"}, {"id": 4, "name": "flaky", "allow_failure": True}]
        at.fake.logs["/api/projects/team%2Fsums/jobs/3/trace"] = "E   assert 2 == 3"
        at.receive(webhooks.gitlab(webhooks.gitlab_pipeline(row.branch, str(row.pushed))))
        at.settle()
        assert "unit failed" in heard(at, row.ticket)
        assert "unit\nE   assert 2 == 3" in heard(at, row.ticket)
        working.work_next()
        at.settle()
        position = {"new_path": "sums.py", "new_line": 2}
        note = webhooks.gitlab_note("why?", "MergeRequest", pull_number(row), type="DiffNote", position=position)
        at.receive(webhooks.gitlab(note))
        at.settle()
        assert "- sums.py:2: why?" in heard(at, row.ticket)
