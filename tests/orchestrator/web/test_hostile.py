"""What people with a key, without one, or with two windows open could do to others, and cannot."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from agents import Write
from orchestrator.errors import OrderRefused, Superseded, WouldOverwrite, WrongStatus
from orchestrator.reading.hunks import hunks_of
from orchestrator.records import Status
from orchestrator.reviewing import Selection
from orchestrator.web.highlight import highlighted
from orchestrator.web.people import Role
from orchestrator.web.sessions import COOKIE
from tests.orchestrator import project
from tests.orchestrator.crews import FIX, Open, order
from tests.orchestrator.reviewing.test_desk import NOTES, hunk
from tests.orchestrator.web.conftest import ADDRESS, Serve, Served
from tests.orchestrator.web.test_pages import form_of
from tests.orchestrator.working.test_answering import ASK


@pytest.mark.parametrize(
    "command",
    ["/home/ann/.ssh/bin/python -m pytest", "../../.ssh/bin/python", "pytest --rootdir=/home/ann", "pytest '"],
)
def test_a_test_command_names_nothing_outside_of_the_repository(served: Served, repository: Path, command: str) -> None:
    client = served.as_("ann", Role.FILE)
    for path, body in (("tickets", {"text": "x"}), ("reviews", {"ref": "main"})):
        asked = {**body, "repository": str(repository), "test_command": command}
        answer = client.post(f"/api/{path}", json=asked)
        assert (answer.status_code, answer.json()["kind"]) == (422, "order-refused")


def test_dollars_are_the_owners_to_give(served: Served, repository: Path) -> None:
    settings = replace(project.settings(repository), usd=1.0)
    site = replace(served.site, settings_of=lambda *_: settings)
    served.client().app.state.site = site  # type: ignore[attr-defined]
    client = served.as_("ann", Role.FILE)
    filed = client.post("/api/tickets", json={"text": "it breaks", "repository": str(repository), "usd": 5e5})
    ticket = filed.json()["ticket"]
    assert client.get("/api/tickets").json()["tickets"][0]["budget"]["usd"] == 1.0
    assert client.post(f"/api/tickets/{ticket}/resume", json={"usd": 5e5}).status_code == 403


def test_the_audit_log_is_read_whatever_is_written_into_it(served: Served) -> None:
    served.site.audit.write("ann", "reject", None, {"reason": "x" * 10_000, "hunks": 3})
    (entry,) = served.as_("eve", Role.ADMINISTER).get("/api/audit").json()["entries"]
    assert (len(entry["detail"]["reason"]), entry["detail"]["hunks"]) == (501, 3)


def test_nobody_who_is_not_known_has_anything_read(served: Served) -> None:
    def endless() -> object:
        raise AssertionError("it was read")
        yield b""

    answer = served.client().post("/api/tickets", content=endless(), headers={"content-length": "10"})  # type: ignore[arg-type]
    assert answer.status_code == 401


def test_no_other_site_signs_anybody_in_or_out(served: Served) -> None:
    served.site.people.add("mallory", Role.FILE)
    key = served.site.people.make_key("mallory", "")
    for path, body in (("/enter", {"token": key}), ("/leave", {})):
        answer = served.client().post(path, data=body, headers={"origin": "https://evil.example"})
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    assert served.client().get(f"/enter?token={key}").status_code == 401


def test_sessions_end_with_keys_and_with_people(served: Served) -> None:
    people = served.site.people
    people.add("ann", Role.REVIEW)
    browser = served.client(headers={"origin": ADDRESS})
    browser.post("/enter", data={"token": people.make_key("ann", "")})
    cookie = browser.cookies[COOKIE]
    assert served.site.sessions.person(cookie) is not None
    people.end_keys("ann")
    assert served.site.sessions.person(cookie) is None
    again = served.site.sessions.enter_by_key(people.make_key("ann", "")) or ""
    assert served.site.sessions.person(again) is not None
    people.remove("ann")
    people.add("ann", Role.ADMINISTER)
    assert served.site.sessions.person(again) is None


@pytest.mark.parametrize("path", ["a.py", "a.feature", "a.ahk", "a.c", "a.md"])
def test_no_file_takes_the_square_of_its_length_to_show(path: str) -> None:
    lines = [" "] * 20_000
    assert highlighted(path, lines) == lines
    assert len(highlighted(path, [" x" * 500] * 200)) == 200


def test_a_blank_line_stays_and_what_is_no_text_is_not_edited(serve: Serve, crew: Open, repository: Path) -> None:
    blank = Write("new.py", b"def a():\n    pass\n\n\n")
    latin = Write("latin.py", 'name = "é"\n'.encode("latin-1"))
    made = crew([FIX, blank, latin])
    ticket = made.fix(order(repository)).ticket.id
    browser = serve(made).browser()
    page = browser.get(f"/tickets/{ticket}/review").text
    edits = dict(re.findall(r'<textarea id="e-([0-9a-f]+)"[^>]*>\n(.*?)</textarea>', page, re.S))
    paths = {each.id: each.path for each in hunks_of(made.change(ticket))[0]}
    assert sorted(paths[id] for id in edits) == ["new.py", "sums.py"]
    (id,) = (id for id in edits if paths[id] == "new.py")
    assert edits[id] == "def a():\n    pass\n\n\n"
    kept = re.findall(r'name="hunk" value="([0-9a-f]+)"', page)
    tree = made.show(ticket).attempts[0].tree or ""
    typed = edits[id].replace("pass", "return 1").replace("\n", "\r\n")
    browser.post(
        f"/tickets/{ticket}/part",
        data={"form": form_of(page), "tree": tree, "hunk": kept, "edited": [id], "edit": [typed]},
    )
    made.work_next()
    assert made.change(ticket).after("new.py") == b"def a():\n    return 1\n\n\n"


def test_names_that_are_no_unicode_are_shown_and_decided_about(serve: Serve, crew: Open, repository: Path) -> None:
    name, turned = os.fsdecode(b"caf\xe9.py"), "a\u202eyp.bin"
    made = crew([FIX, Write(name, b"x = 1\n"), Write(turned, b"\0")])
    ticket = made.fix(order(repository)).ticket.id
    served = serve(made)
    browser, client = served.browser(), served.as_("ann", Role.REVIEW)
    page = browser.get(f"/tickets/{ticket}/review")
    assert page.status_code == browser.get("/").status_code == 200
    for path in ("", "/reading", "/remarks", "/steps"):
        assert client.get(f"/api/tickets/{ticket}{path}").status_code == 200, path
    tree = made.show(ticket).attempts[0].tree or ""
    (file,) = re.findall(r'name="file" value="([^"]+)"', page.text)
    answer = browser.post(f"/tickets/{ticket}/part", data={"form": form_of(page.text), "tree": tree, "file": [file]})
    assert answer.status_code == 200
    assert set(made.show(ticket).attempts) and made.show(ticket).status is Status.QUEUED


def test_a_repository_that_is_gone_leaves_the_review(serve: Serve, crew: Open, repository: Path) -> None:
    made = crew([FIX])
    ticket = made.fix(order(repository)).ticket.id
    repository.rename(repository.with_name("moved"))
    assert serve(made).browser().get(f"/tickets/{ticket}/review").status_code == 200


def test_two_decide_and_one_of_them_is_told(crew: Open, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = crew([FIX, NOTES])
    report = made.fix(order(repository))
    id = report.ticket.id
    from orchestrator.reviewing import desk

    def meanwhile(*_: object) -> tuple[str, ...]:
        made.desk.reject(id, "bob", "no")
        return ("sums.py",)

    def in_the_way(*_: object) -> tuple[str, ...]:
        raise WouldOverwrite("in the way")

    monkeypatch.setattr(desk, "apply", in_the_way)
    with pytest.raises(WouldOverwrite):
        made.desk.apply(id, "ann")
    assert made.show(id).status is Status.VERIFIED
    monkeypatch.setattr(desk, "apply", meanwhile)
    with pytest.raises(WrongStatus, match="rejected meanwhile"):
        made.desk.apply(id, "ann")
    assert made.show(id).status is Status.REJECTED


def test_what_is_decided_is_what_was_seen_whatever_comes_in_between(crew: Open, repository: Path) -> None:
    made = crew([FIX, NOTES])
    report = made.fix(order(repository))
    id, job = report.ticket.id, made._look.job(report.ticket.id)
    made.desk.take(id, Selection(hunk(made, report, "sums.py")), "bob")
    made.work_next()
    with pytest.raises(WrongStatus):
        made.desk._mark(job, Status.ACCEPTED, "", "accepted")
    assert made.show(id).status is Status.VERIFIED


def test_a_review_has_no_parts_and_what_is_on_no_branch_is_not_accepted_there(crew: Open, repository: Path) -> None:
    made = crew([FIX])
    project.git(repository, "branch", "theirs")
    unbranched = made.fix(order(repository, branch=False))
    with pytest.raises(OrderRefused, match="has no branch"):
        made.desk.accept(unbranched.ticket.id, "ann")
    (repository / "sums.py").write_text(project.FIXED)
    project.git(repository, "commit", "--quiet", "--all", "--message=theirs")
    project.git(repository, "branch", "--force", "theirs")
    project.git(repository, "reset", "--quiet", "--hard", "HEAD~1")
    reviewed = crew([]).review(repository, "theirs")
    with pytest.raises(OrderRefused, match="review of somebody's branch"):
        made.desk.take(reviewed.ticket.id, Selection(), "ann")


def test_an_answer_is_to_the_question_that_was_seen(serve: Serve, crew: Open, repository: Path) -> None:
    made = crew([ASK])
    ticket = made.fix(order(repository)).ticket.id
    client = serve(made).as_("ann", Role.REVIEW)
    question = client.get(f"/api/tickets/{ticket}").json()["question"]
    with pytest.raises(Superseded):
        made.reply(ticket, 1, question="9.9")
    answer = client.post(f"/api/tickets/{ticket}/answer", json={"option": 1, "question": question["id"]})
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
