"""What vLLM is told so that it drafts: words of its command line, and where its process finds what is ours."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

Drafts = Literal["", "original", "ngram", "suffix"]
_FOLDER = Path(__file__).parent
_PLUGIN = "nightcrew_drafts.plugin"


def draft_words(drafts: Drafts, tokens: int) -> tuple[str, ...]:
    """Return the words that make it draft at most `tokens` at a time."""
    if not drafts:
        return ()
    told: dict[str, object] = {"method": drafts, "num_speculative_tokens": tokens}
    if drafts != "original":
        return ("--speculative-config", json.dumps(told))
    told |= {"method": "custom_class", "model": f"{_PLUGIN}.Proposer"}
    return ("--speculative-config", json.dumps(told), "--worker-cls", f"{_PLUGIN}.Worker")


def draft_environment(drafts: Drafts, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that it needs besides those it has."""
    if drafts not in ("original", "ngram"):
        return {}
    # vLLM looks n-grams up by numba, which on OpenMP gives all of the engine's arithmetic as many threads as there are processors.
    told = {"NUMBA_THREADING_LAYER": environment.get("NUMBA_THREADING_LAYER", "workqueue")}
    if drafts == "original":
        told["PYTHONPATH"] = os.pathsep.join([str(_FOLDER), *filter(None, [environment.get("PYTHONPATH")])])
    return told
