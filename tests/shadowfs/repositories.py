"""Real git repositories for tests, and a digest that tells whether anything in one was touched."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

FILES: dict[str, bytes] = {
    "README.md": b"# A project\n",
    "pkg/__init__.py": b"",
    "pkg/core.py": b"def answer():\n    return 41\n",
    "pkg/deep/er/leaf.txt": b"leaf\n",
    "tests/test_core.py": b"from pkg.core import answer\n\n\ndef test_answer():\n    assert answer() == 42\n",
    ".gitignore": b"*.log\nbuild/\n__pycache__/\n.env\n",
}


def git(root: Path, *args: str | bytes | Path, input: bytes = b"", enter: Sequence[str] = ()) -> bytes:
    """Run git as a user without configuration would, and return its output without the last line end.

    `enter` are the words before the command that take it to where `root` is seen.
    """
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(root),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
        "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
    }
    identity = ["-c", "user.name=A Person", "-c", "user.email=person@example.org", "-c", "protocol.file.allow=always"]
    done = subprocess.run(
        [*enter, "git", "-C", root, *identity, *args],
        cwd="/" if enter else root,
        env=env,
        input=input,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.rstrip(b"\n")


def make(root: Path, files: dict[str, bytes] = FILES, *options: str) -> Path:
    """Make a repository with one commit of these files on `main`."""
    root.mkdir(parents=True, exist_ok=True)
    git(root, "init", "--quiet", "--initial-branch=main", *options)
    write(root, files)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message=first", "--allow-empty")
    return root


def write(root: Path, files: dict[str, bytes]) -> None:
    """Write these files below `root`."""
    for path, data in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def age(root: Path, seconds: float = 3600.0) -> None:
    """Make every file look old, and git's index younger than them, as in a repository that was not made just now."""
    for path in root.rglob("*"):
        if ".git" not in path.relative_to(root).parts and path.is_file() and not path.is_symlink():
            status = path.stat()
            past_ns = status.st_mtime_ns - int(seconds * 1e9)
            os.utime(path, ns=(past_ns, past_ns))
    git(root, "update-index", "-q", "--refresh")


def digest(root: Path, without: tuple[str, ...] = ()) -> str:
    """Return a digest of names, modes, times and content of all below `root`, `.git` included, and `without` these paths."""
    total = hashlib.sha256()
    for path in sorted(root.rglob("*"), key=os.fsencode):
        if any(path.is_relative_to(root / left) for left in without):
            continue
        status = path.lstat()
        content = b""
        if path.is_symlink():
            content = os.fsencode(path.readlink())
        elif path.is_file() and status.st_size < 1 << 24:
            content = hashlib.sha256(path.read_bytes()).digest()
        total.update(
            b"%s\0%o %d %d\0" % (os.fsencode(path), status.st_mode, status.st_size, status.st_mtime_ns) + content
        )
    return total.hexdigest()
