"""Other addresses in front of the same replicas: vllm-router and LiteLLM's proxy, in environments of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.orchestrator.pool.standins import free_port

CACHE = Path(__file__).parent.parent.parent / ".bench" / "pool"
ROUTER = "vllm-router==0.1.17"
LITELLM = "litellm[proxy]==1.81.10"
_START_S = 120.0
_ENVIRON = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOG": "ERROR",
    "DO_NOT_TRACK": "1",
    # With 50 connections to a replica, its default, requests would wait for one another.
    "AIOHTTP_CONNECTOR_LIMIT": "4096",
    "AIOHTTP_CONNECTOR_LIMIT_PER_HOST": "4096",
}


@dataclass(frozen=True, slots=True)
class Peer:
    """An address that runs: its port and its process."""

    port: int
    pid: int


def environment(requirement: str) -> Path:
    """Return the interpreter of an environment with a package, made once."""
    place = CACHE / requirement.partition("==")[0].partition("[")[0]
    python = place / "bin" / "python"
    if not (place / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        pip = [str(python), "-m", "pip", "-q", "--disable-pip-version-check", "install", requirement]
        subprocess.run(pip, check=True, capture_output=True, timeout=1800)
        (place / "ready").touch()
    return python


@contextmanager
def router(replicas: Sequence[int]) -> Iterator[Peer]:
    """Have vllm-router serve replicas, each session with one of them, by the policy that keeps load even."""
    port, metrics = free_port(), free_port()
    urls = [f"http://127.0.0.1:{each}" for each in replicas]
    words = [str(environment(ROUTER).with_name("vllm-router")), "--worker-urls", *urls, "--policy", "consistent_hash"]
    with _running(
        [*words, "--port", str(port), "--prometheus-port", str(metrics), "--log-level", "error"], port, "/health"
    ) as pid:
        yield Peer(port, pid)


@contextmanager
def litellm(replicas: Sequence[int], model: str) -> Iterator[Peer]:
    """Have LiteLLM's proxy serve replicas, without a database, logs or call-backs."""
    port = free_port()
    deployed = [
        {
            "model_name": model,
            "litellm_params": {
                "model": f"openai/{model}",
                "api_base": f"http://127.0.0.1:{each}/v1",
                "api_key": "none",
            },
        }
        for each in replicas
    ]
    # JSON is YAML, too.
    config = CACHE / "litellm.yaml"
    config.write_text(json.dumps({"model_list": deployed, "litellm_settings": {"telemetry": False}}), "utf-8")
    program = str(environment(LITELLM).with_name("litellm"))
    with _running(
        [program, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)], port, "/health/liveliness"
    ) as pid:
        yield Peer(port, pid)


@contextmanager
def _running(words: Sequence[str], port: int, path: str) -> Iterator[int]:
    """Have a program run; it is there once it answers."""
    environ = {**os.environ, **_ENVIRON}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(words, stdout=quiet, stderr=quiet, stdin=quiet, env=environ, cwd=CACHE)
    try:
        last = time.monotonic() + _START_S
        while not _answers(f"http://127.0.0.1:{port}{path}"):
            assert time.monotonic() < last and process.poll() is None, f"{words[0]} does not start"
            time.sleep(0.2)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
