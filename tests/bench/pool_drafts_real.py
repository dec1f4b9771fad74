"""Measures drafts on the real vLLM, on the CPU, with the tests' tiny random model: whether replies stay the same, and their wall time beside no drafts.

The original is the reply itself with an edit every 150 characters: parts gone, parts more, parts replaced. A step of that model is nearly all
overhead, as a step of a large one on a GPU is nearly all reading of its weights; a draft's tokens cost little more in either. Ways take turns, and the best
of three counts.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import cycle
from math import inf
from pathlib import Path
from typing import Any

from tests.bench.target import Target
from tests.orchestrator.pool import tinymodel
from tests.orchestrator.pool.real import Real, real_pool, real_table
from tests.orchestrator.pool.realenvironment import PLACE

_SAME = "fast edits on vLLM's CPU engine: replies that are not the unspeculated ones"
_TIME = "fast edits on vLLM's CPU engine: wall time of a reply, of that without drafts"
_TOKENS = 1_000
_APART = 150
_PROMPTS, _QUICK_PROMPTS = 2, 1
_TIMES = 3
_STEPS, _ACCEPTED = "spec_decode_num_drafts_total", "spec_decode_num_accepted_tokens_total"
_PLAIN, _ORIGINAL, _NGRAM, _OFF = "no drafts", "the original", "n-grams", "drafts switched off"


def measure(quick: bool) -> Iterator[Target]:
    """Yield the targets, where the engine's environment is there."""
    if not os.environ.get("NIGHTCREW_TEST_VLLM") and not (PLACE / "whole").is_file():
        why = "`python -m tests.orchestrator.pool.realenvironment` makes the engine's environment"
        yield Target(_SAME, "", 0.0, None, why=why)
        yield Target(_TIME, "share", None, None, why=why)
        return
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as folder:
        weights = tinymodel.make(Path(folder, "tiny"))
        text = real_table("plain", weights) + real_table("drafting", weights, more='drafts = "original"')
        with real_pool(Path(folder, "pool"), text) as real:
            yield from _compared(real, _QUICK_PROMPTS if quick else _PROMPTS)


def _compared(real: Real, prompts: int) -> Iterator[Target]:
    best: defaultdict[str, float] = defaultdict(float)
    other = replies = 0
    steps = accepted = 0.0
    for number in range(prompts):
        prompt = f"Write file {number}."
        plain = _said(real, "plain", prompt)
        original = edited(plain)
        before = real.metric("drafting", _STEPS), real.metric("drafting", _ACCEPTED)
        _said(real, "drafting", prompt, original)
        steps += real.metric("drafting", _STEPS) - before[0]
        accepted += real.metric("drafting", _ACCEPTED) - before[1]
        told = {_PLAIN: None, _ORIGINAL: original, _NGRAM: None, _OFF: ""}
        taken = dict.fromkeys(told, inf)
        for _ in range(_TIMES):
            for way, text in told.items():
                began = time.perf_counter()
                said = _said(real, "plain" if way == _PLAIN else "drafting", prompt, text)
                taken[way] = min(taken[way], time.perf_counter() - began)
                other += said != plain
                replies += 1
        for way, seconds in taken.items():
            best[way] += seconds
    yield Target(_SAME, "", 0.0, float(other), {"replies": replies, "tokens of each": _TOKENS})
    beside = {f"{way}, share": best[way] / best[_PLAIN] for way in (_NGRAM, _OFF)}
    beside |= {f"{way}, s": each / prompts for way, each in best.items()}
    beside |= {"accepted tokens for each draft of the original": accepted / steps}
    yield Target(_TIME, "share", None, best[_ORIGINAL] / best[_PLAIN], beside)


def edited(text: str) -> str:
    """Return a text from which `text` would be an edit."""
    pieces = [text[at : at + _APART] for at in range(0, len(text), _APART)]
    changes = cycle([(20, ""), (0, "something that is gone"), (2, "~~")])
    return "".join(new + piece[gone:] for (gone, new), piece in zip(changes, pieces, strict=False))


def _said(real: Real, model: str, prompt: str, original: str | None = None) -> str:
    """Return a reply of which some text was predicted: none is drafted by n-grams, an empty one not at all."""
    named: dict[str, Any] = {} if original is None else {"prediction": {"type": "content", "content": original}}
    asked: dict[str, Any] = {"messages": [{"role": "user", "content": prompt}], "max_tokens": _TOKENS, "temperature": 0}
    with real.client() as client:
        return str(client.chat.completions.create(model=model, **asked, **named).choices[0].message.content)
