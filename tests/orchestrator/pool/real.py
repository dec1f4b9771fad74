"""Pools of the real vLLM, on the CPU, with a tiny random model. Starting one takes most of a minute: a module's tests share it."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import openai

from tests.orchestrator.pool.pools import Pool, pool
from tests.orchestrator.pool.realenvironment import real_python

LENGTH = 2048
"""Tokens that a request and its reply have room for."""
START_S = 600.0
"""How long engines may take to come up on a machine that is busy."""
_ARGUMENTS = ("--enforce-eager", "--dtype", "float32", "--max-model-len", str(LENGTH), "--block-size", "32")
_ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    # Several engines share the processors of a test machine.
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}


@dataclass(frozen=True, slots=True)
class Real:
    """A pool that is up."""

    pool: Pool
    address: str

    def client(self) -> openai.OpenAI:
        """Return the API's own client."""
        return openai.OpenAI(base_url=self.address, api_key="none", max_retries=0, timeout=120)

    def port(self, model: str) -> int:
        """Return where the first engine of a model listens."""
        return int(self.pool.replicas(model)[0]["port"])

    def metric(self, model: str, name: str, label: str = "") -> float:
        """Return one of the engine's own figures, of which a label may be named, as in `reason="abort"`."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port(model)}/metrics", timeout=30) as answer:
            told = answer.read().decode()
        found = re.search(rf"^vllm:{name}\{{[^}}]*{label}[^}}]*\}} (\S+)$", told, re.MULTILINE)
        assert found, f"the engine has no metric vllm:{name}"
        return float(found[1])


def real_table(
    name: str, model: str | Path, arguments: Sequence[str] = (), more: str = "", program: str | None = None
) -> str:
    """Return the table of a model that the real engine serves, with further arguments of the engine and lines of the table."""
    variables = ", ".join(f'{key} = "{value}"' for key, value in _ENVIRONMENT.items())
    return (
        f'[models.{name}]\nengine = "vllm"\nprogram = "{program or real_python()}"\nmodel = "{model}"\n'
        f"arguments = {json.dumps([*_ARGUMENTS, *arguments])}\nenvironment = {{ {variables} }}\n{more}\n"
    )


@contextmanager
def real_pool(folder: Path, text: str, wait_s: float = START_S) -> Iterator[Real]:
    """Bring a pool up."""
    with pool(folder, text, wait_s) as made:
        assert made.process is not None and made.process.poll() is None, made.log
        told = json.loads((made.state / "pool" / "status.json").read_text("utf-8"))
        yield Real(made, told["address"])
