"""The directory a sandbox keeps on the host: its private /tmp, the files put into it, its account; and their sweep."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil

from sandbox import cgroup

MARKER = "NIGHTCREW_SCRATCH"
"""Names, in the environment of what is started on the host, the directory it belongs to."""

_GITCONFIG = """\
[safe]
\tdirectory = *
[user]
\tname = nightcrew
\temail = nightcrew@localhost
"""


class Scratch:
    """The directory of one sandbox below a scratch root, owned by this process until `remove`."""

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The owner is in the name: at no moment is there a directory of nobody's that a sweep would take.
        owner = f"sandbox-{os.getpid()}-{_started(os.getpid())}-"
        self.path = Path(os.path.realpath(tempfile.mkdtemp(prefix=owner, dir=root)))
        self.tmp.mkdir()
        self.tmp.chmod(0o1777)
        self.files.mkdir()
        self.empty.mkdir()
        self.home.mkdir()
        (self.home / ".gitconfig").write_text(_GITCONFIG, encoding="utf-8")

    @property
    def tmp(self) -> Path:
        """The private /tmp."""
        return self.path / "tmp"

    @property
    def home(self) -> Path:
        """The private home, `/tmp/home` inside."""
        return self.tmp / "home"

    @property
    def files(self) -> Path:
        """The read-only files that were put into the sandbox."""
        return self.path / "files"

    @property
    def empty(self) -> Path:
        """An empty directory, to cover others with."""
        return self.path / "empty"

    def put(self, name: str, data: bytes) -> Path:
        """Write a read-only file (replacing it at once, so that a running command sees the old or the new one).

        Raises ValueError for a name that is not one plain path component.
        """
        if name in {"", ".", ".."} or "/" in name or "\0" in name:
            raise ValueError(f"name={name!r} is not a plain file name: give one without a slash")
        descriptor, temporary = tempfile.mkstemp(dir=self.path)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(temporary).chmod(0o555 if data[:2] == b"#!" else 0o444)
        return Path(temporary).replace(self.files / name)

    def account(self, uid: int, gid: int) -> tuple[Path, Path]:
        """Write the machine's user and group lists with the sandbox's own user in them; return both paths."""
        passwd, group = self.path / "passwd", self.path / "group"
        passwd.write_bytes(_listed(Path("/etc/passwd"), f"nightcrew:x:{uid}:{gid}:nightcrew:/tmp/home:/bin/sh"))
        group.write_bytes(_listed(Path("/etc/group"), f"nightcrew:x:{gid}:"))
        return passwd, group

    def remove(self) -> None:
        """Remove the directory, whatever a command left in it."""
        _remove(self.path)


def _listed(source: Path, line: str) -> bytes:
    """Return a user or group list in which `line` takes the place of the entry with its number."""
    number = line.split(":")[2].encode()
    old = source.read_bytes().splitlines() if source.exists() else []
    kept = [entry for entry in old if entry.split(b":")[2:3] != [number]]
    return b"\n".join([*kept, line.encode(), b""])


def _started(pid: int) -> int | None:
    """Return when a process started (ticks since boot), None when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return int(text.rpartition(")")[2].split()[19])


def _remove(path: Path) -> None:
    # Not by Python: a command may have left directories nested too deep for it, or without permissions.
    tools = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    for words in (["rm", "-rf"], ["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
        if not path.exists():
            return
        subprocess.run([*words, "--", path], env=tools, stderr=subprocess.DEVNULL, check=False)


def sweep(root: Path) -> list[str]:
    """End and remove what sandboxes of killed processes left below the scratch root `root`; return their names."""
    swept = []
    for path in sorted(root.glob("sandbox-*")) if root.is_dir() else ():
        if not _owned(path):
            _end_strays(path)
            cgroup.sweep(path.name)
            _remove(path)
            swept.append(path.name)
    return swept


def _owned(path: Path) -> bool:
    match path.name.split("-"):
        case ["sandbox", pid, started, *_] if pid.isdecimal() and started.isdecimal():
            return _started(int(pid)) == int(started)
        case _:
            return False


def _end_strays(path: Path) -> None:
    """Kill the processes that were started for the directory: their owner died before they were tied to it."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARKER) == os.fspath(path):
                process.send_signal(signal.SIGKILL)
