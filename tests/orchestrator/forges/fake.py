"""A fake forge over real HTTP on loopback: issues, comments, reactions, pull requests, with real repositories behind it. It fails on demand."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.orchestrator.forges.smart import serve_git

TOKEN = "token-that-nobody-may-see"
API = "/api/"

Route = Callable[["FakeForge", "Asked"], tuple[int, Any] | None]


@dataclass(slots=True)
class Talk:
    """An issue or a pull request, and what is said there."""

    number: int
    title: str
    body: str
    user: str = "alice"
    head: str = ""
    base: str = ""
    state: str = "open"
    comments: list[dict[str, Any]] = field(default_factory=list)
    reactions: list[tuple[str, str]] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of the API."""

    method: str
    parts: tuple[str, ...]
    query: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(slots=True)
class Failure:
    """What is answered instead, so many times, to calls whose method and path begin so."""

    begins: str
    status: int
    times: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b'{"message": "no"}'


class FakeForge:
    """One repository, `team/sums`, at a forge whose API `routes` answer."""

    repository = "team/sums"

    def __init__(self, root: Path, source: Path, routes: Route) -> None:
        self.root = root
        self.git_dir = root / f"{self.repository}.git"
        self.git_dir.parent.mkdir(parents=True)
        self._shell("clone", "--quiet", "--bare", str(source), str(self.git_dir))
        self.git("config", "http.receivepack", "true")
        self.routes = routes
        self.talks: dict[str, Talk] = {}
        self.people = {"alice": "write", "reader": "read"}
        self.failures: list[Failure] = []
        self.asked: list[str] = []
        self.read_only = False
        self.down = False
        self.lost = 0
        self.runs: list[dict[str, Any]] = []
        self.logs: dict[str, str] = {}
        self.lock = threading.Lock()
        self.answered = threading.Condition()
        self.url = ""

    def issue(self, number: int = 5, title: str = "total() forgets the first number", body: str = "") -> Talk:
        """Open an issue."""
        self.talks[f"#{number}"] = Talk(number, title, body)
        return self.talks[f"#{number}"]

    def pulls(self) -> list[Talk]:
        """Return all pull requests."""
        return [talk for talk in self.talks.values() if talk.head]

    def open_pull(self, head: str, base: str, title: str, body: str, sign: str = "#") -> Talk:
        """Open a pull request, as a forge does: its head is kept under a ref of its own."""
        number = 1 + max((talk.number for talk in self.talks.values()), default=0)
        self.talks[f"{sign}{number}"] = talk = Talk(number, title, body, "nightcrew-bot", head, base)
        self.git("update-ref", f"refs/pull/{number}/head", f"refs/heads/{head}")
        self.git("update-ref", f"refs/merge-requests/{number}/head", f"refs/heads/{head}")
        return talk

    def until(self, so: Callable[[], bool], limit_s: float = 300.0) -> None:
        """Wait until something is so, as it may be after each answer."""
        with self.answered:
            assert self.answered.wait_for(so, limit_s), self.asked

    def fail(
        self,
        begins: str,
        status: int,
        times: int = 1,
        body: bytes = b'{"message": "no"}',
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Fail the next calls whose method and path begin so."""
        self.failures.append(Failure(begins, status, times, headers or {}, body))

    def tip(self, branch: str) -> str | None:
        """Return the commit of a branch."""
        return self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}") or None

    def branches(self) -> list[str]:
        """Return the branches of ours."""
        return self.git("for-each-ref", "--format=%(refname:short)", "refs/heads/nightcrew").splitlines()

    def git(self, *words: str) -> str:
        """Run git on the repository."""
        return self._shell("--git-dir", str(self.git_dir), *words)

    def _shell(self, *words: str) -> str:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> tuple[int, bytes, Mapping[str, str]]:
        """Answer a call of the API."""
        place = urlsplit(target)
        with self.lock:
            self.asked.append(f"{method} {place.path}")
            failure = next((each for each in self.failures if f"{method} {place.path}".startswith(each.begins)), None)
            if failure is not None:
                failure.times -= 1
                if not failure.times:
                    self.failures.remove(failure)
                return failure.status, failure.body, failure.headers
            if TOKEN not in (headers.get("Authorization", "").partition(" ")[2], headers.get("PRIVATE-TOKEN", "")):
                return 401, b'{"message": "Bad credentials"}', {}
            parts = tuple(unquote(part) for part in place.path.removeprefix(API).split("/"))
            asked = Asked(method, parts, dict(parse_qsl(place.query)), json.loads(body or b"{}"))
            found = self.routes(self, asked) or (404, {"message": "Not Found"})
            return found[0], json.dumps(found[1]).encode(), {}


def page(asked: Asked, items: list[Any]) -> list[Any]:
    """Return the page of a list that was asked for."""
    size, number = int(asked.query.get("per_page", "30")), int(asked.query.get("page", "1"))
    return items[(number - 1) * size : number * size]


@contextmanager
def serving(forge: FakeForge) -> Iterator[FakeForge]:
    """Serve a fake forge for as long as the `with` block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def _serve(self) -> None:
            if ".git/" in self.path:
                serve_git(self, forge.root, TOKEN, read_only=forge.read_only, down=forge.down)
                return
            if self.path in forge.logs:
                self._log(forge.logs[self.path])
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, said, headers = forge.answer(self.command, self.path, self.headers, body)
            if forge.lost and self.command != "GET":
                # It was done, and nobody hears of it.
                forge.lost -= 1
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(said))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)
            with forge.answered:
                forge.answered.notify_all()

        def _log(self, said: str) -> None:
            """Answer with a log, or with where it lies; there a token is a mistake."""
            elsewhere = said.startswith("http")
            secret = TOKEN in f"{self.headers}"
            self.send_response(302 if elsewhere else 400 if secret and self.path.startswith("/store/") else 200)
            body = b"" if elsewhere else said.encode()
            for name, value in {"Location": said if elsewhere else "/", "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_PUT = _serve

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Say nothing: whoever asked was killed."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    forge.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield forge
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
