"""The API: everything that the command line does, with the same documents, for those who may."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from orchestrator.reading.hunks import hunks_of
from orchestrator.store.sql.schema import transaction
from orchestrator.web.people import Role
from tests.orchestrator import project
from tests.orchestrator.crews import FIX, Open, order
from tests.orchestrator.reviewing.test_desk import BETTER, NOTES
from tests.orchestrator.web.conftest import Serve, Served

JUNIT = f"""<testsuite><testcase classname="tests.test_sums.Sums" name="test_all_numbers_count">
<failure message="1 == 3">{"x" * 10}</failure></testcase></testsuite>"""


def test_a_ticket_is_filed_worked_on_and_accepted(serve: Serve, crew: Open, repository: Path) -> None:
    served = serve(crew([FIX]))
    client = served.as_("ann", Role.REVIEW)
    body = {"text": "total() forgets the first number", "repository": str(repository), "failing": [project.FAILING]}
    filed = client.post("/api/tickets", json=body)
    assert (filed.status_code, filed.json()["status"]) == (201, "queued")
    ticket = filed.json()["ticket"]
    assert served.crew.work_next() is not None
    shown = client.get(f"/api/tickets/{ticket}").json()
    assert (shown["status"], shown["files"], shown["tries"][0]["agent"]) == ("verified", ["sums.py"], "command:true")
    board = client.get("/api/tickets", params={"status": "verified"}).json()
    assert [(row["ticket"], row["user"], row["branch"]) for row in board["tickets"]] == [
        (ticket, "ann", shown["branch"])
    ]
    assert client.get(f"/api/tickets/{ticket}/diff").content == served.crew.diff(ticket)
    assert client.get(f"/api/tickets/{ticket}/reading").json()["reading"]["groups"]
    assert client.get(f"/api/tickets/{ticket}/steps").json()["steps"][0]["kind"] == "pin"
    applied = client.post(f"/api/tickets/{ticket}/apply", json={"tree": shown["verdict"]["tree"]})
    assert applied.json() == {"ticket": ticket, "status": "accepted", "files": ["sums.py"]}
    assert (repository / "sums.py").read_text() == project.FIXED
    assert client.get("/api/marks").json() == {"marks": []}
    assert [each["what"] for each in served.as_("eve", Role.ADMINISTER).get("/api/audit").json()["entries"]] == [
        "apply",
        "file",
    ]


def test_a_part_and_a_comment_are_new_versions(serve: Serve, crew: Open, repository: Path) -> None:
    made = crew([FIX, NOTES], [BETTER])
    served = serve(made)
    ticket = made.fix(order(repository)).ticket.id
    client = served.as_("ann", Role.REVIEW)
    kept = [each.id for each in hunks_of(made.change(ticket))[0] if each.path == "sums.py"]
    assert client.post(f"/api/tickets/{ticket}/part", json={"hunks": kept}).json()["status"] == "queued"
    assert client.post(f"/api/tickets/{ticket}/accept", json={}).status_code == 409
    made.work_next()
    body = {"remarks": [{"text": "say why", "path": "sums.py", "line": 2}], "agent": "command:true"}
    assert client.post(f"/api/tickets/{ticket}/comment", json=body).json()["why"] == "sent back to work by ann"
    made.work_next()
    between = client.get(f"/api/tickets/{ticket}/between", params={"old": 2, "new": 3}).json()
    assert [each["path"] for group in between["reading"]["groups"] for each in group["hunks"]] == ["sums.py"]
    said = client.get(f"/api/tickets/{ticket}/remarks").json()
    assert [each["what"] for each in said["decisions"]] == ["part", "comment"]
    assert said["remarks"][0]["text"] == "say why"
    rejected = client.post(f"/api/tickets/{ticket}/reject", json={"reason": "no"})
    assert (rejected.json()["status"], rejected.json()["why"]) == ("rejected", "no")
    assert client.get("/api/signals").text.count("\n") == 3


def test_a_red_build_becomes_a_ticket(served: Served, repository: Path) -> None:
    client = served.as_("bot", Role.FILE)
    files = {"build": ("junit.xml", JUNIT.encode())}
    filed = client.post("/api/tickets/from-build", data={"repository": str(repository), "text": "nightly"}, files=files)
    assert filed.status_code == 201, filed.text
    assert served.crew.show(filed.json()["ticket"]).ticket.order.text.startswith("nightly\n\n1 thing fails in CI")
    bad = client.post("/api/tickets/from-build", data={"repository": str(repository)}, files={"build": ("x", b" ")})
    assert (bad.status_code, bad.json()["kind"]) == (422, "unreadable-build")


def test_jobs_are_stopped_extended_and_answered(serve: Serve, crew: Open, repository: Path) -> None:
    made = crew([])
    client = serve(made).as_("ann", Role.FILE)
    ticket = made.file(order(repository, user="ann")).id
    assert client.post(f"/api/tickets/{ticket}/stop").json()["status"] == "stopped"
    resumed = client.post(f"/api/tickets/{ticket}/resume", json={"seconds": 60, "tokens": 5})
    assert resumed.json()["status"] == "queued"
    assert client.get("/api/tickets").json()["tickets"][0]["budget"]["seconds"] == 360.0
    asked = client.post(f"/api/tickets/{ticket}/answer", json={"text": "yes"})
    assert (asked.status_code, asked.json()["kind"]) == (409, "wrong-status")
    for wrong in ({}, {"text": "a", "option": 1}):
        assert client.post(f"/api/tickets/{ticket}/answer", json=wrong).json()["kind"] == "no-answer"
    assert client.get("/api/cost").json()["usd"] == 0.0


def test_a_branch_is_reviewed_by_a_worker(serve: Serve, crew: Open, repository: Path) -> None:
    made = crew([])
    client = serve(made).as_("ann", Role.FILE)
    project.git(repository, "branch", "theirs")
    queued = client.post("/api/reviews", json={"repository": str(repository), "ref": "theirs"})
    assert queued.status_code == 201
    report = made.work_next()
    assert report is not None and report.agent == "review:theirs"


@pytest.mark.parametrize(
    ("method", "path", "role", "status"),
    [
        ("POST", "/api/tickets/{}/apply", Role.FILE, 403),
        ("POST", "/api/tickets/{}/stop", Role.FILE, 403),
        ("GET", "/api/audit", Role.REVIEW, 403),
        ("GET", "/api/tickets/{}", Role.FILE, 200),
    ],
)
def test_roles_bound_what_somebody_may_do(
    served: Served, repository: Path, method: str, path: str, role: Role, status: int
) -> None:
    ticket = served.crew.file(order(repository, user="somebody else")).id
    client = served.as_("ann", role)
    assert client.request(method, path.format(ticket), json={} if method == "POST" else None).status_code == status


def test_who_is_not_known_is_told_how_to_be(served: Served) -> None:
    for headers in (
        {},
        {"authorization": "Bearer nck_wrong"},
        {"authorization": "Basic eDp5"},
        {"cookie": "nightcrew=x.y.z"},
    ):
        answer = served.client(headers=headers).get("/api/tickets")
        assert (answer.status_code, answer.json()["kind"]) == (401, "who-are-you")
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"repository": "/nowhere", "text": "x"}, "unknown-repository"),
        ({"repository": "relative", "text": "x"}, "unknown-repository"),
        ({"repository": "/\0", "text": "x"}, "unknown-repository"),
        ({"text": "x"}, "invalid"),
        ({"repository": "REPO", "text": "  "}, "order-refused"),
        ({"repository": "REPO", "text": "x", "agent": "rm -rf"}, "order-refused"),
        ({"repository": "REPO", "text": "x", "sandbox": "none"}, "invalid"),
        ({"repository": "REPO", "text": "x", "seconds": 1e400}, "invalid"),
    ],
)
def test_what_cannot_be_filed_is_refused_with_a_reason(
    served: Served, repository: Path, body: dict[str, object], kind: str
) -> None:
    body = {name: str(repository) if value == "REPO" else value for name, value in body.items()}
    client = served.as_("ann", Role.FILE)
    if body.get("seconds"):
        answer = client.post("/api/tickets", content='{"repository":"/x","text":"x","seconds":1e400}')
    else:
        answer = client.post("/api/tickets", json=body)
    assert (answer.status_code, answer.json()["kind"]) == (422, kind)
    assert served.crew.list() == ()


def test_a_server_for_some_repositories_takes_no_others(
    serve: Serve, crew: Open, repository: Path, tmp_path: Path
) -> None:
    from dataclasses import replace

    served = serve(crew([]))
    site = replace(served.site, repositories=(tmp_path / "another",))
    served.client().app.state.site = site  # type: ignore[attr-defined]
    answer = served.as_("ann", Role.FILE).post("/api/tickets", json={"repository": str(repository), "text": "x"})
    assert "takes no tickets for" in answer.json()["detail"]


def test_an_answer_is_remembered_until_somebody_writes(served: Served, repository: Path) -> None:
    client = served.as_("ann", Role.FILE)
    assert client.get("/api/tickets").json()["total"] == client.get("/api/tickets").json()["total"] == 0
    served.crew.file(order(repository))
    assert client.get("/api/tickets").json()["total"] == 1


def test_no_ticket_is_filed_that_the_log_does_not_tell_of(serve: Serve, crew: Open, repository: Path) -> None:
    served = serve(crew([FIX]))
    client = served.as_("ann", Role.FILE)
    body = {"text": "total() forgets the first number", "repository": str(repository)}

    def rename(table: str, to: str) -> None:
        with transaction(served.crew.database) as connection:
            connection.execute(text(f"ALTER TABLE {table} RENAME TO {to}"))

    rename("audit", "away")
    assert client.post("/api/tickets", json=body).status_code == 503
    assert served.crew.list() == ()
    rename("away", "audit")
    assert client.post("/api/tickets", json=body).status_code == 201
    assert [each.what for each in served.site.audit.latest()] == ["file"]
