"""An agent played by a test, at its end of the channel: lines of JSON, right or wrong, without a process."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from typing import Any

from agents import MemoryWorkspace, Result
from agents.acp import AcpAgent, Settings
from sandbox import Command, Completed, Ended
from tests.agents.conversation.test_agent import FILES, TASK, say

Play = Callable[["Puppet"], None]
Terminal = Callable[[Command, socket.socket], Completed]
TEXT_OF_FIX = FILES["sums.py"].decode().replace("a - b", "a + b")
QUICK = Settings(silence_s=0.3)
"""For agents that say nothing in their turn."""
READY: Mapping[str, object] = {"protocolVersion": 1, "agentInfo": {"name": "puppet", "version": "3"}}


class Puppet:
    """Reads what the client says and answers as the test wants."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self._file = channel.makefile("rb")
        self._number = 0

    def hear(self) -> dict[str, Any]:
        """Return the next message of the client; an empty one where its end is gone."""
        line = self._file.readline()
        return json.loads(line) if line else {}

    def send(self, message: Mapping[str, object]) -> None:
        """Send a message."""
        self.raw(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def raw(self, data: bytes) -> None:
        """Send bytes."""
        self.channel.sendall(data)

    def answer(self, result: object) -> dict[str, Any]:
        """Wait for the client's request, answer it, and return it."""
        asked = self.hear()
        if asked:
            self.send({"id": asked["id"], "result": result})
        return asked

    def refuse(self, code: int, message: str) -> None:
        """Wait for the client's request, and answer it with an error."""
        self.send({"id": self.hear()["id"], "error": {"code": code, "message": message}})

    def ask(self, method: str, **params: object) -> dict[str, Any]:
        """Ask the client, and return its answer."""
        self._number += 1
        self.send({"id": f"ours-{self._number}", "method": method, "params": {"sessionId": "s", **params}})
        return self.hear()

    def tell(self, update: Mapping[str, object]) -> None:
        """Tell the client something of the work."""
        self.send({"method": "session/update", "params": {"sessionId": "s", "update": update}})

    def speak(self, text: str) -> None:
        """Say something."""
        self.tell({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}})

    def open(self, ready: Mapping[str, object] = READY) -> None:
        """Introduce itself and open the session."""
        self.answer(ready)
        self.answer({"sessionId": "s"})

    def prompted(self) -> tuple[int, str]:
        """Wait for a prompt; return its number and text. A client that is gone ends the play."""
        asked = self.hear()
        if not asked:
            raise ConnectionError("the client is gone")
        return asked["id"], asked["params"]["prompt"][0]["text"]

    def end(self, number: int, stop: str = "end_turn") -> None:
        """End the turn of a prompt."""
        self.send({"id": number, "result": {"stopReason": stop}})

    def write(self, text: str = TEXT_OF_FIX, path: str = "sums.py") -> dict[str, Any]:
        """Write a file through the client."""
        return self.ask("fs/write_text_file", path=f"/repository/{path}", content=text)


def staged(play: Play, terminal: Terminal | None = None, **given: Any) -> MemoryWorkspace:
    """Return a workspace in memory in which the agent is played, and each command of a terminal too."""

    def talk(command: Command, channel: socket.socket) -> Completed:
        if command.argv[4:6] != ("sh", "-c") or command.argv[6] != "agent":
            assert terminal is not None, command.argv
            return terminal(command, channel)
        play(Puppet(channel))
        return Completed(Ended.EXITED, 0, stderr=b"that is all\n")

    return MemoryWorkspace(FILES, say=say, protected=TASK.protected, talk=talk, **given)


def work(workspace: MemoryWorkspace, settings: Settings = Settings()) -> Result:
    """Let the agent work."""
    return AcpAgent("agent", settings).work(TASK, workspace)


def kinds(workspace: MemoryWorkspace) -> list[str]:
    """Return the kinds of the steps so far."""
    return [step.kind for step in workspace.journal()]


def silent(puppet: Puppet) -> None:
    """Hear whatever is said, and say nothing."""
    while puppet.hear():
        pass


__all__ = ["FILES", "QUICK", "TASK", "TEXT_OF_FIX", "Puppet", "kinds", "silent", "staged", "work"]
