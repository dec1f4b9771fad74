"""Serves what an agent asks for out of its workspace: files, terminals, permissions."""

from __future__ import annotations

from dataclasses import dataclass

from agents.acp import wire
from agents.acp.asked import Asked, OnTerminal, Permission, ReadFile, StartTerminal, Verb, WriteFile
from agents.acp.connection import Later
from agents.acp.errors import NO_METHOD, Declined
from agents.acp.files import Files
from agents.acp.heard import Heard, short
from agents.acp.messages import Message
from agents.acp.permissions import decide
from agents.acp.terminals import Terminals
from agents.agent import Workspace


@dataclass(slots=True)
class Host:
    """One agent's requests, answered."""

    workspace: Workspace
    files: Files
    terminals: Terminals
    heard: Heard

    @classmethod
    def of(cls, workspace: Workspace) -> Host:
        """Return a host over a workspace."""
        return cls(workspace, Files(workspace), Terminals(workspace), Heard(workspace))

    def serve(self, method: str, params: object) -> Message | Later:
        """Answer a request. Raises `Declined`."""
        try:
            asked = wire.asked(method, params)
        except NotImplementedError:
            raise Declined(f"`{method[:100]}` is not served here", NO_METHOD) from None
        except ValueError as error:
            raise Declined(f"`{method}` cannot be read: {short(str(error))}") from None
        return self._served(asked)

    def hear(self, method: str, params: object) -> None:
        """Take in a notification; one that cannot be read is of a newer protocol, and passed over."""
        if method == wire.UPDATE:
            try:
                told = wire.told(params)
            except ValueError:
                return
            self.heard.take(told)

    def _served(self, asked: Asked) -> Message | Later:
        match asked:
            case ReadFile():
                return wire.read_reply(self.files.read(asked))
            case WriteFile():
                return wire.written_reply(self.files.write(asked))
            case StartTerminal():
                return wire.terminal_reply(self.terminals.start(asked))
            case OnTerminal(verb, name):
                return self._on_terminal(verb, name)
            case Permission():
                return self._permit(asked)

    def _on_terminal(self, verb: Verb, name: str) -> Message | Later:
        terminal = self.terminals.at(name)
        match verb:
            case Verb.OUTPUT:
                return wire.output_reply(terminal.ring.text(), terminal.ring.cut, terminal.ended)
            case Verb.WAIT:
                return Later(lambda: None if terminal.ended is None else wire.exit_reply(terminal.ended))
            case Verb.KILL:
                self.terminals.kill(name)
            case Verb.RELEASE:
                self.terminals.release(name)
        return {}

    def _permit(self, asked: Permission) -> Message:
        choice, why = decide(asked, self.workspace)
        self.heard.permitted(asked.title, asked.paths, why)
        return wire.permission_reply(choice)
