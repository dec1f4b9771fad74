"""An issue at a forge becomes a verified branch and a pull request there, by the commands that a person types."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.command import Answer, nightcrew
from tests.e2e.library import git
from tests.e2e.project import TICKET, activated, make_project
from tests.e2e.serving import serving as running
from tests.e2e.traces import digest
from tests.orchestrator.forges import webhooks
from tests.orchestrator.forges.fake import TOKEN, FakeForge, serving
from tests.orchestrator.forges.fakeapi import github
from tests.roomy import ROOM


@dataclass(frozen=True, slots=True)
class Place:
    """A repository, a forge that has it, and a machine whose configuration knows both."""

    folder: Path
    repository: Path
    fake: FakeForge

    @property
    def environ(self) -> dict[str, str]:
        """Return what commands are started with."""
        secrets = {"TEAM_TOKEN": TOKEN, "TEAM_SECRET": webhooks.SECRET}
        return {**activated(), "XDG_CONFIG_HOME": str(self.folder / "config"), **secrets}

    def run(self, *words: str | Path) -> Answer:
        """Run a command."""
        return nightcrew(*words, state=self.folder / "state", environ=self.environ)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    repository = make_project(tmp_path / "repository")
    with serving(FakeForge(tmp_path / "forge", repository, github)) as fake:
        config = tmp_path / "config" / "nightcrew" / "config.toml"
        config.parent.mkdir(parents=True)
        config.write_text(
            f'[forges.team]\nkind = "github"\nurl = "{fake.url}"\napi = "{fake.url}/api"\ntoken_env = "TEAM_TOKEN"\n'
            f'secret_env = "TEAM_SECRET"\nallow = ["alice"]\nrepositories = {{ "team/sums" = {json.dumps(str(repository))} }}\n'
            + ROOM
        )
        yield Place(tmp_path, repository, fake)


def test_an_issue_becomes_a_pull_request(place: Place) -> None:
    place.fake.issue(5, TICKET.partition(":")[0], TICKET)
    before = digest(place.repository)
    address = f"{place.fake.url}/team/sums/issues/5"
    filed = place.run("file", "--from-issue", address)
    assert filed.status == 0, filed
    ticket = filed.document["ticket"]
    again = place.run("file", "--from-issue", address)
    assert (again.status, again.document["error"]["kind"]) == (2, "order-refused")
    assert ticket in again.document["error"]["message"]
    (job,) = place.run("work").document["jobs"]
    assert job["status"] == "verified", job
    published = place.run("publish", ticket)
    assert published.status == 0, published
    (pull,) = place.fake.pulls()
    assert place.fake.tip(pull.head) == job["commit"]
    shown = place.run("show", ticket).document["forge"]
    assert (shown["pull_request"], shown["thread"]) == (f"{place.fake.url}/team/sums/pull/{pull.number}", address)
    assert "waits for review" in place.fake.talks["#5"].comments[-1]["body"]
    # Somebody reviews that very pull request, with the same ladder.
    reviewed = place.run("review", shown["pull_request"])
    assert reviewed.status == 0, reviewed
    assert git(place.repository, "branch", "--format=%(refname:short)").split() == ["main", job["branch"]]
    kept = digest(place.repository)
    assert {name: kept[name] for name in before} == before


def posted(address: str, sent: webhooks.Sent) -> int:
    """Send a webhook to a server, and return the status it answers with."""
    headers, body = sent
    asked = urllib.request.Request(address, body, {**headers, "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_a_label_becomes_a_pull_request_while_the_server_runs(place: Place) -> None:
    talk = place.fake.issue(5)
    sent = webhooks.github("issues", webhooks.labeled())
    with running(place.folder / "state", environ=place.environ) as server:
        address = f"{server.address.rstrip('/')}/hooks/team"
        assert posted(address, (sent[0], sent[1] + b" ")) == 401
        assert posted(address.replace("team", "other"), sent) == 404
        assert posted(address, sent) == 202
        assert posted(address, sent) == 200
        place.fake.until(lambda: talk.reactions == [("", "eyes")])
        place.fake.until(lambda: bool(talk.comments))
    (pull,) = place.fake.pulls()
    assert place.fake.tip(pull.head)
    assert "waits for review" in talk.comments[0]["body"]
    (ticket,) = place.run("list").document["tickets"]
    assert (ticket["status"], ticket["branch"]) == ("verified", pull.head)


def test_what_cannot_be_pushed_is_left_and_shown(place: Place) -> None:
    place.fake.read_only = True
    done = place.run("fix", TICKET, "--repo", place.repository)
    assert done.status == 0, done
    ticket = done.document["ticket"]
    assert place.run("publish", ticket).status == 1
    shown = place.run("show", ticket).document["forge"]
    assert "may not write there" in shown["blocked"]
    assert sorted(path.suffix for path in Path(shown["left"]).iterdir()) == [".bundle", ".patch"]
    place.fake.read_only = False
    assert place.run("publish", ticket).document["forge"]["published"] is True


def test_the_doctor_says_whether_a_forge_answers(place: Place) -> None:
    checks = {check["name"]: check for check in place.run("doctor").document["checks"]}
    assert checks["forge team"]["works"], checks["forge team"]
    assert "nightcrew-bot" in checks["forge team"]["why"]
    place.fake.fail("GET", 401)
    checks = {check["name"]: check for check in place.run("doctor").document["checks"]}
    assert not checks["forge team"]["works"]


def test_an_address_that_no_forge_has_is_wrong_usage(place: Place) -> None:
    for words in (("file", "--from-issue"), ("review",)):
        answer = place.run(*words, "https://elsewhere.example/team/sums/pull/5")
        assert (answer.status, answer.document["error"]["kind"]) == (2, "unknown-forge")
