"""A model that says what its script says, for tests and for those who write agents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from agents.models.errors import ModelError, Trouble
from agents.models.model import Reply, Request, Watch, unwatched

Line = str | Reply | Exception | Callable[[Request], Reply]


@dataclass(slots=True)
class ScriptedModel:
    """Plays its script, a line for each request: a text, a reply, an exception to raise, or what makes a reply of the request.

    `asked` are the requests so far. Where the script has ended, nothing is returned (`Trouble.EMPTY`).
    """

    script: Sequence[Line]
    name: str = "scripted"
    context_tokens: int = 32_768
    asked: list[Request] = field(default_factory=list)
    _lines: Iterator[Line] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._lines = iter(self.script)

    def complete(self, request: Request, *, deadline_s: float, watch: Watch = unwatched) -> Reply:
        """Play the next line."""
        self.asked.append(request)
        watch("")
        if deadline_s <= 0:
            raise ModelError(Trouble.DEADLINE, f"the model {self.name!r} had {deadline_s:g} s")
        match next(self._lines, None):
            case None:
                raise ModelError(Trouble.EMPTY, f"the script of {len(self.script)} lines has ended")
            case Exception() as error:
                raise error
            case str(text):
                reply = Reply(text)
            case Reply() as reply:
                pass
            case answer:
                reply = answer(request)
        watch(reply.text)
        return reply
