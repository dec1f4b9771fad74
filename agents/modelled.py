"""The agent of a model, made when a job wants one: its tools, prompts and edits take a while to import, and most commands need none."""

from __future__ import annotations

from agents.agent import Agent
from agents.models import Model, Price, Priced, free
from verifier import TrialsFactory


def model_agent(
    model: Model,
    factory: TrialsFactory,
    price: Price = free,
    name: str = "model",
    known_as: str = "",
    planner: Priced | None = None,
    works: str = "",
    repair: bool = True,
    parallel: int = 4,
    applier: Priced | None = None,
) -> Agent:
    """Return the agent that lets a model work through tools, or by samples where it cannot hold them; each call is paid for by `price`.

    With `works` = `samples` it is not tested for tools, with `tools` it is never asked for samples. With `repair` the repair agent's candidates
    compete with samples, of which `parallel` are asked for at once.
    `planner` plans where a plan is asked for; unless given, the model itself does. `applier` writes files where an edit has no sure place.
    Tokens are counted as the model `known_as` does, which the configuration may call otherwise. Raises `ModelError` where nothing counts them.
    """
    from agents.conversation import ConversationAgent
    from agents.prompts import TokenCounter, encoding_of
    from agents.sampling import SamplingAgent, Settings

    count = TokenCounter(encoding_of(known_as or model.name))
    samples = SamplingAgent(
        model,
        factory,
        Settings(repair=repair, parallel=parallel),
        count,
        price,
        name if works == "samples" else "sampling",
    )
    if works == "samples":
        return samples
    otherwise = None if works == "tools" else samples
    return ConversationAgent(
        model, count=count, price=price, otherwise=otherwise, name=name, planner=planner, applier=applier
    )
