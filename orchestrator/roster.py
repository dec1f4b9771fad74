"""The roster: agents as people name them: one, several in a list, or `auto`; and what an attempt of each is assumed to cost."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from orchestrator.records import CLIENT
from orchestrator.routing import Offer

if TYPE_CHECKING:
    from agents import Endpoint, NamedModel

AUTO = "auto"
REPAIR = "repair"
_NEXT = re.compile(r",\s*(?=(?:repair|migrate|model|auto)\s*(?:,|$)|(?:model|acp|command):)")
"""A comma that another agent follows: any other is part of a command."""
_HEARING = ("model", "acp", CLIENT)
_TOKENS_IN, _TOKENS_OUT = 60_000, 6_000
"""What an attempt of a model is assumed to read and write, until some were made."""
_MODEL_S = 180.0


def agents_of(specification: str) -> tuple[str, ...]:
    """Return the agents that a specification lists, each once, in its order; `auto` is none of them, and is returned as it is."""
    return tuple(dict.fromkeys(part.strip() for part in _NEXT.split(specification)))


def hears(agent: str) -> bool:
    """Say whether an agent goes on with what the ladder said of its proposal; others would do the same again."""
    return agent.partition(":")[0] in _HEARING


def offers(environ: Mapping[str, str], named: Sequence[NamedModel]) -> tuple[Offer, ...]:
    """Return what `auto` chooses among: the repair agent, and each model that may edit. Raises `ModelError` where one is half configured."""
    from agents import endpoints

    there = (each for each in endpoints(environ, named) if each.role in ("", "edit"))
    models = (Offer(f"model:{each.name}", _assumed_usd(each), _MODEL_S) for each in there)
    return (Offer(REPAIR), *models)


def paid_agents(environ: Mapping[str, str], named: Sequence[NamedModel]) -> tuple[str, ...]:
    """Return the agents that cost dollars, as they are named; `auto` is one where one of those that it chooses among is."""
    from agents import ModelError, choose, endpoints

    try:
        there = endpoints(environ, named)
    except ModelError:
        # No model of these can be asked; whoever asks is told why.
        return ()
    dear = [f"model:{each.name}" for each in there if _assumed_usd(each)]
    if there and _assumed_usd(choose(there, role="edit")):
        dear.append("model")
    if any(_assumed_usd(each) and each.role in ("", "edit") for each in there):
        dear.append(AUTO)
    return tuple(dear)


def _assumed_usd(endpoint: Endpoint) -> float:
    from agents import Usage

    return endpoint.cost_usd(Usage(_TOKENS_IN, _TOKENS_OUT))
