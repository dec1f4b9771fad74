"""Linear and Slack: signed and dated requests file tickets, answers go back once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from agents import NoFix
from orchestrator.configuration.config import MachineConfig, TrackerTable
from orchestrator.forges.errors import UnknownForge
from orchestrator.forges.wiring import Forges
from tests.orchestrator import project
from tests.orchestrator.crews import FIX, Open
from tests.orchestrator.forges.desk import ENVIRON, Clock, Desk
from tests.orchestrator.forges.webhooks import linear, slack

MENTION = {
    "type": "app_mention",
    "user": "U1",
    "text": "<@UBOT> total() forgets the first number",
    "ts": "1.5",
    "channel": "C1",
}
ISSUE = {"id": "11111111-1111-4111-8111-111111111111", "title": "total() is off", "description": "by one"}
ALICE = {"id": "u1", "name": "Alice", "email": "alice@example.org", "type": "user"}
LABELED = {
    "action": "update",
    "type": "Issue",
    "data": {**ISSUE, "labels": [{"id": "l1", "name": "nightcrew"}]},
    "updatedFrom": {"labelIds": []},
    "actor": ALICE,
}


class Service:
    """Answers as Slack and Linear do, and remembers what was posted."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        self.reactions: list[Any] = []
        self.url = ""

    def answer(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if path.endswith("/graphql"):
            return self._graphql(body)
        if path.endswith("conversations.replies"):
            return {"ok": True, "messages": self.posted}
        if path.endswith("chat.postMessage"):
            self.posted.append(dict(body))
        if path.endswith("reactions.add"):
            self.reactions.append(body["timestamp"])
        return {"ok": True, "user": "nightcrew"}

    def _graphql(self, body: Mapping[str, Any]) -> dict[str, Any]:
        given = body["variables"].get("input")
        if given is None:
            return {"data": {"viewer": {"name": "nightcrew"}}}
        kept = self.reactions if "emoji" in given else self.posted
        if any(each["id"] == given["id"] for each in kept):
            return {"errors": [{"message": "Entity already exists: duplicate id"}]}
        kept.append(given)
        return {"data": {"commentCreate": {"success": True}}}


@contextmanager
def serving(service: Service) -> Iterator[Service]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def _serve(self) -> None:
            given = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            said = json.dumps(service.answer(urlsplit(self.path).path, json.loads(given or b"{}"))).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = _serve

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def tracker(folder: Path, kind: str, **entry: Any) -> Iterator[tuple[Desk, Service]]:
    repository, state, clock = project.make(folder), folder / "state", Clock()
    with serving(Service()) as service:
        given = {
            "api": service.url,
            "token_env": "FORGE_TOKEN",
            "secret_env": "FORGE_SECRET",
            "repository": str(repository),
        }
        machine = MachineConfig(trackers={"hub": TrackerTable.model_validate({"kind": kind, **given, **entry})})
        settings = project.settings(state, agent="command:true")
        with Forges(state, machine, lambda _: settings, ENVIRON, folder, clock=clock) as forges:
            no_forge: Any = None
            yield Desk(no_forge, forges, clock, repository, state), service


def test_a_mention_in_slack_files_a_ticket_and_its_end_is_told_once_in_the_thread(tmp_path: Path, crew: Open) -> None:
    with tracker(tmp_path, "slack", allow=("U1",)) as (at, service):
        assert at.receive(slack({**MENTION, "user": "U2"})).status == 200
        assert at.receive(slack({**MENTION, "bot_id": "B1"})).status == 200
        assert at.receive(slack({**MENTION, "type": "message"})).status == 200
        assert at.receive(slack(MENTION)).status == 202
        assert at.receive(slack({**MENTION, "text": "<@UBOT> again", "thread_ts": "1.5", "ts": "1.6"})).status == 202
        at.settle()
        (report,) = at.tickets()
        assert report.ticket.order.text == "total() forgets the first number"
        assert service.reactions == ["1.5", "1.6"]
        crew([FIX]).work_next()
        at.settle()
        at.settle()
        (answer,) = service.posted
        assert (answer["channel"], answer["thread_ts"]) == ("C1", "1.5")
        assert "A change is verified" in answer["text"]


def test_slack_is_answered_its_challenge_and_what_is_old_is_refused(tmp_path: Path) -> None:
    with tracker(tmp_path, "slack", allow=("U1",)) as (at, _):
        receipt = at.receive(slack({}, type="url_verification", challenge="abc"))
        assert (receipt.status, receipt.answer) == (200, "abc")
        assert at.receive(slack(MENTION, at=time.time() - 600)).status == 401
        assert at.receive(slack(MENTION, at=time.time() + 600)).status == 401
        headers, body = slack(MENTION)
        assert at.receive(({**headers, "X-Slack-Request-Timestamp": str(int(time.time()) + 1)}, body)).status == 401


def test_a_label_in_linear_files_a_ticket_and_its_end_is_told_once(tmp_path: Path, crew: Open) -> None:
    with tracker(tmp_path, "linear", allow=("alice@example.org",)) as (at, service):
        assert at.receive(linear({**LABELED, "updatedFrom": {"title": "x"}})).status == 200
        assert at.receive(linear({**LABELED, "actor": {**ALICE, "type": "integration"}})).status == 200
        assert at.receive(linear({**LABELED, "actor": {**ALICE, "email": "eve@example.org"}})).status == 200
        assert at.receive(linear(LABELED, at=time.time() - 120)).status == 401
        assert at.receive(linear(LABELED)).status == 202
        said = {"id": "c1", "body": "@nightcrew too", "issue": {"id": ISSUE["id"]}}
        assert at.receive(linear({"action": "create", "type": "Comment", "data": said, "actor": ALICE})).status == 202
        at.settle()
        (report,) = at.tickets()
        assert report.ticket.order.text == "total() is off\n\nby one"
        crew([NoFix("nothing fits", "")]).work_next()
        at.settle()
        at.settle()
        (answer,) = service.posted
        assert answer["issueId"] == ISSUE["id"]
        assert "No fix was found" in answer["body"]
        assert len(service.reactions) == 2
        # The same comment has the same id, so a repetition is refused there, and that is fine.
        tracker_of = at.forges.office.tracker("hub")
        row = at.forges.store.thread_of(report.ticket.id)
        assert row is not None
        tracker_of.tell(row.thread, "x", "a mark", 0.0)
        tracker_of.tell(row.thread, "x", "a mark", 0.0)
        assert len(service.posted) == 2


@pytest.mark.parametrize("kind", ["linear", "slack"])
def test_a_tracker_says_as_whom_it_knows_us(tmp_path: Path, kind: str) -> None:
    with tracker(tmp_path, kind) as (at, _):
        assert at.forges.office.tracker("hub").look() == "nightcrew"


def test_a_tracker_has_no_branches(tmp_path: Path) -> None:
    with tracker(tmp_path, "slack") as (at, _), pytest.raises(UnknownForge, match="no branches"):
        at.forges.office.forge("hub")
