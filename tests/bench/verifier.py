"""The verifier's figures: an edit to fresh findings on Django's source, through a session on a shadow against a bare client.

Both talk to warm servers of the same kind and take turns, edit by edit. Then an attempt's first findings, from a server that was
kept warm against one that it starts; then candidates tested per second (`trials`).
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from orchestrator.places.languages import languages_in
from orchestrator.places.place import Place, Places
from orchestrator.places.warm import WarmPlace
from orchestrator.settings import Settings
from sandbox import LocalDriver
from shadowfs import FuseDriver, Snapshot, pin
from tests.bench import trials
from tests.bench.target import Target
from tests.e2e.library import commit_all
from verifier import Found, LanguageSession, ServerPlaces, WarmServers, find_servers, start_language_server

ROOT = Path(__file__).parent.parent.parent
CACHE = ROOT / ".bench" / "django"
RELEASE = "django==5.2.19"
PATH = "django/db/models/query.py"
BIN = Path(sys.prefix) / "bin"
ANSWER_S = 120.0
WARMING = 3
"""Edits that both servers have seen before any is counted."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What is measured of a server: its limit against a bare client; the command line that checks the same, and how often faster.

    It is left in peace for `pause_s` after each answer, since servers go on working then.
    """

    server: str
    limit: float
    pause_s: float
    command: tuple[str, ...] = ()
    faster: float | None = None


COMPARED = (
    Compared("ruff", 2.0, 0.05),
    Compared("ty", 1.3, 0.2, ("ty", "check", "--exit-zero", "--output-format", "concise"), 10.0),
    # Asked once, before the verdict, not after each edit.
    Compared("pyrefly", 1.3, 0.5, ("pyrefly", "check", "--output-format", "min-text")),
)


def measure(quick: bool, data: Path | None = None) -> list[Target]:
    """Take all figures."""
    del data
    try:
        source = django()
    except (OSError, subprocess.SubprocessError, tarfile.TarError) as error:
        why = f"Django's source could not be fetched: {error}"
        return [Target("edit to fresh diagnostics on Django", "ms", None, None, why=why), *trials.rate(quick)]
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-", dir=ROOT / ".bench") as folder:
        return [*editing(Path(folder), source, quick), *trials.rate(quick)]


def django() -> Path:
    """Return Django's source, fetched from the package registry where it is not here yet."""
    if not (CACHE / "source").is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        pip = (sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", str(CACHE))
        subprocess.run((*pip, RELEASE), check=True, capture_output=True, timeout=300)
        (archive,) = CACHE.glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            tar.extractall(CACHE / "new", filter="data")
        (found,) = (CACHE / "new").iterdir()
        found.rename(CACHE / "source")
    return CACHE / "source"


def editing(folder: Path, source: Path, quick: bool) -> Iterator[Target]:
    """Yield each server's time from an edit to its findings: against a bare client, its command line, cold, and a start."""
    repository = folder / "repository"
    shutil.copytree(source, repository)
    commit_all(repository)
    servers = {each.server.name: each for each in find_servers(ServerPlaces(repository, str(BIN)))}
    with placed(folder, repository) as place:
        for compared in COMPARED:
            if compared.server not in servers:
                why = f"{compared.server} is not installed beside this interpreter"
                yield Target(f"edit to fresh diagnostics, {compared.server}", "ms", None, None, why=why)
                continue
            yield from _compare(place, repository, servers[compared.server], compared, 10 if quick else 60)
    yield from first_findings(folder, repository, tuple(servers.values()), 2 if quick else 9)


@contextmanager
def placed(folder: Path, repository: Path) -> Iterator[Place]:
    """Open a place on a mounted shadow of the repository, in a sandbox, as an attempt has it."""
    with opener(folder, repository) as (snapshot, places), places.open(snapshot, snapshot.tree) as place:
        yield place


@contextmanager
def opener(folder: Path, repository: Path) -> Iterator[tuple[Snapshot, Places]]:
    """Give what opens such places."""
    with closing(FuseDriver(folder / "state")) as driver:
        shown = (Path(sys.base_prefix), Path(sys.prefix))
        sandboxes = {"local": LocalDriver(folder / "state" / "sandboxes")}
        yield pin(repository, folder / "state"), Places((driver,), sandboxes, Settings(toolchains=shown))


def _compare(place: Place, repository: Path, found: Found, compared: Compared, times: int) -> Iterator[Target]:
    name, base = compared.server, (repository / PATH).read_text("utf-8")
    with (
        start_language_server(place.sandbox, found, place.shadow.read) as running,
        closing(Bare(repository, found)) as bare,
    ):
        clients = (lambda text, number: _ours(running, text, number), bare.diagnose)
        first_s = sum(client(base, 0) for client in clients)
        edits = range(1, WARMING + times + 1)
        pairs = [_turn(clients, f"{base}\n\nundefined_{each}\n", each, compared.pause_s) for each in edits][WARMING:]
    ours, native = ([pair[which] for pair in pairs] for which in (0, 1))
    value = statistics.median(ours)
    beside = {
        **_spread("session", ours),
        **_spread("bare client", native),
        "median of the ratios, edit by edit": statistics.median(one / other for one, other in pairs),
        "edits": float(times),
        "both first answered, s": first_s,
    }
    yield Target(
        f"edit to fresh diagnostics on Django, {name}",
        "times a bare client, p50",
        compared.limit,
        value / statistics.median(native),
        beside,
    )
    if compared.command:
        cold = _cold(repository, compared.command)
        yield Target(
            f"the command line of {name} cold against an edit in a session", "times as long", compared.faster, cold / value,
            {"command line cold, s": cold}, least=True,
        )  # fmt: skip


def _spread(who: str, taken_s: Sequence[float]) -> dict[str, float]:
    """Return the quartiles of some seconds, in milliseconds."""
    low, middle, high = statistics.quantiles(taken_s, n=4)
    return {f"{who} p50, ms": middle * 1e3, f"{who} p25, ms": low * 1e3, f"{who} p75, ms": high * 1e3}


def _turn(
    clients: Sequence[Callable[[str, int], float]], text: str, number: int, pause_s: float
) -> tuple[float, float]:
    """Let both clients edit; each goes first every other time."""
    taken = [0.0, 0.0]
    for which in (0, 1) if number % 2 else (1, 0):
        taken[which] = clients[which](text, number)
        time.sleep(pause_s)
    return taken[0], taken[1]


def first_findings(folder: Path, repository: Path, servers: tuple[Found, ...], times: int) -> Iterator[Target]:
    """Yield the time from an attempt's first edit to its findings, of warm servers against those that it starts, in turns."""
    wrong = (repository / PATH).read_bytes() + b"\n\nundefined_name\n"
    with opener(folder, repository) as (snapshot, places), closing(WarmPlace()) as warm:

        def leased() -> WarmServers:
            return warm.servers(snapshot, snapshot.tree, places.how, lambda: places.open(snapshot, snapshot.tree))

        def attempt(kept: Callable[[], WarmServers | None]) -> float:
            with (
                places.open(snapshot, snapshot.tree) as place,
                languages_in(
                    place, snapshot.tree, servers, stopping=lambda: None, remaining_s=lambda: ANSWER_S, warm=kept
                ) as languages,
            ):
                place.shadow.write(PATH, wrong)
                start = time.perf_counter()
                findings = languages.diagnose(PATH)
                taken = time.perf_counter() - start
                assert findings.delta.introduced, findings.failures
            return taken

        before = attempt(leased)
        pairs = [(attempt(leased), attempt(lambda: None)) for _ in range(times)]
    kept, started = (statistics.median(pair[which] for pair in pairs) for which in (0, 1))
    beside = {
        "warm, ms": kept * 1e3,
        "started, ms": started * 1e3,
        "the first lease, which starts them, ms": before * 1e3,
    }
    what = "an attempt's first edit to its findings on Django, ruff and ty kept warm"
    yield Target(what, "times servers that are started", None, kept / started, beside)


def _ours(running: LanguageSession, text: str, number: int) -> float:
    data = text.encode()
    start = time.perf_counter()
    running.show(PATH, data)
    said = running.diagnose(PATH, ANSWER_S)
    taken = time.perf_counter() - start
    assert not number or any(f"undefined_{number}" in each.message for each in said)
    return taken


def _cold(repository: Path, command: tuple[str, ...]) -> float:
    """Return the seconds a type checker's command line takes on the whole tree, its caches being its own business."""
    start = time.perf_counter()
    subprocess.run([str(BIN / command[0]), *command[1:]], cwd=repository, capture_output=True, check=False)
    return time.perf_counter() - start


class Bare:
    """A client that does nothing else: whole texts, no sandbox, no shadow, the first answer that fits."""

    def __init__(self, repository: Path, found: Found) -> None:
        self._uri = (repository / PATH).as_uri()
        words = [found.program, *found.server.arguments]
        environment = {"PATH": os.defpath, "HOME": str(repository.parent)}
        self._process = subprocess.Popen(
            words,
            cwd=repository,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdin and self._process.stdout
        self._in: IO[bytes] = self._process.stdin
        self._out: IO[bytes] = self._process.stdout
        document = {"diagnostic": {"dynamicRegistration": True}, "publishDiagnostics": {"versionSupport": True}}
        workspace = {"configuration": True}
        root = repository.as_uri()
        params = {
            "processId": None, "rootUri": root, "workspaceFolders": [{"uri": root, "name": "bench"}],
            "capabilities": {"textDocument": document, "workspace": workspace},
        }  # fmt: skip
        self._send({"id": 0, "method": "initialize", "params": params})
        capabilities = self._until(lambda message: message.get("id") == 0)["result"]["capabilities"]
        self._pulls = "diagnosticProvider" in capabilities
        self._settings = found.server.settings
        self._send({"method": "initialized", "params": {}})

    def diagnose(self, text: str, number: int) -> float:
        """Send a text and return the seconds until its findings are here."""
        start = time.perf_counter()
        document = {"uri": self._uri, "languageId": "python", "version": number, "text": text}
        if number:
            document = {"uri": self._uri, "version": number}
            params = {"textDocument": document, "contentChanges": [{"text": text}]}
            self._send({"method": "textDocument/didChange", "params": params})
        else:
            self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        if not self._pulls:
            self._until(lambda message: self._pulls or self._is_pushed(message, number))
        if self._pulls:
            params = {"textDocument": {"uri": self._uri}}
            self._send({"id": 1000 + number, "method": "textDocument/diagnostic", "params": params})
            self._until(lambda message: message.get("id") == 1000 + number)
        return time.perf_counter() - start

    def close(self) -> None:
        """End the server."""
        self._process.kill()
        self._process.wait()
        self._in.close()
        self._out.close()

    def _is_pushed(self, message: dict[str, Any], number: int) -> bool:
        params = message.get("params")
        return message.get("method") == "textDocument/publishDiagnostics" and params["version"] == number  # type: ignore[index]

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._in.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._in.flush()

    def _until(self, wanted: Any) -> dict[str, Any]:
        while True:
            length = 0
            while line := self._out.readline().strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            message: dict[str, Any] = json.loads(self._out.read(length))
            self._answer(message)
            if wanted(message):
                return message

    def _answer(self, message: dict[str, Any]) -> None:
        """Answer what the server asks, so that it goes on."""
        match message:
            case {"method": "client/registerCapability", "params": {"registrations": registrations}}:
                self._pulls = self._pulls or any(each["method"] == "textDocument/diagnostic" for each in registrations)
                self._send({"id": message["id"], "result": None})
            case {"method": "workspace/configuration", "params": {"items": items}}:
                settings = [self._settings.get(each.get("section", ""), None) for each in items]
                self._send({"id": message["id"], "result": settings})
            case {"method": _, "id": number}:
                self._send({"id": number, "result": None})
