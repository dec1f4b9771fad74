"""The demo: nightcrew fixes a real bug of a published library, from the bug report's text to a verified branch.

Everything lies in `.demo/`: the library's release as a git repository with its own environment, and nightcrew's state. Run it
with `make demo`; a second run uses what is there.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / ".demo"
REPOSITORY = DEMO / "boltons"
STATE = DEMO / "state"
NIGHTCREW = Path(sys.executable).parent / "nightcrew"
RELEASE = "boltons==26.1.0"

REPORT = """\
Bits accepts values that do not fit

mathutils.Bits checks that a value fits into the given length, but the check lets one value too many pass: Bits(2, 1) is
accepted although one bit holds only 0 and 1, and its binary form then has two digits. In general Bits(2 ** n, n) should raise
ValueError like every larger value does.
"""

TEST = """\
import pytest

from boltons.mathutils import Bits


@pytest.mark.parametrize("length", [1, 2, 8, 64])
def test_the_largest_value_that_fits_is_accepted(length):
    assert Bits(2 ** length - 1, length).as_bin() == "1" * length


@pytest.mark.parametrize("length", [1, 2, 8, 64])
def test_the_smallest_value_that_does_not_fit_is_refused(length):
    with pytest.raises(ValueError):
        Bits(2 ** length, length)
"""


def main() -> int:
    """Set up what is missing, fix the bug, and show what came of it. Return the exit status of `nightcrew fix`."""
    if not (REPOSITORY / ".git").is_dir():
        set_up()
    test = DEMO / "test_bits_bound.py"
    test.write_text(TEST, "utf-8")
    heading("the ticket")
    print(REPORT)
    heading(f"nightcrew fix  (in {REPOSITORY.relative_to(ROOT)})")
    started = time.monotonic()
    status, found = fix(test)
    if "ticket" not in found:
        print(json.dumps(found, indent=2))
        return status
    show(found, time.monotonic() - started)
    return status


def set_up() -> None:
    """Make the library's release a git repository with a virtual environment of its own."""
    heading(f"fetching {RELEASE} and its test runner")
    incoming = DEMO / "incoming"
    shutil.rmtree(incoming, ignore_errors=True)
    run(
        sys.executable,
        "-m",
        "pip",
        "-q",
        "download",
        "--no-deps",
        "--no-binary",
        "boltons",
        "--dest",
        incoming,
        RELEASE,
    )
    with tarfile.open(next(incoming.glob("*.tar.gz"))) as archive:
        archive.extractall(incoming, filter="data")
    library = next(path for path in incoming.iterdir() if path.is_dir())
    (library / ".gitignore").write_text(".venv/\n__pycache__/\n.pytest_cache/\n", "utf-8")
    shutil.rmtree(REPOSITORY, ignore_errors=True)
    library.rename(REPOSITORY)
    run(sys.executable, "-m", "venv", REPOSITORY / ".venv")
    run(
        REPOSITORY / ".venv" / "bin" / "python",
        "-m",
        "pip",
        "-q",
        "install",
        "--disable-pip-version-check",
        "pytest>=8,<10",
    )
    identity = ("-c", "user.name=Demo", "-c", "user.email=demo@example.com", "-c", "commit.gpgsign=false")
    run("git", "init", "-q", "-b", "main", cwd=REPOSITORY)
    run("git", "add", "-A", cwd=REPOSITORY)
    run("git", *identity, "commit", "-q", "-m", f"{RELEASE} as released", cwd=REPOSITORY)
    shutil.rmtree(incoming)


def fix(test: Path) -> tuple[int, dict[str, Any]]:
    """Run the main job; progress goes to the terminal, the report comes back."""
    place = f"{test}:tests/{test.name}"
    words: list[str | Path] = [
        "fix",
        REPORT,
        "--repo",
        REPOSITORY,
        "--state",
        STATE,
        "--test",
        "pytest tests",
        "--add-test",
        place,
        "--json",
    ]
    done = subprocess.run([NIGHTCREW, *words], stdout=subprocess.PIPE, check=False)
    return done.returncode, json.loads(done.stdout)


def show(found: dict[str, Any], seconds: float) -> None:
    """Print the branch, the diff, the verdict rung by rung, the cost, and how to review it."""
    ticket, branch = found["ticket"], found["branch"]
    heading("the diff")
    sys.stdout.flush()
    subprocess.run([NIGHTCREW, "diff", ticket, "--state", STATE], check=False)
    heading("the verdict")
    sys.stdout.flush()
    subprocess.run([NIGHTCREW, "show", ticket, "--state", STATE], check=False)
    heading(f"branch {branch}, in {seconds:.1f} s" if branch else f"no branch: {found['status']}")
    repository, state = REPOSITORY.relative_to(ROOT), STATE.relative_to(ROOT)
    if branch:
        print(f"review it:  git -C {repository} show {branch}")
        print(f"take it:    .venv/bin/nightcrew apply {ticket} --state {state}")


def heading(text: str) -> None:
    """Print a line that stands out."""
    print(f"\n== {text}", flush=True)


def run(*words: str | Path, cwd: Path | None = None) -> None:
    """Run a command; say which one failed."""
    done = subprocess.run(words, cwd=cwd, check=False)
    if done.returncode != 0:
        raise SystemExit(f"demo: this failed with status {done.returncode}: {' '.join(map(str, words))}")


if __name__ == "__main__":
    sys.exit(main())
