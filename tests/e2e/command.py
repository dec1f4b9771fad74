"""Run nightcrew as a person does: its installed command, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NIGHTCREW = Path(sys.executable).parent / "nightcrew"


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended: its exit status, JSON document, and standard error."""

    status: int
    document: dict[str, Any]
    stderr: str


def nightcrew(*words: str | Path, state: Path, stdin: bytes = b"", environ: Mapping[str, str] | None = None) -> Answer:
    """Run a command with `--json`; fail unless it prints one JSON document and nothing else."""
    done = subprocess.run(
        [NIGHTCREW, *words, "--json", "--state", state],
        input=stdin,
        capture_output=True,
        env=clean_environment(environ),
        check=False,
        timeout=900,
    )
    stderr = done.stderr.decode("utf-8", "replace")
    try:
        document = json.loads(done.stdout)
    except ValueError:
        raise AssertionError(f"exit {done.returncode}, no JSON: {done.stdout!r}\n{stderr}") from None
    return Answer(done.returncode, document, stderr)


def clean_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without what would tell nightcrew of another project's interpreter."""
    own = {
        name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH", "CONDA_PREFIX")
    }
    return {**own, **(environ or {})}


def until(process: subprocess.Popen[str], kind: str) -> None:
    """Read a command's progress up to the first event of a kind."""
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if line.startswith(kind):
            return
    raise AssertionError(f"it ended before `{kind}`: {''.join(seen)}")
