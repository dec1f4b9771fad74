"""Receiving: what is forged, replayed, huge, strange or unwelcome leads to nothing; what is asked for is asked for once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.forges.receive import LIMIT_BYTES
from tests.orchestrator.forges import webhooks
from tests.orchestrator.forges.desk import ENVIRON, Desk, desk
from tests.orchestrator.forges.webhooks import commented, github, labeled


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


def steps(at: Desk) -> list[str]:
    """Do what is due and return it."""
    return at.settle()


def test_a_forged_a_huge_and_an_unknown_webhook_are_refused(at: Desk) -> None:
    headers, body = github("issues", labeled())
    assert at.receive((headers, body + b" ")).status == 401
    assert at.receive(github("issues", labeled(), "another secret")).status == 401
    assert at.receive(({}, body)).status == 401
    assert at.receive((headers, body + b" " * LIMIT_BYTES)).status == 413
    assert at.receive((headers, body), "nobody").status == 404
    assert steps(at) == []


def test_without_a_secret_nothing_is_taken(tmp_path: Path) -> None:
    with desk(tmp_path, environ={**ENVIRON, "FORGE_SECRET": ""}) as at:
        receipt = at.receive(github("issues", labeled(), ""))
        assert (receipt.status, "FORGE_SECRET" in receipt.done) == (503, True)


def test_a_redelivery_is_acknowledged_and_does_nothing(at: Desk) -> None:
    at.fake.issue()
    sent = github("issues", labeled())
    assert at.receive(sent).status == 202
    assert at.receive(sent).done == "this was delivered before"
    headers, body = sent
    # The id is not signed: a replay may have another.
    assert at.receive(({**headers, "X-GitHub-Delivery": "another"}, body)).done == "this was delivered before"
    assert at.receive(({name.upper(): value for name, value in headers.items()}, body)).status == 200
    assert len(steps(at)) == 2
    assert len(at.tickets()) == 1


def test_what_happened_before_anybody_remembers_is_nothing(at: Desk) -> None:
    payload = labeled()
    payload["issue"]["updated_at"] = "2019-05-15T15:20:18Z"
    assert "nobody remembers" in at.receive(github("issues", payload)).done


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (labeled(who="mallory"), "not on the allow-list"),
        (labeled(who="ci[bot]"), "a bot"),
        (labeled(who="alice", type="Bot"), "a bot"),
        (labeled(who=""), "nobody did it"),
        ({**labeled(), "repository": {"full_name": "team/other"}}, "none of those"),
        ({**labeled(), "repository": {"full_name": "../../etc"}}, "none of those"),
        ({**labeled(), "issue": {"number": "../../pulls/1", "title": "x"}}, "names no thread"),
    ],
)
def test_bots_strangers_and_unknown_repositories_are_heard_and_nothing_is_done(
    at: Desk, payload: Any, why: str
) -> None:
    receipt = at.receive(github("issues", payload))
    assert (receipt.status, why in receipt.done) == (200, True), receipt
    assert steps(at) == []


def test_names_count_in_whatever_case(at: Desk) -> None:
    at.fake.issue()
    payload = {**labeled(who="Alice"), "repository": {"full_name": "Team/Sums"}}
    assert at.receive(github("issues", payload)).status == 202
    steps(at)
    assert len(at.tickets()) == 1


def test_collaborators_are_whom_the_forge_lets_write(tmp_path: Path) -> None:
    with desk(tmp_path, allow=("collaborators",)) as at:
        at.fake.issue()
        for number, who in enumerate(("stranger", "reader"), 6):
            assert at.receive(github("issues", labeled(number, who))).status == 202
        assert all("may not write" in line for line in steps(at))
        payload = commented(who="mallory")
        payload["comment"]["author_association"] = "NONE"
        assert at.receive(github("issue_comment", payload)).status == 200
        assert at.receive(github("issues", labeled(5, "alice"))).status == 202
        steps(at)
        assert [report.ticket.order.user for report in at.tickets()] == ["alice@hub"]
        assert at.receive(github("issues", labeled(7, "collaborators"))).status == 202
        assert "may not write" in steps(at)[0]


def test_a_label_and_mentions_of_one_thread_file_one_ticket_and_each_is_acknowledged(at: Desk) -> None:
    talk = at.fake.issue()
    at.receive(github("issues", labeled()))
    at.receive(github("issue_comment", commented(id=77)))
    at.receive(github("issue_comment", commented("@nightcrew now!", id=78)))
    steps(at)
    (report,) = at.tickets()
    assert report.ticket.order.text == "total() forgets the first number\n\ntotal([1, 2]) is 2"
    assert sorted(talk.reactions) == [("", "eyes"), ("comment 77", "eyes"), ("comment 78", "eyes")]


def test_text_that_no_database_takes_is_filed_nevertheless(at: Desk) -> None:
    at.fake.issue()
    payload = labeled()
    payload["issue"]["title"] = "nul \0, half \ud800, \x1b[31mred\u202e"
    assert at.receive(github("issues", payload)).status == 202
    steps(at)
    (report,) = at.tickets()
    assert "nul \ufffd" in report.ticket.order.text


def test_what_cannot_be_filed_is_told_and_may_be_asked_for_again(at: Desk) -> None:
    talk = at.fake.issue()
    payload = labeled()
    payload["issue"].update(title="!?", body="...")
    at.receive(github("issues", payload))
    steps(at)
    assert "No ticket was filed" in talk.comments[0]["body"]
    assert at.tickets() == ()
    at.receive(github("issue_comment", commented()))
    steps(at)
    assert len(at.tickets()) == 1


def test_gitlab_and_gitea_file_tickets_too(tmp_path: Path) -> None:
    with desk(tmp_path / "a", "gitlab") as at:
        talk = at.fake.issue()
        assert at.receive(webhooks.gitlab(webhooks.gitlab_issue(), "wrong")).status == 401
        assert at.receive(webhooks.gitlab(webhooks.gitlab_issue())).status == 202
        at.receive(webhooks.gitlab({**webhooks.gitlab_note("@nightcrew"), "extra": 1}))
        steps(at)
        assert len(at.tickets()) == 1
        assert sorted(talk.reactions) == [("", "eyes"), ("1244", "eyes")]
    with desk(tmp_path / "b", "gitea") as at:
        talk = at.fake.issue()
        assert at.receive(webhooks.gitea("issue_comment", commented())).status == 202
        steps(at)
        assert talk.reactions == [("comment 77", "eyes")]
