"""A model whose calls are paid out of the workspace's budget: reserved before each call, settled after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from agents.agent import Workspace
from agents.errors import OutOfBudget
from agents.models.errors import ModelError
from agents.models.model import Model, Reply, Request, Usage, Watch, unwatched

Price = Callable[[Usage], float]
"""What the tokens of a call cost, in dollars."""
LEAST_CHARACTERS = 2
"""No tokenizer makes more tokens of a text than one of each so many characters, but for odd scripts."""
_REPLY_TOKENS = 8_192
"""Reserved where a request does not bound its reply."""


def free(usage: Usage) -> float:
    """Price a call at nothing."""
    del usage
    return 0.0


class Purse(Protocol):
    """What a metered model needs of a workspace."""

    def reserve(self, usd: float, tokens: int = 0) -> int:
        """Reserve dollars and tokens before they are spent; raise `OutOfBudget` where they are not there."""
        ...

    def settle(self, reservation: int, tokens_in: int, tokens_out: int, usd: float) -> None:
        """Say what a reservation was spent on."""
        ...


@dataclass(frozen=True, slots=True)
class Priced:
    """A model and what its calls cost. `count` counts its tokens; unless given, it is chosen by the name `known_as`, else by the model's own."""

    model: Model
    price: Price = free
    known_as: str = ""
    count: Callable[[str], int] | None = None


@dataclass(frozen=True, slots=True)
class MeteredModel:
    """Passes requests on to a model as long as the budget has what the dearest answer would cost."""

    model: Model
    workspace: Purse
    price: Price = free

    @property
    def name(self) -> str:
        """Return the name of the model that answers."""
        return self.model.name

    @property
    def context_tokens(self) -> int:
        """Return how many tokens a request and its reply may have together."""
        return self.model.context_tokens

    def complete(self, request: Request, *, deadline_s: float, watch: Watch = unwatched) -> Reply:
        """Answer, and pay for it. Raises `OutOfBudget` before a call that may cost more than is left."""
        most = Usage(_characters(request) // LEAST_CHARACTERS, request.max_tokens or _REPLY_TOKENS)
        reservation = self.workspace.reserve(self.price(most), most.tokens_in + most.tokens_out)
        spent = Usage()
        try:
            reply = self.model.complete(request, deadline_s=deadline_s, watch=watch)
            spent = reply.usage
        except ModelError as error:
            # What had come by then is paid for all the same.
            spent = error.partial.usage if error.partial is not None else Usage()
            raise
        finally:
            self.workspace.settle(reservation, spent.tokens_in, spent.tokens_out, self.price(spent))
        return reply


def within_budget(workspace: Workspace) -> Watch:
    """Return a watch that cancels a call once the workspace's seconds are spent."""

    def look(piece: str) -> None:
        del piece
        if workspace.remaining_s() <= 0.0:
            raise OutOfBudget("the seconds were spent while the model answered")

    return look


def _characters(request: Request) -> int:
    said = sum(len(each.text) + sum(len(call.arguments) for call in each.calls) for each in request.messages)
    return said + sum(len(f"{tool.name}{tool.description}{dict(tool.parameters)}") for tool in request.tools)
