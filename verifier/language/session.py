"""A session with one server in one sandbox: texts shown to it, findings asked of it. Every call has a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

from sandbox import Completed, Limits, Process, Sandbox
from shadowfs import RepoPath
from verifier.errors import ServerFailed, ServerRefused, ServerSilent
from verifier.language.capabilities import CLIENT, Capabilities
from verifier.language.connection import Connection
from verifier.language.diagnostic import Call, Diagnostic, FileEdit, Fix, Location, Position, Span, Symbol
from verifier.language.documents import Documents, decoded
from verifier.language.globs import heard_of
from verifier.language.language import ANSWER_S
from verifier.language.server import Found
from verifier.language.text import Text
from verifier.language.uris import path_of, uri_of

START_S = 30.0
_GRACE_S = 5.0
_QUIET_S = 0.05
_AGAIN = frozenset((-32801, -32802))
"""ContentModified and ServerCancelled: the server asks to be asked again."""
_FILES = 20_000
_STDERR_CHARS = 500
_OFFLINE = (b"getaddrinfo", b"EAI_AGAIN", b"name resolution", b"resolve host", b"etwork is unreachable", b"ENETUNREACH")
"""What programs say that tried to reach the network."""


@dataclass(slots=True)
class _Pushed:
    """The last findings that a server pushed for a file, the version it says they are for, and when they came."""

    items: object
    version: int | None
    number: int
    at: float


@dataclass(slots=True)
class _Heard:
    """What a server told without being asked."""

    pushed: dict[str, _Pushed] = field(default_factory=dict)
    pushes: int = 0
    working: set[str] = field(default_factory=set)
    ready: bool = False


def start_language_server(
    sandbox: Sandbox,
    found: Found,
    read: Callable[[RepoPath], bytes],
    *,
    limits: Limits | None = None,
    start_s: float = START_S,
    poll: Callable[[], None] = lambda: None,
) -> ServerSession:
    """Start a server in a sandbox and introduce ourselves. `read` gives the tree's own files.

    `poll` is called while an answer is waited for, and may raise. Raises `ServerFailed`, `ServerSilent`, `ServerRefused`.
    """
    limits = limits or Limits(wall_s=None, memory_bytes=found.server.memory_bytes, file_bytes=None)
    session = ServerSession(sandbox.start(found.command(), limits), found, sandbox, read, poll)
    try:
        session.initialize(start_s)
    except BaseException:
        session.close()
        raise
    return session


class ServerSession:
    """The `LanguageSession` over a running server; `start_language_server` makes one. It ends with its `with` block, or its sandbox."""

    def __init__(
        self,
        process: Process,
        found: Found,
        sandbox: Sandbox,
        read: Callable[[RepoPath], bytes],
        poll: Callable[[], None],
    ) -> None:
        self._process = process
        self._found = found
        self._root = sandbox.root
        self._read = read
        self._heard = _Heard()
        self._since: dict[RepoPath, int] = {}
        self._raw: dict[RepoPath, object] = {}
        self._capabilities = Capabilities(None)
        self._connection = Connection(process.channel, self._serve, self._hear, poll)
        self._documents = Documents(self._connection.notify, lambda path: uri_of(self._root, path))
        self._ended = ""

    @property
    def server(self) -> str:
        """The server's name."""
        return self._found.server.name

    def initialize(self, timeout_s: float) -> None:
        """Introduce ourselves, once."""
        # Imported here: nothing else of nightcrew needs the protocol's types.
        from verifier.language.lsp import Reader

        root = uri_of(self._root)
        params: dict[str, object] = {
            # A process id of the host means nothing inside, where the server would wait for that process to end.
            "processId": None,
            "clientInfo": {"name": "nightcrew"},
            "rootUri": root,
            "rootPath": str(self._root),
            "workspaceFolders": [{"uri": root, "name": self._root.name}],
            "initializationOptions": self._found.server.options,
            "capabilities": CLIENT,
        }
        self._capabilities = Capabilities(self._ask("initialize", params, timeout_s))
        self._reader = Reader(lambda uri: path_of(self._root, uri), self._seen, self._capabilities.encoding)
        with self._alive():
            self._connection.notify("initialized", {})
            self._connection.notify("workspace/didChangeConfiguration", {"settings": self._found.server.settings})
            self._connection.wait(lambda: False, _QUIET_S)

    def show(self, path: RepoPath, data: bytes) -> None:
        """Let the server see `data` at `path`."""
        with self._alive():
            # What was pushed up to now is about an earlier text, whether its version says so or not.
            self._connection.wait(lambda: False, 0.0)
            if self._documents.show(path, data, self._capabilities):
                self._since[path] = self._heard.pushes

    def hide(self, path: RepoPath) -> None:
        """Let the server see the tree's own file again."""
        with self._alive():
            self._documents.hide(path)

    def wrote(self, paths: Iterable[RepoPath]) -> None:
        """Tell the server that files of the tree itself were made, changed or removed."""
        # A server that is told of more than it asked for reads its whole configuration again, if not all files.
        paths = heard_of(self._root, self._capabilities.watchers(), paths)
        changes = [{"uri": uri_of(self._root, path), "type": self._kind_of_write(path)} for path in paths]
        with self._alive():
            if changes:
                self._connection.notify("workspace/didChangeWatchedFiles", {"changes": changes})

    def diagnose(self, path: RepoPath, timeout_s: float = ANSWER_S) -> tuple[Diagnostic, ...]:
        """Return what the server finds in a file as it is shown now; never what it found in an earlier text."""
        deadline = time.monotonic() + timeout_s
        with self._alive():
            self._ensure(path)
            pulls = self._capabilities.pulls or self._pushed(path, deadline)
            items = self._pull(path, deadline) if pulls else self._heard.pushed[path].items
            self._raw[path] = items
            return self._reader.diagnostics(path, items)

    def definition(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> tuple[Location, ...]:
        """Return where the name at a place is defined."""
        with self._alive():
            return self._reader.locations(self._at("definition", path, at, {}, timeout_s))

    def references(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> tuple[Location, ...]:
        """Return where the name at a place is used, its declaration left out."""
        context = {"context": {"includeDeclaration": False}}
        with self._alive():
            return self._reader.locations(self._at("references", path, at, context, timeout_s))

    def symbols(self, path: RepoPath, timeout_s: float = ANSWER_S) -> tuple[Symbol, ...]:
        """Return what a file declares, outer symbols before those they hold."""
        with self._alive():
            return self._reader.symbols(path, self._at("documentSymbol", path, None, {}, timeout_s))

    def hover(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> str:
        """Return the type of, and what is written about, the name at a place; empty where there is nothing."""
        with self._alive():
            return self._reader.hover(self._at("hover", path, at, {}, timeout_s))

    def rename(self, path: RepoPath, at: Position, name: str, timeout_s: float = ANSWER_S) -> tuple[FileEdit, ...]:
        """Return the edits that give the name at a place another name everywhere."""
        with self._alive():
            return self._reader.edits(self._at("rename", path, at, {"newName": name}, timeout_s))

    def callers(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> tuple[Call, ...]:
        """Return the functions that call the one at a place, with the places of the calls."""
        return self._calls(path, at, timeout_s, incoming=True)

    def callees(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> tuple[Call, ...]:
        """Return the functions that the one at a place calls, with the places of the calls."""
        return self._calls(path, at, timeout_s, incoming=False)

    def completions(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> tuple[str, ...]:
        """Return the names that could stand at a place, as the server orders them."""
        with self._alive():
            return self._reader.names(self._at("completion", path, at, {}, timeout_s))

    def fixes(self, path: RepoPath, span: Span, timeout_s: float = ANSWER_S) -> tuple[Fix, ...]:
        """Return the quick fixes for what was found in a span; those that only a command of the server makes are left out."""
        found = self.diagnose(path, timeout_s)
        raw = self._raw[path]
        assert isinstance(raw, list)
        near = [item for item, each in zip(raw, found, strict=True) if each.span.touches(span)]
        with self._alive():
            extra = {"range": self._reader.to_wire(path, span), "context": {"diagnostics": near, "only": ["quickfix"]}}
            actions = self._at("codeAction", path, None, extra, timeout_s)
            items = actions if isinstance(actions, list) else []
            fixes = [self._reader.fix(self._resolved(item, timeout_s)) for item in items]
        return tuple(fix for fix in fixes if fix is not None)

    def close(self) -> None:
        """End the server. Safe to call twice."""
        self._ended = self._ended or "it was closed"
        self._process.__exit__()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # What is asked

    def _ask(self, method: str, params: object, timeout_s: float) -> object:
        with self._alive():
            try:
                return self._connection.request(method, params, timeout_s)
            except ServerSilent as error:
                raise ServerSilent(f"{self.server}: {error}") from None

    def _at(
        self, what: str, path: RepoPath, at: Position | None, extra: Mapping[str, object], timeout_s: float
    ) -> object:
        """Ask something about a file, or a place in it. Raises `ServerRefused` where the server cannot do it."""
        method, provider = f"textDocument/{what}", f"{what}Provider"
        if not self._capabilities.can(provider, method):
            raise ServerRefused(f"{self.server} cannot do this: it has no `{provider}`")
        self._ensure(path)
        where = {} if at is None else {"position": self._reader.place(path, at)}
        params = {"textDocument": {"uri": uri_of(self._root, path)}, **where, **extra}
        return self._ask(method, params, timeout_s)

    def _calls(self, path: RepoPath, at: Position, timeout_s: float, *, incoming: bool) -> tuple[Call, ...]:
        method = "callHierarchy/incomingCalls" if incoming else "callHierarchy/outgoingCalls"
        found: list[Call] = []
        with self._alive():
            if not self._capabilities.can("callHierarchyProvider", "textDocument/prepareCallHierarchy"):
                raise ServerRefused(f"{self.server} cannot do this: it has no `callHierarchyProvider`")
            self._ensure(path)
            params = {"textDocument": {"uri": uri_of(self._root, path)}, "position": self._reader.place(path, at)}
            items = self._ask("textDocument/prepareCallHierarchy", params, timeout_s)
            for item in items if isinstance(items, list) else ():
                found += self._reader.calls(path, self._ask(method, {"item": item}, timeout_s), incoming=incoming)
        return tuple(found)

    def _resolved(self, action: object, timeout_s: float) -> object:
        whole = not isinstance(action, dict) or "edit" in action or "title" not in action
        if whole or not self._capabilities.resolves("codeActionProvider"):
            return action
        with suppress(ServerRefused):
            return self._ask("codeAction/resolve", action, timeout_s)
        return action

    def _ensure(self, path: RepoPath) -> None:
        """Wait for a server that loads the project first, and show the tree's own file where nothing else is shown."""
        ready = not self._found.server.tells_ready or self._connection.wait(lambda: self._heard.ready, ANSWER_S)
        if not ready:
            raise ServerSilent(f"{self.server} did not load the project within {ANSWER_S:g} s")
        if path not in self._documents:
            try:
                data = self._read(path)
            except OSError as error:
                raise ServerRefused(f"{path!r} cannot be read: {error}") from error
            self.show(path, data)

    # Findings

    def _pull(self, path: RepoPath, deadline: float) -> object:
        params = {"textDocument": {"uri": uri_of(self._root, path)}}
        while True:
            left = max(deadline - time.monotonic(), 0.0)
            try:
                report = self._ask("textDocument/diagnostic", params, left)
            except ServerRefused as error:
                if error.code not in _AGAIN:
                    raise
                continue
            match report:
                case {"kind": "full", "items": items}:
                    return items
                case {"kind": "unchanged"} if path in self._raw:
                    return self._raw[path]
            raise ServerFailed(f"its report of findings is malformed: {report!r:.200}")

    def _pushed(self, path: RepoPath, deadline: float) -> bool:
        """Wait until findings for the text as it is shown were pushed; say instead if the server asks to be asked."""
        left = max(deadline - time.monotonic(), 0.0)
        if not self._connection.wait(lambda: self._capabilities.pulls or self._is_fresh(path), left):
            raise ServerSilent(f"{self.server} said nothing of {path!r}, as it is now, within {left:.1f} s")
        return self._capabilities.pulls

    def _is_fresh(self, path: RepoPath) -> bool:
        pushed, settle_s = self._heard.pushed.get(path), self._found.server.settle_s
        if pushed is None or pushed.number <= self._since.get(path, 0):
            return False
        if pushed.version is not None:
            return pushed.version == self._documents[path].version
        return not self._heard.working and time.monotonic() - pushed.at >= settle_s

    # What the server says of itself

    def _serve(self, method: str, params: object) -> object:
        """Answer a server's request."""
        match method:
            case "workspace/configuration":
                items = params.get("items") if isinstance(params, Mapping) else None
                wanted = items if isinstance(items, list) else []
                return [self._found.setting(item.get("section") if isinstance(item, dict) else None) for item in wanted]
            case "client/registerCapability":
                self._capabilities.register(params)
                return None
            case "client/unregisterCapability":
                self._capabilities.unregister(params)
                return None
            case "workspace/workspaceFolders":
                return [{"uri": uri_of(self._root), "name": self._root.name}]
            case "window/workDoneProgress/create" | "workspace/diagnostic/refresh" | "window/showMessageRequest":
                return None
            case "workspace/applyEdit":
                return {"applied": False, "failureReason": "the server may not edit"}
        raise NotImplementedError

    def _hear(self, method: str, params: object) -> None:
        """Take in a server's notification."""
        match method, params:
            case "textDocument/publishDiagnostics", {"uri": str(uri), "diagnostics": items, **rest}:
                self._take_push(uri, items, rest.get("version"))
            case "$/progress", {"token": int() | str() as token, "value": {"kind": "begin"}}:
                self._heard.working.add(str(token))
            case "$/progress", {"token": int() | str() as token, "value": {"kind": "end"}}:
                self._heard.working.discard(str(token))
            case "experimental/serverStatus", {"quiescent": bool() as quiescent}:
                self._heard.ready = quiescent

    def _take_push(self, uri: str, items: object, version: object) -> None:
        path = path_of(self._root, uri)
        if path is None:
            return
        self._heard.pushes += 1
        version = version if isinstance(version, int) else None
        shown = self._documents[path].version if path in self._documents else None
        if version is not None and shown is not None and version < shown:
            return  # About a text that is no longer shown.
        self._heard.pushed[path] = _Pushed(items, version, self._heard.pushes, time.monotonic())
        if len(self._heard.pushed) > _FILES:
            raise ServerFailed(f"it pushed findings for more than {_FILES} files")

    def _seen(self, path: str) -> Text | None:
        """Return a file's text as the server sees it; None for one that lies outside, is no text or cannot be read."""
        shown = self._documents.text(path)
        if shown is not None or path.startswith("/"):
            return shown
        with suppress(OSError, ServerRefused):
            return Text(decoded(path, self._read(path)))
        return None

    def _kind_of_write(self, path: RepoPath) -> int:
        try:
            self._read(path)
        except OSError:
            return 3  # removed
        return 2  # changed, or made

    @contextmanager
    def _alive(self) -> Iterator[None]:
        """Say, where the server fails, how its process ended; after that nothing is asked any more."""
        if self._ended:
            raise ServerFailed(f"{self.server}: {self._ended}")
        try:
            yield
        except ServerFailed as error:
            if not self._ended:
                # One that closed its end is ending by itself, and may say why; any other is ended.
                completed = self._process.wait(_GRACE_S) if self._connection.closed else None
                self._ended = f"{error}{_how(completed or self._process.stop())}"
                self.close()
            raise ServerFailed(f"{self.server}: {self._ended}") from error


def _how(completed: Completed) -> str:
    """Return how a server's process ended, with the end of what it complained of."""
    said = completed.stderr.decode("utf-8", "replace").strip()[-_STDERR_CHARS:]
    how = completed.why or (f"exit status {completed.exit_status}" if completed.exit_status is not None else "")
    words = f"; its process: {completed.ended}" + (f" ({how})" if how else "") + (f"; it said: {said}" if said else "")
    if any(sign in completed.stderr for sign in _OFFLINE):
        words += "; it wants the network, which a sandbox does not have: install all it needs beforehand"
    return words
