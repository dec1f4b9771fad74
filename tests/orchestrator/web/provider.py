"""A real OpenID provider, panva's `oidc-provider`: fetched once with npm into the user's cache, run by node on a free port."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import httpx2
import pytest

PACKAGE = "oidc-provider@9.13.3"
CLIENT_ID, SECRET = "nightcrew", "a secret: with / signs"
_PROGRAM = Path(__file__).parent / "provider.mjs"
_PATH = f"{os.environ.get('PATH', os.defpath)}:{Path(sys.prefix) / 'bin'}"


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider that runs, and the file in which it looks up what is known of people."""

    issuer: str
    people: Path

    def knows(self, **people: dict[str, object]) -> None:
        """Have it know these people, and what is said of them."""
        self.people.write_text(json.dumps(people), "utf-8")

    def sign_in(self, address: str, name: str) -> str:
        """Sign in as a browser would, and return the address to which it sends the browser back."""
        with httpx2.Client() as browser:
            answer = browser.get(address)
            while True:
                while answer.is_redirect:
                    address = urljoin(address, answer.headers["location"])
                    if not address.startswith(self.issuer):
                        return address
                    answer = browser.get(address)
                assert answer.status_code == 200, answer.text
                form = re.search(r'<form[^>]* action="([^"]+)"', answer.text)
                assert form is not None, answer.text
                fields = re.findall(r'<input[^>]* name="(\w+)"(?:[^>]* value="([^"]*)")?', answer.text)
                typed = {field: value or name for field, value in fields}
                address = urljoin(address, unescape(form[1]))
                answer = browser.post(address, data=typed)


@contextmanager
def providing(folder: Path) -> Iterator[Provider]:
    """Run a provider for as long as the block lasts."""
    people = folder / "people.json"
    people.write_text("{}", "utf-8")
    # A program finds packages from where it lies.
    program = _packages() / _PROGRAM.name
    process = subprocess.Popen(
        [_found("node"), program, people], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        issuer = process.stdout.readline().strip()
        assert issuer.startswith("http://localhost:"), (issuer, process.poll())
        yield Provider(issuer, people)
    finally:
        process.kill()
        process.wait(60)
        process.stdout.close()


def _packages() -> Path:
    """Return a folder with the provider and this test's program."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nightcrew-tests"
    target = cache / PACKAGE
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            _fetch(cache / f"{PACKAGE}.partial").rename(target)
        shutil.copy(_PROGRAM, target)
    return target


def _fetch(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "package.json").write_text('{"private": true}', "utf-8")
    words = [_found("npm"), "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        pytest.skip(f"npm's registry does not give {PACKAGE}: {done.stderr[-300:]}")
    return folder


def _found(program: str) -> str:
    found = shutil.which(program, path=_PATH)
    if found is None:
        pytest.skip(f"{program} is not here: the OpenID provider cannot be fetched, or run")
    return found
