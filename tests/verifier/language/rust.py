"""Rust's server for the tests: Debian 13's, with the libraries it needs, in a folder of its own beside whatever this machine has."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

_SOURCE = """\
Types: deb
URIs: http://deb.debian.org/debian
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""


def rust_analyzer(folder: Path) -> Path | None:
    """Return the directory of the server's program, fetched into `folder` where it is not yet; None where apt cannot bring it."""
    if shutil.which("apt-get") is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "bin" / "rust-analyzer").exists() and not _fetched(folder):
            return None
    return folder / "bin"


def _fetched(folder: Path) -> bool:
    for name in ("sources", "lists/partial", "cache/archives/partial", "root", "bin"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "sources" / "debian.sources").write_text(_SOURCE)
    own = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": folder / "sources",
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": folder / "cache",
        "Debug::NoLocking": "true",
        # The folder is not for others to read.
        "APT::Sandbox::User": "root",
        "Acquire::Retries": "3",
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in own.items())]
    install = ["install", "--download-only", "--no-install-recommends", "--yes", "rust-analyzer"]
    for words in ([*apt, "update"], [*apt, *install]):
        if subprocess.run(words, capture_output=True, check=False, timeout=300).returncode:
            return False
    root = folder / "root"
    for package in (folder / "cache" / "archives").glob("*.deb"):
        subprocess.run(("dpkg", "-x", package, root), check=True)
    (libraries,) = (path.parent for path in (root / "usr" / "lib").glob("*-linux-gnu/libc.so.6"))
    (loader,) = libraries.glob("ld-linux-*.so.*")
    program = folder / "bin" / "rust-analyzer"
    program.write_text(f'#!/bin/sh\nexec {loader} --library-path {libraries} {root}/usr/bin/rust-analyzer "$@"\n')
    program.chmod(0o755)
    for name in ("lists", "cache"):
        shutil.rmtree(folder / name)
    return True
