"""The directory a sandbox keeps on the host: its private /tmp, the files put into it, its account; and their sweep."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

from sandbox import cgroup
from sandbox.owner import lives, owner

MARKER = "NIGHTCREW_SCRATCH"
"""Names, in the environment of what is started on the host, the directory it belongs to."""

_ENGINE = "engine"
_LEFT = "left"
"""There once the sandbox ended and something of it could not be removed."""
_TRIED = "tried"
_AGAIN_S = 60.0
"""How long an engine that did not answer is not asked again: from one that is switched off no answer comes for long."""
_LISTS = (Path("/etc/passwd"), Path("/etc/group"))
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
        self.path = Path(os.path.realpath(tempfile.mkdtemp(prefix=f"sandbox-{owner()}-", dir=root)))
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

    @property
    def ends(self) -> Path:
        """A directory for what connects commands in a container."""
        return self.path / "ends"

    @property
    def blank(self) -> Path:
        """An empty file, to cover others with."""
        return self.path / "blank"

    def mark(self, engine: str) -> None:
        """Note which engine's containers may belong to the directory, before there is one."""
        (self.path / _ENGINE).write_text(engine, encoding="utf-8")
        self.ends.mkdir(exist_ok=True)
        self.blank.touch()

    def leave(self) -> None:
        """Leave the directory, and what it says belongs to it, to a later sweep."""
        # Where it was removed before, there is nothing to leave.
        with suppress(FileNotFoundError):
            (self.path / _LEFT).touch()

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
        return self.listed(uid, gid, *(path.read_bytes() if path.exists() else b"" for path in _LISTS))

    def listed(self, uid: int, gid: int, users: bytes, groups: bytes) -> tuple[Path, Path]:
        """Write these user and group lists with the sandbox's own user in them; return both paths."""
        passwd, group = self.path / "passwd", self.path / "group"
        passwd.write_bytes(_listed(users, f"nightcrew:x:{uid}:{gid}:nightcrew:/tmp/home:/bin/sh"))
        group.write_bytes(_listed(groups, f"nightcrew:x:{gid}:"))
        return passwd, group

    def remove(self) -> None:
        """Remove the directory, whatever a command left in it, unless it was left to a sweep."""
        if not (self.path / _LEFT).exists():
            _remove(self.path)


def _listed(old: bytes, line: str) -> bytes:
    """Return a user or group list in which `line` takes the place of the entry with its number."""
    number = line.split(":")[2].encode()
    kept = [entry for entry in old.splitlines() if entry.split(b":")[2:3] != [number]]
    return b"\n".join([*kept, line.encode(), b""])


def _remove(path: Path) -> None:
    # Not by Python: a command may have left directories nested too deep for it, or without permissions.
    tools = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    for words in (["rm", "-rf"], ["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
        if not path.exists():
            return
        subprocess.run([*words, "--", path], env=tools, stderr=subprocess.DEVNULL, check=False)


def sweep(root: Path) -> list[str]:
    """End and remove what sandboxes of killed processes left below the scratch root `root`; return their names.

    What may have containers of an engine that does not answer stays for another time.
    """
    swept = []
    for path in sorted(root.glob("sandbox-*")) if root.is_dir() else ():
        if not _in_use(path) and _end_containers(path):
            _end_strays(path)
            cgroup.sweep(path.name)
            _remove(path)
            swept.append(path.name)
    return swept


def engines(root: Path) -> dict[Path, str]:
    """Return the directories of sandboxes in use that may have containers, and at which engines, as `mark` was told."""
    found = {}
    for file in root.glob(f"sandbox-*/{_ENGINE}"):
        # One that ends just now is in use no more.
        with suppress(FileNotFoundError):
            if _in_use(file.parent):
                found[file.parent] = file.read_text(encoding="utf-8")
    return found


def _in_use(path: Path) -> bool:
    return not (path / _LEFT).exists() and lives("-".join(path.name.split("-")[1:4]))


def _end_containers(path: Path) -> bool:
    """Remove the containers of killed processes, where there may be some of the directory; False where no engine answers."""
    if not (path / _ENGINE).exists():
        return True
    tried = path / _TRIED
    if tried.exists() and 0 <= time.time() - tried.stat().st_mtime < _AGAIN_S:
        return False
    from sandbox.dockersweep import sweep_containers

    if sweep_containers((path / _ENGINE).read_text(encoding="utf-8"), path):
        return True
    tried.touch()
    return False


def _end_strays(path: Path) -> None:
    """Kill the processes that were started for the directory: their owner died before they were tied to it."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARKER) == os.fspath(path):
                process.send_signal(signal.SIGKILL)
