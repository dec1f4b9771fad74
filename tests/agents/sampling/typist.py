"""A model that has a text in mind, as long as the code it is shown: it goes on where the reply's beginning ends, and tells what else it thinks of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from agents import ModelError, Reply, Request, Trouble
from agents.models import Role, Token, Watch, unwatched

_TOKEN = re.compile(r" ?\w+|\n|[ \t]+(?=[ \t])|.", re.DOTALL)


@dataclass(slots=True)
class Typist:
    """Types `text`; where it begins with one of the keys of `ideas`, the value is what it thinks of, with its probability."""

    text: str
    ideas: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    counts: bool = True
    name: str = "typist"
    context_tokens: int = 32_768
    asked: list[Request] = field(default_factory=list)

    def complete(self, request: Request, *, deadline_s: float, watch: Watch = unwatched) -> Reply:
        """Type on from where the reply begins; a reply that is not begun is refused."""
        del deadline_s
        watch("")
        self.asked.append(request)
        last = request.messages[-1]
        if last.role is not Role.ASSISTANT:
            raise ModelError(Trouble.EMPTY, "it only types on")
        if last.text.startswith("one"):
            return _reply([Token(" five", ((" five", 0.9), (" six", 0.1)))] if self.counts else [])
        begun = last.text.partition("\n")[2]
        return _reply(self._tokens(begun, request.max_tokens or 1, request.stop))

    def _tokens(self, begun: str, most: int, stop: tuple[str, ...]) -> list[Token]:
        at = len(begun)
        tokens: list[Token] = []
        while at < len(self.text) and len(tokens) < most:
            match = _TOKEN.match(self.text, at)
            assert match is not None
            if match.group() in stop:
                break
            idea = next((idea for where, idea in self.ideas.items() if self.text.startswith(where, at)), None)
            others = () if idea is None else (idea,)
            tokens.append(Token(match.group(), ((match.group(), 0.8), *others)))
            at = match.end()
        return tokens


def _reply(tokens: list[Token]) -> Reply:
    return Reply("".join(token.text for token in tokens), tokens=tuple(tokens))
