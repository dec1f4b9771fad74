"""Publishing: a verified branch becomes one pull request, whatever fails in between; what may not leave, or cannot, stays and says so."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.forges.asking import publication, want_published
from orchestrator.forges.errors import UnknownForge
from orchestrator.forges.mentions import is_marked
from orchestrator.forges.publisher import TRIES
from orchestrator.forges.steps import telling
from tests.orchestrator import project
from tests.orchestrator.crews import FIX, Open, order
from tests.orchestrator.forges.desk import Desk, desk
from tests.orchestrator.forges.fake import TOKEN
from tests.orchestrator.project import git


def commit_of(at: Desk, ticket: str) -> str:
    commit = at.forges.office.crew.show(ticket).commit
    assert commit is not None
    return commit


def secrets_left(folder: Path) -> list[Path]:
    """Return the files that hold the token."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and TOKEN.encode() in path.read_bytes():
            found.append(path)
    return found


@pytest.mark.parametrize("kind", ["github", "gitlab", "gitea"])
def test_a_verified_branch_becomes_one_pull_request(tmp_path: Path, crew: Open, kind: str) -> None:
    with desk(tmp_path, kind) as at:
        before = project.digest(at.repository)
        filed = at.filed()
        report = crew([FIX]).work_next()
        assert report is not None
        assert report.branch is not None
        at.settle()
        (pull,) = at.fake.pulls()
        assert (pull.head, pull.base) == (report.branch, "main")
        assert at.fake.tip(report.branch) == report.commit
        assert is_marked(pull.body, f"{filed} {report.commit}")
        assert "nightcrew: verified" in pull.body
        talk = at.fake.talks["#5"]
        assert len(talk.comments) == 1
        assert publication(at.forges.store, filed).published
        # Nothing is done twice, however often it is asked for.
        want_published(at.forges.office, filed)
        at.settle()
        assert (len(at.fake.pulls()), len(talk.comments)) == (1, 1)
        assert project.digest(at.repository) == before
    assert secrets_left(tmp_path) == []


def test_whatever_fails_once_is_done_later_and_once(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        at.fake.issue()
        at.fake.fail("POST /api/repos/team/sums/issues/5/reactions", 502)
        ticket = at.verified(crew([FIX]))
        for begins in (
            "GET /api/repos/team/sums/pulls",
            "POST /api/repos/team/sums/pulls",
            "POST /api/repos/team/sums/issues/5/comments",
        ):
            at.fake.fail(begins, 503, times=2, headers={"Retry-After": "120"})
        at.settle()
        assert not publication(at.forges.store, ticket).published
        for _ in range(12):
            at.settle(300.0)
        assert publication(at.forges.store, ticket).published
        talk = at.fake.talks["#5"]
        assert (len(at.fake.pulls()), len(talk.comments), talk.reactions) == (1, 1, [("", "eyes")])


def test_a_process_that_dies_after_an_effect_and_before_it_says_so_does_it_once(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        ticket = at.verified(crew([FIX]))
        at.settle()
        store, commit = at.forges.store, commit_of(at, ticket)
        pull = store.pull(ticket)
        assert pull is not None
        # As if it had died after the push, after the pull request was opened, and after the comment was written.
        store.put_pull(replace(pull, pushed=None, number=None, url=""))
        want_published(at.forges.office, ticket)
        (comment,) = at.fake.talks["#5"].comments
        mark = f"pushed:{ticket}:{commit}"
        row = store.thread_of(ticket)
        assert row is not None
        store.again(telling(row.thread, mark, comment["body"], mark, ticket))
        at.settle()
        assert len(at.fake.pulls()) == 1
        assert len(at.fake.talks["#5"].comments) == 1
        assert publication(store, ticket).published


def test_a_name_that_is_taken_at_the_forge_is_left_alone(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        ticket = at.verified(crew([FIX]))
        report = at.forges.office.crew.show(ticket)
        main = at.fake.tip("main")
        assert main is not None
        at.fake.git("update-ref", f"refs/heads/{report.branch}", main)
        at.settle()
        (pull,) = at.fake.pulls()
        assert pull.head == f"{report.branch}-2"
        assert at.fake.tip(str(report.branch)) == main
        assert at.fake.tip(pull.head) == report.commit


def test_what_somebody_rejected_before_it_was_pushed_stays_here(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        working = crew([FIX])
        ticket = at.verified(working)
        want_published(at.forges.office, ticket)
        working.reject(ticket, "not wanted")
        assert "rejected" in at.settle()[0]
        assert (at.fake.branches(), at.fake.pulls()) == ([], [])


def test_uncommitted_work_is_never_pushed(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        (at.repository / "notes.txt").write_text("private\n")
        ticket = at.verified(crew([FIX]))
        at.settle()
        assert (at.fake.branches(), at.fake.pulls()) == ([], [])
        found = publication(at.forges.store, ticket)
        assert found.pull is not None
        assert "uncommitted work" in found.pull.blocked
        assert "uncommitted work" in at.fake.talks["#5"].comments[0]["body"]
        (patch,) = Path(found.pull.left).glob("*.patch")
        assert b"private" not in patch.read_bytes()


def test_commits_that_the_forge_has_not_are_never_pushed(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        (at.repository / "plan.txt").write_text("secret plans\n")
        git(at.repository, "add", "plan.txt")
        git(at.repository, "commit", "--quiet", "--message=not for others yet")
        ticket = at.verified(crew([FIX]))
        at.settle()
        found = publication(at.forges.store, ticket)
        assert found.pull is not None
        assert "1 local commits" in found.pull.blocked
        assert at.fake.branches() == []
        git(at.repository, "push", "--quiet", str(at.fake.git_dir), "main")
        want_published(at.forges.office, ticket)
        at.settle()
        assert publication(at.forges.store, ticket).published


def test_no_permission_ends_in_a_patch_and_a_bundle_and_is_said(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        at.fake.read_only = True
        ticket = at.verified(crew([FIX]))
        at.settle()
        found = publication(at.forges.store, ticket)
        assert found.pull is not None
        assert "may not write there" in found.pull.blocked
        said = at.fake.talks["#5"].comments[0]["body"]
        assert "could not be pushed" in said
        assert str(tmp_path) not in said
        (patch,), (bundle,) = (list(Path(found.pull.left).glob(f"*.{kind}")) for kind in ("patch", "bundle"))
        clone = tmp_path / "clone"
        git(tmp_path, "clone", "--quiet", str(at.fake.git_dir), str(clone))
        git(clone, "apply", "--check", str(patch))
        branch = at.forges.office.crew.show(ticket).branch
        git(clone, "fetch", "--quiet", str(bundle), f"{branch}:from-bundle")
        assert git(clone, "rev-parse", "from-bundle") == commit_of(at, ticket)
        # Once the right is there, whoever runs nightcrew asks again.
        at.fake.read_only = False
        want_published(at.forges.office, ticket)
        at.settle()
        assert publication(at.forges.store, ticket).published


def test_a_forge_that_is_down_for_good_ends_in_a_patch_too(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        ticket = at.verified(crew([FIX]))
        at.fake.fail("GET /api/repos/team/sums/pulls", 500, times=10_000)
        for _ in range(TRIES + 1):
            at.settle(4000.0)
        found = publication(at.forges.store, ticket)
        assert found.pull is not None
        assert "500" in found.pull.blocked
        assert list(Path(found.pull.left).glob("*.bundle"))


def test_a_branch_with_a_rule_of_the_forge_against_it_is_told(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        hook = at.fake.git_dir / "hooks" / "pre-receive"
        hook.write_text("#!/bin/sh\necho no branches of robots >&2\nexit 1\n")
        hook.chmod(0o755)
        ticket = at.verified(crew([FIX]))
        at.settle()
        found = publication(at.forges.store, ticket)
        assert found.pull is not None
        assert "does not take the branch" in found.pull.blocked


def test_a_ticket_that_was_typed_is_published_where_its_repository_lies(tmp_path: Path, crew: Open) -> None:
    with desk(tmp_path) as at:
        report = crew([FIX]).fix(order(at.repository))
        want_published(at.forges.office, report.ticket.id)
        at.settle()
        assert publication(at.forges.store, report.ticket.id).published
        assert len(at.fake.pulls()) == 1
        with pytest.raises(UnknownForge):
            want_published(at.forges.office, report.ticket.id, "elsewhere")


def test_the_token_is_in_no_argument_of_git(tmp_path: Path, crew: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    spy, real = tmp_path / "bin" / "git", shutil.which("git")
    spy.parent.mkdir()
    spy.write_text(f'#!/bin/sh\nprintf "%s " "$@" >> {tmp_path}/words\nexec {real} "$@"\n')
    spy.chmod(0o755)
    with desk(tmp_path) as at:
        ticket = at.verified(crew([FIX]))
        monkeypatch.setenv("PATH", f"{spy.parent}:/usr/bin:/bin")
        at.settle()
        assert publication(at.forges.store, ticket).published
    words = (tmp_path / "words").read_text()
    assert " push " in words
    assert TOKEN not in words
