"""Terminals of an agent: commands that run in the sandbox while it goes on, with the end of what they print."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from agents.acp.asked import Exit, StartTerminal
from agents.acp.errors import Declined
from agents.acp.program import printing
from agents.agent import Workspace
from agents.wording import tail
from sandbox import Completed, Ended, Limits, Process, SandboxError

MOST = 16
ALL = 5_000
WORDS_CHARACTERS = 100_000
LIMIT_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 16
_CHUNKS = 64
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Ring:
    """Keeps the last `limit_bytes` of a stream; `cut` once something was dropped."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._kept: deque[bytes] = deque()
        self._held = 0
        self.cut = False

    def add(self, data: bytes) -> None:
        """Append bytes, dropping from the beginning."""
        self._kept.append(data)
        self._held += len(data)
        while self._held > self._limit:
            first = self._kept.popleft()
            self._held -= len(first)
            self.cut = True
            if self._held < self._limit:
                rest = first[self._held - self._limit :]
                self._kept.appendleft(rest)
                self._held += len(rest)
                return

    def bytes(self) -> bytes:
        """Return what is kept."""
        return b"".join(self._kept)

    def text(self) -> str:
        """Return what is kept as text, begun at a character."""
        data = self.bytes()
        begin = next((at for at in range(min(4, len(data))) if data[at] & 0xC0 != 0x80), 0) if self.cut else 0
        return data[begin:].decode("utf-8", "replace")


@dataclass(slots=True)
class Terminal:
    """One command, and what it printed."""

    process: Process
    argv: tuple[str, ...]
    ring: Ring
    ended: Exit | None = None
    _read_all: bool = False

    def look(self) -> bool:
        """Take in what was printed by now; say whether the command has ended since the last look."""
        if self.ended is not None:
            return False
        completed = self.process.wait(0.0)
        self._drain()
        if completed is None:
            return False
        self.ended = self._exit(completed)
        return True

    def stop(self) -> None:
        """End the command, where it runs."""
        if self.ended is None:
            completed = self.process.stop()
            self._drain()
            self.ended = self._exit(completed)

    def _drain(self) -> None:
        for _ in range(_CHUNKS):
            if self._read_all:
                return
            try:
                data = self.process.channel.recv(_CHUNK_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            self._read_all = not data
            self.ring.add(data)

    def _exit(self, completed: Completed) -> Exit:
        if completed.ended is Ended.EXITED:
            return Exit(completed.exit_status)
        why = completed.why or str(completed.ended)
        if completed.ended is not Ended.SIGNALLED:
            self.ring.add(f"\n(nightcrew: {completed.ended}: {why})\n".encode())
        found = re.search(r"\bSIG[A-Z0-9]+\b", why)
        return Exit(None, found[0] if found else "SIGKILL")


@dataclass(slots=True)
class Terminals:
    """The terminals of one agent. A command's files are kept when it has ended."""

    workspace: Workspace
    _live: dict[str, Terminal] = field(default_factory=dict)
    _started: int = 0

    def start(self, asked: StartTerminal) -> str:
        """Start a command and return its terminal's name. Raises `Declined`, as all here does."""
        self._check(asked)
        limit = LIMIT_BYTES if asked.limit_bytes is None else min(asked.limit_bytes, LIMIT_BYTES)
        argv = asked.argv
        if len(argv) == 1 and any(letter.isspace() for letter in argv[0]):
            # Many agents give a shell's line where the protocol wants a program.
            argv = ("sh", "-c", argv[0])
        command = printing(argv, asked.cwd or ".", asked.environment)
        try:
            process = self.workspace.start(command, Limits(wall_s=None))
        except SandboxError as error:
            raise Declined(f"the command could not be started: {error}") from None
        process.channel.setblocking(False)
        self._started += 1
        name = f"terminal-{self._started}"
        self._live[name] = Terminal(process, argv, Ring(limit))
        return name

    def at(self, name: str) -> Terminal:
        """Return a terminal, with what it has printed by now."""
        if name not in self._live:
            raise Declined(f"there is no terminal {name!r}, or it was released")
        self._look(self._live[name])
        return self._live[name]

    def kill(self, name: str) -> None:
        """End a terminal's command, and keep the terminal."""
        terminal = self.at(name)
        if terminal.ended is None:
            terminal.stop()
            self._over(terminal)

    def release(self, name: str) -> None:
        """End a terminal's command, and forget the terminal."""
        self.kill(name)
        self._live.pop(name).process.__exit__()

    def look(self) -> None:
        """Take in what all have printed by now, so that none waits for us to read."""
        for terminal in self._live.values():
            self._look(terminal)

    def close(self) -> None:
        """End all commands."""
        while self._live:
            self._live.popitem()[1].process.__exit__()

    def _look(self, terminal: Terminal) -> None:
        if terminal.look():
            self._over(terminal)

    def _over(self, terminal: Terminal) -> None:
        self.workspace.keep()
        ended = terminal.ended
        how = "" if ended is None else f"exit status {ended.status}" if ended.signal is None else ended.signal
        data = {"argv": list(terminal.argv), "how": how, "output": tail(terminal.ring.bytes()[-8192:])}
        self.workspace.note("acp_terminal", data)

    def _check(self, asked: StartTerminal) -> None:
        if sum(terminal.ended is None for terminal in self._live.values()) >= MOST or len(self._live) >= 4 * MOST:
            raise Declined(f"{MOST} commands run already, or too many terminals were never released")
        if self._started >= ALL:
            raise Declined(f"{ALL} commands were run already, which is all there is")
        if sum(map(len, self._words(asked))) > WORDS_CHARACTERS:
            raise Declined(f"a command has more than {WORDS_CHARACTERS} characters: write it into a file, and run that")
        if any("\0" in word for word in self._words(asked)):
            raise Declined("a command, its directory and its environment have no NUL")
        wrong = [name for name in asked.environment if not _NAME.fullmatch(name)]
        if wrong:
            raise Declined(f"{wrong[0]!r} is no name of a variable")

    def _words(self, asked: StartTerminal) -> Iterator[str]:
        yield from asked.argv
        yield asked.cwd or ""
        yield from asked.environment
        yield from asked.environment.values()
