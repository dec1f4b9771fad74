"""An issue about a managed repository is filed once the repository is here; a forge that is down is asked again, one that says no is told of."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from orchestrator.checkouts.homes import home_of
from orchestrator.forges.asking import fetched
from tests.orchestrator import project
from tests.orchestrator.forges.desk import Desk, desk
from tests.orchestrator.forges.fake import FakeForge
from tests.orchestrator.forges.webhooks import github, labeled

MANAGED: dict[str, Any] = {"repositories": {}, "managed": (FakeForge.repository,)}


def asked(at: Desk) -> list[str]:
    """Label issue 5, and do what follows."""
    at.receive(github("issues", labeled()))
    return at.settle()


def test_an_issue_is_filed_for_its_checkout(tmp_path: Path) -> None:
    with desk(tmp_path, **MANAGED) as at:
        at.fake.issue()
        asked(at)
        (report,) = at.tickets()
        home = home_of(at.state, "hub", FakeForge.repository)
        assert report.ticket.order.repository == home
        assert (home / ".git").is_dir()


def test_a_forge_that_is_down_is_asked_again(tmp_path: Path) -> None:
    with desk(tmp_path, **MANAGED) as at:
        talk = at.fake.issue()
        at.fake.down = True
        lines = asked(at)
        assert any("again in" in line and "does not speak git with us" in line for line in lines)
        assert at.tickets() == ()
        at.fake.down = False
        at.settle(3600.0)
        assert len(at.tickets()) == 1
        assert talk.comments == []


def test_a_repository_that_is_too_large_is_told_of_in_its_thread(tmp_path: Path) -> None:
    with desk(tmp_path, **MANAGED, checkout_mb=1) as at:
        talk = at.fake.issue()
        (at.repository / "noise").write_bytes(Random(1).randbytes(3_000_000))
        project.git(at.repository, "add", "noise")
        project.git(at.repository, "commit", "--quiet", "--message=large")
        project.git(at.repository, "push", "--quiet", str(at.fake.git_dir), "HEAD:main")
        asked(at)
        assert at.tickets() == ()
        (comment,) = talk.comments
        assert "No ticket was filed" in comment["body"] and "too large" in comment["body"]
        assert str(at.state) not in comment["body"]


def test_the_head_of_a_pull_request_is_fetched_with_the_branch_that_it_goes_into(tmp_path: Path) -> None:
    with desk(tmp_path, **MANAGED) as at:
        at.fake.git("branch", "topic", "main")
        pull = at.fake.open_pull("topic", "main", "t", "b")
        head = fetched(at.forges.office, f"{at.fake.url}/team/sums/pull/{pull.number}")
        assert head.repository == home_of(at.state, "hub", FakeForge.repository)
        assert (head.commit, head.base) == (at.fake.tip("topic"), "main")
