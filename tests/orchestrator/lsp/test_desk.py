"""Tickets wait on the desk for the thread that works; whoever leaves ends it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.lsp.desk import Desk, Task, work
from orchestrator.records import JobReport, Order, Status, Ticket, Watch


def report(ticket: str, status: Status = Status.VERIFIED, why: str = "") -> JobReport:
    return JobReport(Ticket(ticket, "t", Order("t", Path("/")), 0.0), status, why, "", "repair")


def task(ticket: str) -> Task:
    return Task(ticket, lambda _: None)


def nobody() -> None:
    raise AssertionError("nobody is at work")


def test_tickets_are_worked_on_in_their_order_and_errors_end_one_only() -> None:
    interrupted, seen = threading.Event(), list[str]()
    desk = Desk(interrupted.set)

    def resume(ticket: str, watch: Watch) -> JobReport:
        del watch
        seen.append(ticket)
        if ticket == "b":
            raise OSError("no space")
        return report(ticket)

    tasks = [task(ticket) for ticket in "abc"]
    tasks[-1].ended.add_done_callback(lambda _: desk.leave())
    assert [desk.put(each) for each in tasks] == [0, 1, 2]
    with ThreadPoolExecutor(1) as threads:
        threads.submit(work, desk, resume, (OSError,)).result(60)
    assert seen == ["a", "b", "c"]
    assert tasks[0].ended.result().ticket.id == "a"
    with pytest.raises(OSError, match="no space"):
        tasks[1].ended.result()


def test_a_ticket_that_was_dropped_is_not_worked_on() -> None:
    desk = Desk(nobody)
    waiting = task("a")
    desk.put(waiting)
    assert desk.drop("a") and waiting.ended.cancelled()
    assert not desk.drop("a")
    desk.leave()
    work(desk, lambda ticket, _: report(ticket), ())


def test_leaving_in_the_middle_of_a_job_interrupts_it_and_ends_the_work() -> None:
    interrupted = threading.Event()
    desk = Desk(interrupted.set)
    tasks = [task("a"), task("b")]

    def resume(ticket: str, watch: Watch) -> JobReport:
        del watch
        desk.leave()
        assert interrupted.wait(60)
        return report(ticket, Status.PAUSED, "interrupted; its work is kept")

    for each in tasks:
        desk.put(each)
    work(desk, resume, ())
    assert tasks[0].ended.result().interrupted and not tasks[1].ended.done()


def test_ctrl_c_ends_the_work_of_who_has_not_left() -> None:
    desk = Desk(nobody)
    desk.put(task("a"))
    with pytest.raises(KeyboardInterrupt):
        work(desk, lambda ticket, _: report(ticket, Status.PAUSED, "interrupted; its work is kept"), ())
