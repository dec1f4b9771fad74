"""The way of one ticket with the real parts: a real repository, real shadows, bubblewrap, pytest, and a scripted agent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import shadowfs
from agents import Delete, NoFix, Write
from orchestrator.crew import Crew
from orchestrator.errors import OrderRefused, UnknownTicket, WouldOverwrite, WrongStatus
from orchestrator.exits import exit_of_status
from orchestrator.records import AddedTest, Event, Job, Status, Ticket
from orchestrator.reporting.remembered import NotAtHand
from orchestrator.settings import Settings
from orchestrator.store.sql.store import SqlStore
from sandbox import Command
from tests.orchestrator import project
from tests.orchestrator.crews import FIX, Open, order


def skip_without_fuse(tmp_path: Path) -> None:
    driver = shadowfs.FuseDriver(tmp_path / "probed")
    probe = driver.probe()
    driver.close()
    if not probe.works:
        pytest.skip(probe.why)


@pytest.mark.parametrize("driver", ["fuse", "copy"])
def test_a_right_change_is_verified_and_lands_on_one_branch(
    crew: Open, tmp_path: Path, repository: Path, driver: str
) -> None:
    if driver == "fuse":
        skip_without_fuse(tmp_path)
    before, seen = project.digest(repository), list[Event]()
    opened = crew([FIX], suite=project.PYTEST, driver=driver)
    report = opened.fix(order(repository, failing=(project.PYTEST_FAILING,)), seen.append)
    assert (report.status, report.why, exit_of_status(report.status)) == (Status.VERIFIED, "", 0)
    assert report.branch is not None
    assert project.branches(repository) == [report.branch]
    assert project.git(repository, "show", f"{report.branch}:sums.py") + "\n" == project.FIXED
    assert project.git(repository, "rev-parse", f"{report.branch}^") == project.git(repository, "rev-parse", "main")
    assert project.git(repository, "rev-parse", report.branch) == report.commit
    assert report.verdict is not None
    assert project.git(repository, "rev-parse", f"{report.branch}^{{tree}}") == report.verdict.tree
    trailers = project.git(repository, "log", "-1", "--format=%(trailers)", report.branch)
    assert f"Nightcrew-Ticket: {report.ticket.id}" in trailers
    assert report.verdict.tree in trailers
    assert (report.files, report.driver, report.sandbox, report.without) == (("sums.py",), driver, "local", ())
    assert project.digest(repository) == before
    assert {"pin", "attempt", "step", "verify", "rung", "deliver", "done"} <= {event.kind for event in seen}
    assert all(rung.status != "fail" for rung in report.verdict.rungs)


def test_an_agent_without_an_idea_ends_honestly(crew: Open, repository: Path) -> None:
    before = project.digest(repository)
    report = crew([NoFix("nothing came to mind", "a hint")]).fix(order(repository))
    assert (report.status, report.why, report.next, report.branch) == (
        Status.NO_FIX,
        "nothing came to mind",
        "a hint",
        None,
    )
    assert exit_of_status(report.status) == 3
    assert project.digest(repository) == before
    assert project.branches(repository) == []


def test_a_wrong_change_is_kept_but_gets_no_branch(crew: Open, repository: Path) -> None:
    wrong = Write("sums.py", b"def total(numbers):\n    return 3\n")
    opened = crew([wrong])
    report = opened.fix(order(repository))
    assert report.status is Status.UNVERIFIED
    assert "test_nothing_is_zero" in report.why
    assert (report.branch, project.branches(repository)) == (None, [])
    assert b"+    return 3" in opened.diff(report.ticket.id)
    (group,) = opened.reading(report.ticket.id).groups
    assert group.title == "`total` in sums.py"
    assert any("test_nothing_is_zero" in str(fact) for fact in opened.reading(report.ticket.id).facts)
    assert report.commit is not None


def test_a_wrong_change_gets_a_branch_where_somebody_asked_for_it(crew: Open, repository: Path) -> None:
    wrong = Write("sums.py", b"def total(numbers):\n    return 3\n")
    report = crew([wrong]).fix(order(repository, keep_unverified=True))
    assert (report.status, [report.branch]) == (Status.UNVERIFIED, project.branches(repository))


def test_without_a_branch_the_change_stays_in_the_depot(crew: Open, repository: Path) -> None:
    before = project.digest(repository)
    opened = crew([FIX])
    report = opened.fix(order(repository, branch=False))
    assert (report.status, report.branch, project.branches(repository)) == (Status.VERIFIED, None, [])
    assert b"numbers[1:]" in opened.diff(report.ticket.id)
    assert project.digest(repository) == before


def test_a_ticket_is_shown_at_once_where_no_depot_has_to_be_read(crew: Open, repository: Path) -> None:
    opened = crew([FIX])
    waiting = opened.file(order(repository)).id
    assert opened.at_hand(waiting) == opened.show(waiting)
    fixed = opened.fix(order(repository)).ticket.id
    looking = crew([])
    with pytest.raises(NotAtHand):
        looking.at_hand(fixed)
    assert looking.show(fixed) == looking.at_hand(fixed)


def test_the_command_agent_works_in_the_shadow(crew: Open, repository: Path) -> None:
    command = "command:sed -i 's/numbers.1:./numbers/' sums.py && echo replaced the slice"
    report = crew().fix(order(repository, agent=command))
    assert (report.status, report.files) == (Status.VERIFIED, ("sums.py",))
    assert "replaced the slice" in project.git(repository, "log", "-1", "--format=%B", str(report.branch))


def test_added_tests_go_into_base_and_branch_and_the_agent_cannot_change_them(crew: Open, repository: Path) -> None:
    added = AddedTest("tests/test_new.py", project.NEW_TEST)
    cheat = Command(("sh", "-c", "echo 'def test_one_number(): pass' > tests/test_new.py"))
    report = crew([cheat, FIX], suite=project.PYTEST).fix(order(repository, failing=(), added=(added,)))
    assert report.status is Status.VERIFIED
    assert report.files == ("sums.py", "tests/test_new.py")
    shown = project.git(repository, "show", f"{report.branch}:tests/test_new.py")
    assert shown == project.NEW_TEST.decode().strip()
    steps = [step for step in crew([]).steps(report.ticket.id) if step.kind == "reproduce"]
    assert steps[0].outcome is not None
    assert steps[0].outcome["failing"] == ["tests/test_new.py::test_one_number"]


def test_an_agent_that_writes_to_a_protected_file_is_refused(crew: Open, repository: Path) -> None:
    report = crew([Write("conftest.py", b"x")], protected=("conftest.py",)).fix(order(repository))
    assert report.status is Status.FAILED
    assert "protected" in report.why


def test_uncommitted_work_is_the_parent_of_the_change(crew: Open, repository: Path) -> None:
    (repository / "notes.txt").write_text("draft\n")
    before = project.digest(repository)
    report = crew([FIX]).fix(order(repository))
    assert report.status is Status.VERIFIED
    assert report.files == ("sums.py",)
    parent = project.git(repository, "rev-parse", f"{report.branch}^")
    assert project.git(repository, "show", f"{parent}:notes.txt") == "draft"
    assert project.git(repository, "rev-parse", f"{parent}^") == project.git(repository, "rev-parse", "main")
    assert project.digest(repository) == before


def test_the_best_of_several_attempts_wins(crew: Open, repository: Path) -> None:
    wrong = Write("sums.py", b"def total(numbers):\n    return 3\n")
    report = crew([wrong], [NoFix("no")], [FIX]).fix(order(repository, attempts=3))
    assert report.status is Status.VERIFIED
    assert [attempt.state for attempt in report.attempts] == ["proposed", "no_fix", "proposed"]
    assert project.git(repository, "show", f"{report.branch}:sums.py") + "\n" == project.FIXED


def test_what_tests_leave_lying_about_is_no_part_of_the_change(crew: Open, repository: Path) -> None:
    (repository / ".gitignore").write_text("")
    litter = Command(("sh", "-c", "mkdir -p tests/__pycache__ && touch tests/__pycache__/x.pyc .coverage"))
    report = crew([litter, FIX]).fix(order(repository))
    assert (report.status, report.why) == (Status.VERIFIED, "")
    assert report.files == ("sums.py",)


def test_a_name_that_is_taken_is_left_and_the_next_one_used(crew: Open, repository: Path) -> None:
    opened = crew([FIX])
    ticket = opened.file(order(repository))
    taken = f"nightcrew/{ticket.id}-{ticket.slug}"
    project.git(repository, "branch", taken)
    report = opened.work_next()
    assert report is not None
    assert report.branch == f"{taken}-2"
    assert project.git(repository, "rev-parse", taken) == project.git(repository, "rev-parse", "main")


def test_queued_tickets_are_worked_on_oldest_first_and_then_there_is_none(crew: Open, repository: Path) -> None:
    opened = crew([NoFix("one")], [NoFix("two")])
    first, second = opened.file(order(repository)), opened.file(order(repository))
    assert [report.status for report in opened.list()] == [Status.QUEUED, Status.QUEUED]
    done = [opened.work_next(), opened.work_next()]
    assert [report.ticket.id for report in done if report] == [first.id, second.id]
    assert opened.work_next() is None


def test_a_defect_ends_the_job_and_leaves_its_traceback_in_the_journal(crew: Open, repository: Path) -> None:
    opened = crew([ZeroDivisionError("by zero")])
    report = opened.fix(order(repository))
    assert report.status is Status.FAILED
    assert "ZeroDivisionError: by zero" in report.why
    (step,) = [step for step in opened.steps(report.ticket.id) if step.kind == "defect"]
    assert "Traceback" in str(step.intent["traceback"])


def test_ctrl_c_pauses_and_resume_goes_on_from_there(crew: Open, repository: Path) -> None:
    before = project.digest(repository)

    def interrupt(event: Event) -> None:
        if event.text == "write sums.py":
            raise KeyboardInterrupt

    opened = crew([Write("new.py", b"x = 1\n"), FIX], [FIX])
    report = opened.fix(order(repository), interrupt)
    assert (report.status, report.next) == (Status.PAUSED, f"nightcrew resume {report.ticket.id}")
    assert report.why.startswith("interrupted")
    assert exit_of_status(report.status) == 4
    again = opened.resume(report.ticket.id)
    assert (again.status, again.files) == (Status.VERIFIED, ("new.py", "sums.py"))
    assert project.digest(repository) == before


def test_a_job_nobody_works_on_is_stopped_at_once_and_can_be_resumed(crew: Open, repository: Path) -> None:
    opened = crew([FIX])
    ticket = opened.file(order(repository))
    assert opened.stop(ticket.id).status is Status.STOPPED
    assert opened.work_next() is None
    assert opened.resume(ticket.id).status is Status.VERIFIED
    with pytest.raises(WrongStatus, match="verified"):
        opened.resume(ticket.id)


def test_a_stop_ends_a_running_command(crew: Open, repository: Path) -> None:
    opened = crew([Command(("sleep", "60"))])

    def stop(event: Event) -> None:
        if (event.kind, event.text) == ("step", "run"):
            opened.stop(opened.list()[0].ticket.id)

    report = opened.fix(order(repository), stop)
    assert report.status is Status.STOPPED
    assert report.cost.seconds < 30


def test_applying_puts_the_change_into_the_working_tree_around_new_edits(crew: Open, repository: Path) -> None:
    opened = crew([FIX])
    report = opened.fix(order(repository))
    (repository / "sums.py").write_text(project.BUGGY + "\n\n\nmine = 1\n")
    index = (repository / ".git/index").read_bytes()
    assert opened.apply(report.ticket.id).files == ("sums.py",)
    assert (repository / "sums.py").read_text() == project.FIXED + "\n\n\nmine = 1\n"
    assert (repository / ".git/index").read_bytes() == index
    assert opened.show(report.ticket.id).status is Status.ACCEPTED


def test_applying_over_an_edit_of_the_same_line_is_refused(crew: Open, repository: Path) -> None:
    opened = crew([FIX])
    report = opened.fix(order(repository))
    (repository / "sums.py").write_text(project.BUGGY.replace("[1:]", "[2:]"))
    with pytest.raises(WouldOverwrite, match=r"sums\.py"):
        opened.apply(report.ticket.id)
    assert opened.show(report.ticket.id).status is Status.VERIFIED


def test_a_rejected_change_is_not_applied(crew: Open, repository: Path) -> None:
    opened = crew([FIX])
    report = opened.fix(order(repository))
    assert opened.reject(report.ticket.id, "not like this").why == "not like this"
    with pytest.raises(WrongStatus):
        opened.apply(report.ticket.id)


def test_a_branch_is_reviewed_without_any_agent(crew: Open, repository: Path) -> None:
    project.git(repository, "checkout", "--quiet", "-b", "theirs")
    (repository / "sums.py").write_text(project.FIXED)
    project.git(repository, "commit", "--quiet", "--all", "--message=fix")
    project.git(repository, "checkout", "--quiet", "main")
    (repository / "other.py").write_text("mine = 1\n")
    before = project.digest(repository)
    report = crew([]).review(repository, "theirs")
    assert (report.status, report.files) == (Status.VERIFIED, ("sums.py",))
    assert (report.branch, project.branches(repository)) == (None, [])
    assert project.digest(repository) == before


def test_what_somebody_can_repair_by_typing_something_else_is_raised(
    crew: Open, tmp_path: Path, repository: Path
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    opened = crew([FIX])
    with pytest.raises(ValueError, match="git"):
        opened.fix(order(plain))
    with pytest.raises(OrderRefused):
        opened.fix(order(repository, text=" "))
    with pytest.raises(OrderRefused):
        opened.fix(order(repository, agent="review:main"))
    with pytest.raises(OrderRefused, match="driver"):
        opened.fix(order(repository, driver="nfs"))
    with pytest.raises(LookupError):
        opened.review(repository, "no-such-ref")
    with pytest.raises(UnknownTicket):
        opened.show("nope")


def test_tickets_are_found_by_a_prefix_and_by_their_random_part(crew: Open, repository: Path) -> None:
    opened = crew([])
    ticket = opened.file(order(repository))
    assert opened.show(ticket.id[:-1]).ticket == opened.show(ticket.id.partition("-")[2]).ticket == ticket
    opened.file(order(repository))
    with pytest.raises(UnknownTicket, match="more than one"):
        opened.show(ticket.id[:3])


def test_a_change_that_may_not_leave_is_kept_in_the_depot(crew: Open, repository: Path) -> None:
    link = Command(("sh", "-c", "ln -s /etc/passwd outside"))
    report = crew([link, FIX]).fix(order(repository))
    assert report.status is Status.UNVERIFIED
    assert "outside" in report.why
    assert project.branches(repository) == []


def test_an_attempt_does_not_notice_what_the_user_does_meanwhile(crew: Open, repository: Path) -> None:
    head = project.git(repository, "rev-parse", "main")

    def go_on_working(event: Event) -> None:
        if (event.kind, event.text) == ("step", "write sums.py"):
            (repository / "sums.py").write_text("something else entirely\n")
            project.git(repository, "commit", "--quiet", "--all", "--amend", "--message=rewritten")
            project.git(repository, "checkout", "--quiet", "-b", "elsewhere")
            (repository / "tests/test_sums.py").unlink()
            project.git(repository, "reflog", "expire", "--expire=now", "--all")
            project.git(repository, "gc", "--quiet", "--prune=now")

    report = crew([FIX]).fix(order(repository), go_on_working)
    assert (report.status, report.files) == (Status.VERIFIED, ("sums.py",))
    assert project.git(repository, "rev-parse", f"{report.branch}^") == head
    assert (repository / "sums.py").read_text() == "something else entirely\n"
    assert project.git(repository, "fsck", "--connectivity-only") == ""


def test_deleting_a_file_is_a_change_too(crew: Open, repository: Path) -> None:
    (repository / "old.py").write_text("x = 1\n")
    report = crew([Delete("old.py"), FIX]).fix(order(repository))
    assert report.files == ("old.py", "sums.py")
    assert (repository / "old.py").exists()


def test_a_job_is_followed_until_nobody_has_it(crew: Open, repository: Path) -> None:
    made = crew([FIX])
    ticket = made.file(order(repository)).id
    told: list[str] = []
    report = made.follow(ticket, lambda event: told.append(event.text), wait=lambda _: made.work_next())
    assert (report.status, told[0], told[-1]) == (Status.VERIFIED, "pin", "commit")
    assert made.follow(ticket, lambda _: None).status is Status.VERIFIED


class Crowded(SqlStore):
    """A store in which the first ticket comes just after another with the same digits."""

    def add(self, ticket: Ticket, settings: Settings, status: Status = Status.QUEUED) -> Job:
        """Keep a ticket, and before the first one the other."""
        if not self.tickets():
            super().add(replace(ticket, slug="other"), settings, status)
        return super().add(ticket, settings, status)


def test_a_ticket_whose_digits_another_has_gets_others(repository: Path, tmp_path: Path) -> None:
    store = Crowded(f"sqlite:///{tmp_path}/store.db")
    with Crew(tmp_path / "state", project.settings(tmp_path / "state"), store=store) as crew:
        ids = [crew.file(order(repository)).id for _ in range(2)]
        assert len(set(ids)) == 2 and {ticket.id for ticket in store.tickets() if ticket.slug != "other"} == set(ids)
        assert len(store.tickets()) == 3
