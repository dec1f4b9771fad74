"""The engines: how each is started, as words and variables, and what it says when it is asked for its health. Nothing of them is imported."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import BadConfig
from orchestrator.pool.drafting import draft_environment, draft_words
from orchestrator.pool.spec import ModelTable
from orchestrator.pool.upstream import HOST
from orchestrator.pool.weights import is_there, trouble_of

_VLLM = "vllm.entrypoints.openai.api_server"
_LLAMA = "llama-server"
_PYTHON = "python3"


@dataclass(frozen=True, slots=True)
class Start:
    """How one replica is started."""

    words: tuple[str, ...]
    environment: Mapping[str, str]


def start(name: str, model: ModelTable, host: str, port: int, key: str) -> Start:
    """Return how a replica of a model is started on this machine that listens at `host` and `port`, and answers to `key` alone."""
    names = (name, *model.roles)
    # In the environment, which other users of the machine cannot read as they can a command line.
    environment = {**model.environment, "VLLM_API_KEY": key, "LLAMA_API_KEY": key}
    at = ("--host", host, "--port", str(port))
    if model.engine == "vllm":
        program = _program(name, model.program or _PYTHON)
        words = (program, "-m", _VLLM, "--model", model.model, "--served-model-name", *names, *at)
        words += draft_words(model.drafts, model.draft_tokens)
        environment |= draft_environment(model.drafts, model.environment)
    elif model.engine == "llama":
        program = _program(name, model.program or _LLAMA)
        words = (program, "-m", model.model, "--alias", name, "-np", str(model.at_once), "--jinja", "--metrics", *at)
    else:
        given = {"{host}": host, "{port}": str(port), "{model}": model.model, "{name}": name}
        words = _filled(model.command, given)
        words = (_program(name, words[0]), *words[1:])
    return Start((*words, *model.arguments), environment)


def check(name: str, model: ModelTable) -> None:
    """Look whether a model can be started at all. Raises `BadConfig`."""
    start(name, model, HOST, 1, "")
    # vLLM knows names of models, too, which its cache has, or the world outside.
    path = Path(model.model)
    is_path = model.engine == "llama" or model.model.startswith(("/", "./", "../", "~")) or is_there(path)
    trouble = trouble_of(path) if is_path and model.model else ""
    if trouble:
        raise BadConfig(f"model {name}: {trouble}")


def _program(name: str, program: str) -> str:
    found = shutil.which(program)
    if found is None:
        why = f"model {name}: there is no program {program}: install the engine, or name it with `program`"
        raise BadConfig(why)
    return found


def _filled(words: Sequence[str], given: Mapping[str, str]) -> tuple[str, ...]:
    filled = []
    for word in words:
        for mark, value in given.items():
            word = word.replace(mark, value)
        filled.append(word)
    return tuple(filled)
