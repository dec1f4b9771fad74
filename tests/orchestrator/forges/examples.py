"""GitHub's own example payloads, as the npm package @octokit/webhooks-examples has them. Fetched once, below `.bench/`."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

CACHE = Path(__file__).parent.parent.parent.parent / ".bench" / "webhooks"
PACKAGE = "@octokit/webhooks-examples@7.6.1"


@cache
def payloads() -> dict[str, tuple[dict[str, Any], ...]]:
    """Return all examples by event; skip the test where npm or its registry is not there."""
    index = json.loads(_index().read_text("utf-8"))
    return {event["name"]: tuple(event["examples"]) for event in index}


def of(event: str, action: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield the examples of an event, with this action where one is named."""
    yield from (each for each in payloads()[event] if action in (None, each.get("action")))


def _index() -> Path:
    target = CACHE / "package" / "api.github.com" / "index.json"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_file():
            _fetch()
    return target


def _fetch() -> None:
    npm = shutil.which("npm", path=f"{os.environ.get('PATH', os.defpath)}:{Path(sys.prefix) / 'bin'}")
    if npm is None:
        pytest.skip("npm is not here: GitHub's example payloads cannot be fetched")
    words = [npm, "pack", "--silent", PACKAGE]
    done = subprocess.run(words, cwd=CACHE, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        pytest.skip(f"npm's registry does not give {PACKAGE}: {done.stderr[-300:]}")
    with tarfile.open(CACHE / done.stdout.strip().splitlines()[-1]) as archive:
        archive.extractall(CACHE, filter="data")
