"""Nightcrew as users install it: the wheel in a fresh environment, on a Python that every user can read."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DEBIANS = Path("/usr/bin/python3")


def everybodys_python() -> str:
    """Return an interpreter that other users can run too: Debian's where there is one."""
    return str(DEBIANS) if DEBIANS.exists() else sys.executable


@functools.cache
def installation() -> Path:
    """Build the wheel, install it with the extra `fuse` outside the checkout for every user to read; return its `bin`. Once a session."""
    place = Path(tempfile.mkdtemp(prefix="nightcrew-installed-"))
    place.chmod(0o755)
    python = sys.executable
    run(python, "-m", "pip", "-q", "wheel", "--no-deps", "--wheel-dir", place / "wheel", ROOT)
    run(everybodys_python(), "-m", "venv", place / "venv")
    (wheel,) = (place / "wheel").glob("nightcrew-*.whl")
    run(
        place / "venv" / "bin" / "python", "-m", "pip", "-q", "install", "--disable-pip-version-check", f"{wheel}[fuse]"
    )
    return place / "venv" / "bin"


def remove_installation() -> None:
    """Remove what `installation` made."""
    if installation.cache_info().currsize:
        shutil.rmtree(installation().parent.parent, ignore_errors=True)
        installation.cache_clear()


def run(*words: str | Path) -> None:
    """Run a command; fail with what it said."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
