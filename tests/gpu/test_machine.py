"""The check says at once where there is nothing to be checked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gpu.machine import Gpu, gpus
from tests.orchestrator.pool.standins import ROOT

SAID = """#!/bin/sh
echo 'NVIDIA H100 80GB HBM3, 81559, 550.54.15'
echo 'NVIDIA GB10, [N/A], 580.95.05'
"""


def program(folder: Path, text: str) -> None:
    """Put an `nvidia-smi` of our own into a folder."""
    made = folder / "nvidia-smi"
    made.write_text(text, "utf-8")
    made.chmod(0o755)


@pytest.mark.parametrize("text", ["", "#!/bin/sh\necho 'No devices were found'\nexit 6\n"], ids=["absent", "none"])
def test_a_machine_without_a_gpu_is_told_so(text: str, tmp_path: Path) -> None:
    if text:
        program(tmp_path, text)
    words = [sys.executable, "-m", "tests.gpu", "--model", "/no/model"]
    environ = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120, env=environ, cwd=ROOT)
    assert done.returncode == 1 and done.stdout == "" and done.stderr.startswith("no GPU was found: ")
    assert text.count("No devices") == done.stderr.count("No devices")


def test_gpus_are_told_by_their_names_and_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, SAID)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert gpus() == (Gpu("NVIDIA H100 80GB HBM3", 81559, "550.54.15"), Gpu("NVIDIA GB10", 0, "580.95.05"))
