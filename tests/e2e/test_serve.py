"""`nightcrew serve` as a process: it works on what is filed, survives being killed, ends cleanly, and keeps others out."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.e2e.command import NIGHTCREW, clean_environment, nightcrew
from tests.e2e.project import FAILING, TICKET, activated, make_project
from tests.e2e.serving import Server, serving

SLOW = "command:sh -c 'echo begun; sleep 600'"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_project(tmp_path / "repository")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def key(state: Path) -> str:
    nightcrew("users", "add", "ann", "--role", "administer", state=state)
    return str(nightcrew("users", "key", "ann", state=state).document["key"])


def ask(server: Server, key: str, path: str, body: object = None) -> dict[str, Any]:
    """Ask the API, and return its document, of a problem too."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    try:
        with urlopen(Request(server.address + path, data, headers), timeout=120) as answer:
            return dict(json.load(answer))
    except HTTPError as error:
        with error:
            return dict(json.load(error))


def events(server: Server, key: str) -> Generator[tuple[str, dict[str, Any]], None, None]:
    """Yield what the server tells."""
    headers = {"authorization": f"Bearer {key}"}
    with urlopen(Request(f"{server.address}/api/events", headers=headers), timeout=120) as stream:
        kind, until = "", time.monotonic() + 300
        for line in stream:
            # It says now and then that it is there, whatever happens.
            assert time.monotonic() < until, "nothing of what was waited for was told"
            word, _, rest = line.decode().rstrip("\r\n").partition(": ")
            if word == "event":
                kind = rest
            elif word == "data":
                yield kind, json.loads(rest)


def filed(server: Server, key: str, repository: Path, **more: object) -> str:
    body = {"text": TICKET, "repository": str(repository), "failing": [FAILING], **more}
    document = ask(server, key, "/api/tickets", body)
    assert document.get("status") == "queued", document
    return str(document["ticket"])


def test_a_ticket_is_worked_on_and_its_steps_are_told(repository: Path, state: Path, key: str) -> None:
    with serving(state, environ=activated()) as server:
        told = events(server, key)
        ticket = filed(server, key, repository)
        kinds = set()
        for kind, data in told:
            assert data["ticket"] == ticket
            kinds.add(kind)
            if kind == "step" and data["text"].startswith("verified"):
                break
        assert kinds == {"step", "changed"}
        told.close()
        assert ask(server, key, f"/api/tickets/{ticket}")["status"] == "verified"
        assert [each["what"] for each in ask(server, key, "/api/audit")["entries"]] == ["file"]


def test_ctrl_c_queues_the_job_again_with_its_work_kept(repository: Path, state: Path, key: str) -> None:
    with serving(state, environ=activated()) as server:
        told = events(server, key)
        ticket = filed(server, key, repository, agent=SLOW)
        next(data for kind, data in told if kind == "step" and "attempt 1" in data["text"])
        assert server.end() == 0
        told.close()
    shown = nightcrew("show", ticket, state=state).document
    assert shown["status"] == "queued", shown
    assert nightcrew("stop", ticket, state=state).document["status"] == "stopped"


def test_a_killed_server_loses_no_ticket(repository: Path, state: Path, key: str) -> None:
    with serving(state, environ=activated()) as server:
        told = events(server, key)
        ticket = filed(server, key, repository, agent=SLOW)
        next(data for kind, data in told if kind == "step" and "attempt 1" in data["text"])
        told.close()
        server.process.kill()
        server.process.wait(30)
    assert nightcrew("show", ticket, state=state).document["status"] == "queued"
    with serving(state, "--no-work") as server:
        board = ask(server, key, "/api/tickets")
        assert [(row["ticket"], row["status"]) for row in board["tickets"]] == [(ticket, "queued")]


def test_a_port_that_is_taken_is_told_with_what_to_do(state: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words: list[str | Path] = [NIGHTCREW, "serve", "--port", port, "--state", state]
        done = subprocess.run(words, capture_output=True, text=True, env=clean_environment(), check=False, timeout=60)
    assert done.returncode == 2
    assert f"127.0.0.1:{port} cannot be listened at" in done.stderr and "--port 0" in done.stderr


def test_a_new_link_is_printed_for_who_can_read_the_state(state: Path) -> None:
    with serving(state, "--no-work") as server:
        words: list[str | Path] = [NIGHTCREW, "serve", "--link", "--state", state]
        link = subprocess.run(words, capture_output=True, text=True, env=clean_environment(), check=True).stdout.strip()
        assert link.startswith(f"{server.address}/enter?token=")
        for once, status in ((server.link, 401), (link, 200)):
            try:
                with urlopen(once) as answer:
                    seen = answer.status
            except HTTPError as error:
                with error:
                    seen = error.code
            # A link that lets in leads to the board, which asks for the cookie that this program does not keep.
            assert (seen, once) in ((status, once), (401, link))
        assert (state / "serve/link").stat().st_mode & 0o077 == 0


def test_a_server_that_listens_everywhere_names_this_machine_and_ends_by_sigterm(state: Path, key: str) -> None:
    with serving(state, "--no-work", "--host", "0.0.0.0") as server:
        assert server.address.startswith("http://127.0.0.1:")
        assert ask(server, key, "/api/tickets")["tickets"] == []
        assert server.end(signal.SIGTERM) == 0


def test_headers_without_end_are_not_taken(state: Path) -> None:
    with serving(state, "--no-work") as server:
        host, _, port = server.address.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), 10) as strange:
            strange.sendall(b"GET / HTTP/1.1\r\n")
            with pytest.raises(ConnectionError):
                for number in range(1_000):
                    strange.sendall(b"x%d: %s\r\n" % (number, b"a" * 60_000))
