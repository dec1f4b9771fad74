"""The GPUs of this machine, as NVIDIA's own program names them."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

_ASKED = ("name", "memory.total", "driver_version")
_WAIT_S = 60.0


class NoGpu(Exception):
    """Raised when there is none to be checked."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One of them."""

    name: str
    memory_mib: int
    driver: str


def gpus() -> tuple[Gpu, ...]:
    """Return all of them, one at least. Raises `NoGpu`."""
    program = shutil.which("nvidia-smi")
    if program is None:
        raise NoGpu("no GPU was found: there is no nvidia-smi here; run this where one is, or try it with DEVICE=cpu")
    words = [program, f"--query-gpu={','.join(_ASKED)}", "--format=csv,noheader,nounits"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_WAIT_S)
    if done.returncode or not done.stdout.strip():
        said = (done.stderr or done.stdout).strip() or "nothing"
        raise NoGpu(f"no GPU was found: nvidia-smi ended with status {done.returncode} and said {said}")
    return tuple(_gpu(line) for line in done.stdout.strip().splitlines())


def _gpu(line: str) -> Gpu:
    name, memory, driver = (each.strip() for each in line.rsplit(",", 2))
    # A GPU that shares its memory with the processor tells no number.
    return Gpu(name, int(memory) if memory.isdecimal() else 0, driver)
