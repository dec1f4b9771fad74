"""vLLM's side: a proposer of drafts, and the worker that lets it see its requests. A request that names its original is drafted from it, another one by n-grams.

The one module that imports vLLM (0.32), of which it uses the speculative method `custom_class` and `--worker-cls`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from vllm.config import VllmConfig
from vllm.platforms import current_platform
from vllm.tokenizers import cached_tokenizer_from_config
from vllm.v1.spec_decode.ngram_proposer import NgramProposer

if current_platform.is_cpu():
    from vllm.v1.worker.cpu_worker import CPUWorker as EngineWorker
else:
    from vllm.v1.worker.gpu_worker import Worker as EngineWorker

from . import XARG, Original

_NGRAM = 5
"""What vLLM itself takes where nothing is said."""
_CHARACTERS = 8
"""Of an original for each token of the context: more of it could not be written again."""


class Worker(EngineWorker):  # type: ignore[misc]
    """vLLM's own worker; its proposer sees which requests it has, which `custom_class` does not tell."""

    def init_device(self) -> None:
        """Do what the worker does, and show the proposer its requests."""
        super().init_device()
        drafter = getattr(self.model_runner, "drafter", None)
        if isinstance(drafter, Proposer):
            drafter.runner = self.model_runner


@dataclass(slots=True)
class Followed:
    """A reply, and how many tokens it had together with its prompt when it was drafted for last."""

    original: Original
    tokens: int


class Proposer:
    """Proposes drafts for all requests of a step."""

    runner: Any = None

    def __init__(self, vllm_config: VllmConfig) -> None:
        self._limit: int = vllm_config.speculative_config.num_speculative_tokens
        self._room: int = vllm_config.model_config.max_model_len
        self._vocabulary: int = vllm_config.model_config.get_vocab_size()
        self._tokenizer = cached_tokenizer_from_config(vllm_config.model_config)
        self._ngram = NgramProposer(vllm_config)
        self._ngram.min_n = self._ngram.max_n = _NGRAM
        # It is compiled with the first draft; vLLM's own rehearsal drafts none. All requests would wait for seconds.
        self._ngram.propose(self._limit, [[0]], np.ones(1, np.int32), np.zeros((1, self._room), np.int32))
        self._followed: dict[str, Followed | None] = {}

    def load_model(self, *_: object, **__: object) -> None:
        """Load nothing: drafts come from texts."""

    def propose(
        self, sampled_token_ids: Sequence[Sequence[int]], num_tokens_no_spec: Any, token_ids_cpu: Any, **_: object
    ) -> list[list[int]]:
        """Return a draft for each row of the batch; `token_ids_cpu` has the prompts with the replies so far."""
        ids = self.runner.input_batch.req_ids[: len(sampled_token_ids)]
        self._followed = {id: self._followed[id] if id in self._followed else self._begun(id) for id in ids}
        others = [[] if self._followed[id] else new for id, new in zip(ids, sampled_token_ids, strict=True)]
        drafts: list[list[int]] = self._ngram.propose(self._limit, others, num_tokens_no_spec, token_ids_cpu)
        for row, (id, new) in enumerate(zip(ids, sampled_token_ids, strict=True)):
            followed, tokens = self._followed[id], int(num_tokens_no_spec[row])
            # A prompt of which only a part was read yet has no new tokens.
            if followed and new:
                followed.original.take(token_ids_cpu[row, followed.tokens : tokens].tolist())
                followed.tokens = tokens
                drafts[row] = followed.original.draft(max(0, min(self._limit, self._room - tokens - 1)))
        return drafts

    def _begun(self, id: str) -> Followed | None:
        """Return a request's original at the beginning of its reply; None where it names none."""
        request = self.runner.requests[id]
        params = request.sampling_params
        text = (params.extra_args or {}).get(XARG) if params else None
        if not isinstance(text, str):
            return None
        tokens = self._tokenizer.encode(text[: _CHARACTERS * self._room], add_special_tokens=False)
        known = [token for token in tokens if token < self._vocabulary]
        return Followed(Original(known), request.num_prompt_tokens)
