"""The roster: agents as people name them: one, several in a list, or `auto`; and what an attempt of each is assumed to cost."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from orchestrator.records import CLIENT
from orchestrator.working.routing import Offer

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
    there = _there(environ, named)
    return _asking(there, [bool(_assumed_usd(each)) for each in there])


def unpriced_agents(environ: Mapping[str, str], named: Sequence[NamedModel]) -> tuple[str, ...]:
    """Return the agents that ask the model which the environment names, and whose price nobody can say there."""
    there = _there(environ, named)
    # It is the first, and the only one that is there without a name.
    return _asking(there, [at < len(there) - len(named) for at in range(len(there))])


def _there(environ: Mapping[str, str], named: Sequence[NamedModel]) -> tuple[Endpoint, ...]:
    from agents import ModelError, endpoints

    try:
        return endpoints(environ, named)
    except ModelError:
        # No model of these can be asked; whoever asks is told why.
        return ()


def _asking(there: Sequence[Endpoint], dear: Sequence[bool]) -> tuple[str, ...]:
    """Return the agents that ask a model which is `dear`, by all their names."""
    from agents import ALONE, choose

    asked = [each for each, is_dear in zip(there, dear, strict=True) if is_dear]
    names = [f"model:{each.name}" for each in asked]
    # The plain name is no agent where every model does one other thing alone.
    if any(each.role not in ALONE for each in there) and choose(there, role="edit") in asked:
        names.append("model")
    if any(each.role in ("", "edit") for each in asked):
        names.append(AUTO)
    return tuple(names)


def _assumed_usd(endpoint: Endpoint) -> float:
    from agents import Usage

    return endpoint.cost_usd(Usage(_TOKENS_IN, _TOKENS_OUT))
