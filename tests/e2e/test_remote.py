"""The command line asks a server on another machine: the same commands, the same documents, the work done there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.command import Answer, nightcrew
from tests.e2e.project import FAILING, SOURCE, TICKET, activated, make_project
from tests.e2e.serving import Server, serving

FIXES = "command:sed -i 's/range(1, /range(0, /' shop/total.py"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_project(tmp_path / "repository")


@pytest.fixture
def server(tmp_path: Path, repository: Path) -> Iterator[Server]:  # noqa: ARG001 - it is made first
    with serving(tmp_path / "state", environ=activated()) as made:
        yield made


@pytest.fixture
def key(tmp_path: Path) -> str:
    nightcrew("users", "add", "ann", "--role", "review", state=tmp_path / "state")
    return str(nightcrew("users", "key", "ann", state=tmp_path / "state").document["key"])


def there(server: Server, key: str, tmp_path: Path, *words: str | Path) -> Answer:
    """Run a command here that asks the server; this machine's own state stays empty."""
    environ = {**activated(), "NIGHTCREW_KEY": key}
    answer = nightcrew("--server", server.address, *words, state=tmp_path / "own", environ=environ)
    assert not (tmp_path / "own").exists()
    return answer


def test_a_ticket_is_fixed_shown_and_applied_there(server: Server, key: str, repository: Path, tmp_path: Path) -> None:
    words = ("fix", TICKET, "--repo", repository, "--failing", FAILING, "--agent", FIXES)
    fixed = there(server, key, tmp_path, *words)
    assert (fixed.status, fixed.document["status"], fixed.document["files"]) == (0, "verified", ["shop/total.py"])
    ticket = fixed.document["ticket"]
    local = nightcrew("show", ticket, state=tmp_path / "state").document
    assert there(server, key, tmp_path, "show", ticket).document == local
    for command in ("logs", "diff"):
        assert (
            there(server, key, tmp_path, command, ticket).document
            == nightcrew(command, ticket, state=tmp_path / "state").document
        )
    by_cause = there(server, key, tmp_path, "diff", ticket, "--by-cause").document
    assert by_cause == nightcrew("diff", ticket, "--by-cause", state=tmp_path / "state").document
    (row,) = there(server, key, tmp_path, "list").document["tickets"]
    assert row == nightcrew("list", state=tmp_path / "state").document["tickets"][0]
    assert there(server, key, tmp_path, "cost").document == nightcrew("cost", state=tmp_path / "state").document
    sent = there(server, key, tmp_path, "comment", ticket, "--text", "say why", "--at", "shop/total.py:7")
    assert sent.document["status"] == "queued"
    watched = there(server, key, tmp_path, "watch", ticket)
    assert (watched.status, watched.document["attempts"]) == (0, 2)
    assert there(server, key, tmp_path, "apply", ticket).document["files"] == ["shop/total.py"]
    assert (repository / "shop/total.py").read_text() != SOURCE


def test_what_a_server_refuses_is_told_as_it_says_it(
    server: Server, key: str, repository: Path, tmp_path: Path
) -> None:
    unknown = there(server, key, tmp_path, "show", "nope")
    assert unknown.status == 1
    assert "there is no ticket 'nope'" in unknown.document["error"]["message"]
    refused = there(server, key, tmp_path, "file", TICKET, "--repo", repository, "--agent", "rm -rf")
    assert (refused.status, refused.document["error"]["kind"]) == (2, "order-refused")
    local = there(server, key, tmp_path, "file", TICKET, "--repo", repository, "--sandbox", "none")
    assert "--sandbox is for the machine where the work is done" in local.document["error"]["message"]
    mine = there(server, key, tmp_path, "replay", "nope")
    assert "leave out --server" in mine.document["error"]["message"]
    stranger = there(server, "nck_wrong", tmp_path, "list")
    assert "nobody is known by what came along" in stranger.document["error"]["message"]
    nobody = there(server, "", tmp_path, "list")
    assert "NIGHTCREW_KEY" in nobody.document["error"]["message"]


def test_a_server_that_is_not_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    environ = {"NIGHTCREW_KEY": "nck_x"}
    for address, said in (("http://127.0.0.1:9", "does not answer"), ("ftp://x", "name an address")):
        answer = nightcrew("--server", address, "list", state=tmp_path, environ=environ)
        assert answer.status != 0
        assert said in answer.document["error"]["message"]


def test_a_job_at_work_is_told_something_from_elsewhere(
    server: Server, key: str, repository: Path, tmp_path: Path
) -> None:
    agent = (
        f"command:if grep -q 'from zero' $NIGHTCREW_TICKET; then {FIXES.removeprefix('command:')}; else sleep 300; fi"
    )
    words = ("file", TICKET, "--repo", repository, "--failing", FAILING, "--agent", agent)
    ticket = there(server, key, tmp_path, *words).document["ticket"]
    while not any(each["kind"] == "run" for each in there(server, key, tmp_path, "logs", ticket).document["steps"]):
        pass
    kept = there(server, key, tmp_path, "message", ticket, "--text", "count from zero")
    assert (kept.status, kept.document["message"]["who"]) == (0, "ann")
    watched = there(server, key, tmp_path, "watch", ticket)
    assert (watched.status, watched.document["status"], watched.document["attempts"]) == (0, "verified", 2)
    assert [each["state"] for each in watched.document["tries"]] == ["interrupted", "proposed"]
