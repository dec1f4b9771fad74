"""One life of an agent: its program in the sandbox, one session with it, turn by turn. What it asks for meanwhile is served."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Self, TypeVar

from agents.acp import wire
from agents.acp.asked import Introduced
from agents.acp.connection import Connection
from agents.acp.errors import AcpTrouble, Declined
from agents.acp.heard import short
from agents.acp.host import Host
from agents.acp.program import talking
from agents.acp.settings import Settings
from agents.agent import Workspace
from agents.door import Door
from agents.wording import tail
from sandbox import Completed, Process, SandboxError

_OPENED = "acp_session"
_GRACE_S = 5.0
_CANCEL_S = 2.0
_CHECK_S = 0.2
_DOOR_S = 10.0
_STDERR_CHARACTERS = 600
_ID_CHARACTERS = 1000
_OFFLINE = (b"getaddrinfo", b"EAI_AGAIN", b"ENOTFOUND", b"name resolution", b"resolve host", b"etwork is unreachable")
"""What programs say that tried to reach the network."""
_LOGIN = (
    "A sandbox has no network and sees no login: give the agent a model as docs/agents.md says,"
    " or variables that it takes for a login under [test] environment."
)
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Turn:
    """How a turn ended (the protocol's word), and what the agent said in it."""

    stop: str
    said: str


class Session:
    """One session with one program. It ends with its `with` block. Raises `AcpTrouble` for whatever is wrong with the agent."""

    def __init__(self, workspace: Workspace, settings: Settings, door: Door | None = None) -> None:
        self._workspace = workspace
        self._settings = settings
        self._door = door
        self._host = Host.of(workspace)
        self._turns = 0
        self._prompted = False
        self._id = ""
        self._checked_at = 0.0
        self._process: Process | None = None

    def start(self, line: str, environment: Mapping[str, str], python: str) -> None:
        """Start the program, introduce each other, and open a session: an earlier life's, where the agent can still load it.

        `python` of the sandbox makes the door.
        """
        command = talking(line, environment)
        if self._door is not None:
            command = self._door.through(command, python)
        try:
            self._process = self._workspace.start(command, self._settings.limits)
        except SandboxError as error:
            raise AcpTrouble(f"it could not be started: {error}") from error
        if self._door is not None:
            self._admit(self._door, self._process)
        self._connection = Connection(
            self._process.channel, self._host.serve, self._host.hear, self._poll, self._settings.messages
        )
        who = self._ask(wire.INITIALIZE, wire.introduction(), wire.introduced, self._settings.start_s)
        if who.version != wire.VERSION:
            why = f"it speaks version {who.version} of the protocol; nightcrew speaks {wire.VERSION}"
            raise AcpTrouble(why, "Use a version of the agent that speaks that one.")
        self._id = self._loaded(who) or self._new(who)
        data = {"session": self._id, "agent": short(who.name)}
        self._workspace.note(_OPENED, data, progress=f"{short(who.name) or 'the agent'} is ready")

    def turn(self, text: str) -> Turn:
        """Prompt, and serve until the turn has ended."""
        self._turns += 1
        self._prompted = True
        stop = self._ask(wire.PROMPT, wire.prompt(self._id, text), wire.stop_reason, self._settings.silence_s)
        self._prompted = False
        self._host.terminals.look()
        return Turn(stop, self._host.heard.turn(self._turns, stop))

    def last_words(self) -> str:
        """Return what the agent had said in a turn that did not end."""
        return self._host.heard.turn(self._turns, "broken off")

    def close(self) -> None:
        """End the agent and all its commands; where it is in the middle of a turn, it is told so before."""
        if self._prompted and not self._connection.closed:
            with suppress(AcpTrouble):
                self._connection.leave(wire.CANCEL, wire.cancelled(self._id), _CANCEL_S)
        self._prompted = False
        self._host.terminals.close()
        if self._process is not None:
            self._process.__exit__()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _admit(self, door: Door, process: Process) -> None:
        """Take the door's address off the channel, whose first message it is; where it does not come there is no door."""
        deadline = time.monotonic() + _DOOR_S
        while not door.admit(process.channel, _CHECK_S):
            self._workspace.check()
            if process.wait(0.0) is not None or time.monotonic() > deadline:
                # From here on nobody but us reads the channel.
                door.close()
                return

    def _loaded(self, who: Introduced) -> str:
        """Take up the session of an earlier life; empty where there is none, or the agent does not know it any more."""
        ids = [
            str(step.data.get("session", "")) for step in self._workspace.journal() if step.kind == f"note:{_OPENED}"
        ]
        if not ids or not who.loads:
            return ""
        params = wire.load_session(str(self._workspace.root), ids[-1])
        # What it repeats of the earlier life is in the journal already.
        self._host.heard.muted = True
        try:
            self._ask(wire.LOAD, params, lambda result: result, self._settings.start_s)
        except Declined:
            return ""
        finally:
            self._host.heard.muted = False
        return ids[-1]

    def _new(self, who: Introduced) -> str:
        params = wire.new_session(str(self._workspace.root))
        try:
            opened = self._ask(wire.NEW, params, wire.session_of, self._settings.start_s)
        except Declined as error:
            raise self._declined(error, who) from None
        if len(opened) > _ID_CHARACTERS:
            raise AcpTrouble(f"it names its session by {len(opened)} characters")
        return opened

    def _declined(self, error: Declined, who: Introduced) -> AcpTrouble:
        if error.code != wire.NOT_LOGGED_IN:
            return AcpTrouble(short(str(error)))
        ways = f" ({', '.join(map(short, who.logins[:5]))})" if who.logins else ""
        return AcpTrouble(f"it wants somebody to log in{ways}", _LOGIN)

    def _ask(self, method: str, params: object, read: Callable[[object], Answer], patience_s: float) -> Answer:
        with self._alive():
            try:
                result = self._connection.request(method, params, patience_s)
            except Declined as error:
                if method in (wire.LOAD, wire.NEW):
                    # A session that is not known may be opened anew, and one may want somebody to log in for it.
                    raise
                needs = _LOGIN if error.code == wire.NOT_LOGGED_IN else ""
                raise AcpTrouble(short(str(error)), needs) from None
            try:
                return read(result)
            except ValueError as error:
                raise AcpTrouble(f"its answer to `{method}` cannot be read: {short(str(error))}") from None

    def _poll(self) -> None:
        now = time.monotonic()
        if now - self._checked_at >= _CHECK_S:
            self._checked_at = now
            self._workspace.check()
            if self._door is not None:
                self._door.check()
        self._host.terminals.look()

    @contextmanager
    def _alive(self) -> Iterator[None]:
        """Say, where the agent fails, how its process ended."""
        try:
            yield
        except AcpTrouble as error:
            # Where the budget ended it, that is what is to be told.
            self._workspace.check()
            # One that closed its end is ending by itself, and may say why; any other is ended.
            assert self._process is not None
            completed = self._process.wait(_GRACE_S) if self._connection.closed else None
            raise AcpTrouble(f"{error.why}{_how(completed or self._process.stop())}", error.needs) from error


def _how(completed: Completed) -> str:
    """Return how an agent's process ended, with the end of what it complained of."""
    how = completed.why or (f"exit status {completed.exit_status}" if completed.exit_status is not None else "")
    words = f"; its process: {completed.ended}" + (f" ({how})" if how else "")
    said = tail(completed.stderr, _STDERR_CHARACTERS)
    words += f"; it said: {said}" if said else ""
    if any(sign in completed.stderr for sign in _OFFLINE):
        words += "; it wants the network, which a sandbox does not have"
    return words
