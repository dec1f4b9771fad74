"""A model at an OpenAI-compatible address. The client library is imported with the first request, not before."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from agents.models.endpoint import Endpoint
from agents.models.errors import ModelError, Trouble
from agents.models.model import Reply, Request, Watch, unwatched
from agents.models.patience import Patience


@dataclass(frozen=True, slots=True)
class HttpModel:
    """Asks the model of an endpoint, streaming; each call has connections of its own, so that calls may run in parallel threads."""

    endpoint: Endpoint
    patience: Patience = Patience()

    @property
    def name(self) -> str:
        """Return the name by which the configuration knows it."""
        return self.endpoint.name

    @property
    def context_tokens(self) -> int:
        """Return how many tokens a request and its reply may have together."""
        return self.endpoint.context_tokens

    def complete(self, request: Request, *, deadline_s: float, watch: Watch = unwatched) -> Reply:
        """Answer within `deadline_s` seconds, tries again included. Raises `ModelError`, and what `watch` raises."""
        if importlib.util.find_spec("openai") is None:
            raise ModelError(Trouble.NO_LIBRARY, "the package `openai` is not installed")
        from agents.models.client import Call

        return Call(self.endpoint, request, self.patience, deadline_s, watch).run()
