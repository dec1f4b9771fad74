"""Takes files into the volumes that commands see, and tells what became of them. Runs where no command does, as their user.

A request is a line of JSON, then the bytes it announces; so is an answer. What commands left in the volumes is hostile: no link is
followed on the way to a file, and what the cache holds is hashed again before it is used.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
import sys
import time
from typing import Any, BinaryIO, Iterator

CHUNK = 1 << 20
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
TICK_NS = 100_000_000
ENTRY_BYTES = 4096
GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class Tree:
    """One volume, and how its files were last seen by both sides."""

    def __init__(self, place: str) -> None:
        self.top = os.open(place, DIRECTORY)
        self.seen: dict[str, tuple[Any, ...]] = {}
        self._at = ""
        self._opened = os.dup(self.top)

    def directory(self, path: str) -> int:
        """Return a descriptor of the directory `path`, reached by names alone; the next call closes it."""
        if path != self._at or path == "":
            os.close(self._opened)
            self._opened, self._at = os.dup(self.top), ""
            for name in path.split("/") if path else ():
                below = os.open(name, DIRECTORY, dir_fd=self._opened)
                os.close(self._opened)
                self._opened = below
            self._at = path
        return self._opened

    def forget(self) -> None:
        """Let nothing of the way to the last directory stay open: somebody may have changed it since."""
        self.directory("")

    def parent(self, path: str) -> tuple[int, str]:
        """Return a descriptor of the directory that holds `path`, and its name there."""
        above, _, name = path.rpartition("/")
        return self.directory(above), name

    def remove(self, path: str) -> None:
        """Remove a file, a link, or a directory with all that is in it."""
        try:
            at, name = self.parent(path)
            status = os.stat(name, dir_fd=at, follow_symlinks=False)
        except OSError as error:
            if error.errno in GONE:
                return
            raise
        if stat.S_ISDIR(status.st_mode):
            for below in [name for _, name, _ in self.listed(path)]:
                self.remove(f"{path}/{below}")
            at, name = self.parent(path)
            os.rmdir(name, dir_fd=at)
            self.forget()
        else:
            os.unlink(name, dir_fd=at)

    def listed(self, path: str) -> list[tuple[str, str, os.stat_result]]:
        """Return path, name and status of what is in a directory; nothing where it is none any more."""
        try:
            at = self.directory(path)
        except PermissionError:
            self._unlock(path)
            at = self.directory(path)
        except OSError as error:
            if error.errno in GONE:
                return []
            raise
        found = []
        with os.scandir(at) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                found.append((f"{path}/{entry.name}" if path else entry.name, entry.name, status))
        return found

    def _unlock(self, path: str) -> None:
        """Let its owner into a directory, as nightcrew has it."""
        at, name = self.parent(path)
        held = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
        try:
            os.chmod(f"/proc/self/fd/{held}", stat.S_IMODE(os.fstat(held).st_mode) | 0o700)
        finally:
            os.close(held)

    def walk(self, most: int) -> Iterator[tuple[str, os.stat_result]]:
        """Yield everything that is a file, a link or a directory."""
        pending, count = [""], 0
        while pending:
            self.forget()
            for path, _, status in self.listed(pending.pop()):
                count += 1
                if count > most:
                    raise OSError(errno.EFBIG, f"there are more than {most} files")
                if stat.S_ISDIR(status.st_mode):
                    if path.count("/") > 200:
                        raise OSError(errno.ENAMETOOLONG, "directories are nested deeper than 200")
                    pending.append(path)
                elif not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
                    continue
                yield path, status


def stamp(status: os.stat_result) -> tuple[Any, ...]:
    """Return what tells a changed file by its status; of a directory only that it is one, and its mode."""
    if stat.S_ISDIR(status.st_mode):
        return (status.st_mode,)
    return (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


class Porter:
    """Does what nightcrew asks. `cache` keeps contents by their hash, for this sandbox and later ones."""

    def __init__(self, ears: BinaryIO, mouth: BinaryIO, below: str, cache: str) -> None:
        self._ears = ears
        self._mouth = mouth
        self._below = below
        self._cache = cache
        self._trees: dict[int, Tree] = {}

    def serve(self) -> None:
        """Serve until nightcrew's end is closed."""
        self._answer({"up": sys.version_info[:2]})
        for line in iter(self._ears.readline, b""):
            ask = json.loads(line)
            try:
                self._answer(getattr(self, "do_" + ask["do"])(ask))
            except OSError as error:
                self._answer({"error": error.errno or 0, "said": str(error)})

    def do_want(self, ask: dict[str, Any]) -> dict[str, Any]:
        """Say which contents the cache lacks."""
        missing = []
        now = time.time()
        for digest in ask["digests"]:
            try:
                # Recently used ones are the last to go.
                os.utime(self._blob(digest), (now, now))
            except FileNotFoundError:
                missing.append(digest)
        return {"missing": missing}

    def do_keep(self, ask: dict[str, Any]) -> dict[str, Any]:
        """Take contents into the cache."""
        failed: OSError | None = None
        for digest, size in ask["blobs"]:
            data = self._ears.read(size)
            if failed is None:
                try:
                    self._store(digest, data)
                except OSError as error:
                    # The rest has to be read all the same: it is on its way.
                    failed = error
        if failed is not None:
            raise failed
        return {}

    def _store(self, digest: str, data: bytes) -> None:
        if hashlib.sha256(data).hexdigest() != digest:
            return
        place = self._blob(digest)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        partial = f"{self._cache}/new-{os.getpid()}"
        try:
            with open(partial, "wb") as file:
                file.write(data)
            os.rename(partial, place)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(partial)
            raise

    def _blob(self, digest: str) -> str:
        return f"{self._cache}/{digest[:2]}/{digest[2:]}"

    def do_prune(self, ask: dict[str, Any]) -> dict[str, Any]:
        """Remove the contents that were not used for longest, until the cache is no larger than it may be."""
        found = []
        for directory, _, names in os.walk(self._cache):
            for name in names:
                status = os.lstat(f"{directory}/{name}")
                found.append((status.st_mtime, status.st_blocks * 512 + ENTRY_BYTES, f"{directory}/{name}"))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= ask["bytes"]:
                break
            os.unlink(path)
            total -= size
        return {"bytes": total}

    def do_apply(self, ask: dict[str, Any]) -> dict[str, Any]:
        """Make a tree what nightcrew has; say of which contents the cache has lost its copy."""
        tree, lost = self._tree(ask["tree"]), []
        tree.forget()
        for path in ask["gone"]:
            tree.remove(path)
            tree.seen.pop(path, None)
        for path, kind, mode, mtime_ns, what in ask["made"]:
            if not self._make(tree, path, kind, mode, mtime_ns, what):
                lost.append(path)
        return {"lost": lost}

    def _make(self, tree: Tree, path: str, kind: str, mode: int, mtime_ns: int, what: str) -> bool:
        at, name = tree.parent(path)
        if kind == "d":
            self._make_directory(tree, path, mode)
        else:
            tree.remove(path)
            at, name = tree.parent(path)
            if kind == "l":
                os.symlink(what, name, dir_fd=at)
            elif not self._copy(what, at, name, mode):
                return False
            os.utime(name, ns=(mtime_ns, mtime_ns), dir_fd=at, follow_symlinks=False)
        tree.seen[path] = stamp(os.stat(name, dir_fd=at, follow_symlinks=False))
        return True

    def _make_directory(self, tree: Tree, path: str, mode: int) -> None:
        at, name = tree.parent(path)
        try:
            os.mkdir(name, dir_fd=at)
        except FileExistsError:
            if not stat.S_ISDIR(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode):
                tree.remove(path)
                os.mkdir(name, dir_fd=tree.parent(path)[0])
        held = os.open(name, DIRECTORY, dir_fd=tree.parent(path)[0])
        try:
            os.fchmod(held, mode)
        finally:
            os.close(held)

    def _copy(self, digest: str, at: int, name: str, mode: int) -> bool:
        """Make a file of a content of the cache; False where the cache does not have it whole."""
        try:
            kept = open(self._blob(digest), "rb")  # noqa: SIM115 - closed below
        except FileNotFoundError:
            return False
        made = os.open(name, MAKE, 0o600, dir_fd=at)
        try:
            known = hashlib.sha256()
            with kept, open(made, "wb", closefd=False) as file:
                for data in iter(lambda: kept.read(CHUNK), b""):
                    known.update(data)
                    file.write(data)
            if known.hexdigest() != digest:
                os.unlink(self._blob(digest))
                os.unlink(name, dir_fd=at)
                return False
            os.fchmod(made, mode)
        finally:
            os.close(made)
        return True

    def do_scan(self, ask: dict[str, Any]) -> dict[str, Any]:
        """Say what in some trees differs from what both sides last saw."""
        return {"trees": [self._scan(self._tree(number), ask["most"], ask["quiet"]) for number in ask["trees"]]}

    def _scan(self, tree: Tree, most: int, quiet: bool) -> dict[str, Any]:
        # Where other commands run, a file this young may change again without its times changing.
        youngest_ns = time.time_ns() if quiet else time.time_ns() - TICK_NS
        found, made = set(), []
        for path, status in tree.walk(most):
            found.add(path)
            now = stamp(status)
            if tree.seen.get(path) == now:
                continue
            kind = "d" if stat.S_ISDIR(status.st_mode) else "l" if stat.S_ISLNK(status.st_mode) else "f"
            what = self._target(tree, path) if kind == "l" else ""
            if what is None:
                continue
            made.append((path, kind, status.st_mode & 0o777, status.st_mtime_ns, status.st_size, what))
            tree.seen[path] = now if status.st_ctime_ns <= youngest_ns else ()
        gone = [path for path in tree.seen if path not in found]
        for path in gone:
            del tree.seen[path]
        return {"gone": gone, "made": made}

    def _target(self, tree: Tree, path: str) -> str | None:
        with contextlib.suppress(OSError):
            at, name = tree.parent(path)
            return os.readlink(name, dir_fd=at)
        return None

    def do_fetch(self, ask: dict[str, Any]) -> dict[str, Any]:
        """Send files: before each its size, -1 for one that is no file any more."""
        for path in ask["paths"]:
            self._fetch(self._tree(ask["tree"]), path)
        return {}

    def _fetch(self, tree: Tree, path: str) -> None:
        tree.forget()
        try:
            file = self._opened(*tree.parent(path))
        except OSError:
            self._answer({"size": -1})
            return
        try:
            status = os.fstat(file)
            size = status.st_size if stat.S_ISREG(status.st_mode) else -1
            self._answer({"size": size})
            left = max(size, 0)
            while left:
                # One that was cut meanwhile is sent with zeros, and again next time: its times have changed.
                data = b""
                with contextlib.suppress(OSError):
                    data = os.read(file, min(left, CHUNK))
                data = data or bytes(min(left, CHUNK))
                self._mouth.write(data)
                left -= len(data)
        finally:
            os.close(file)

    def _opened(self, at: int, name: str) -> int:
        try:
            return os.open(name, READ, dir_fd=at)
        except PermissionError:
            held = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            try:
                before = stat.S_IMODE(os.fstat(held).st_mode)
                os.chmod(f"/proc/self/fd/{held}", before | 0o400)
                file = os.open(name, READ, dir_fd=at)
                os.fchmod(file, before)
                return file
            finally:
                os.close(held)

    def do_put(self, ask: dict[str, Any]) -> dict[str, Any]:
        """Write a file into a volume that commands can only read, at once."""
        data = self._ears.read(ask["size"])
        at = self._tree(ask["tree"]).top
        made = os.open(".new", MAKE, ask["mode"], dir_fd=at)
        try:
            with open(made, "wb", closefd=False) as file:
                file.write(data)
            os.fchmod(made, ask["mode"])
            os.rename(".new", ask["name"], src_dir_fd=at, dst_dir_fd=at)
        except OSError:
            os.unlink(".new", dir_fd=at)
            raise
        finally:
            os.close(made)
        return {}

    def do_drop(self, ask: dict[str, Any]) -> dict[str, Any]:
        """Remove a file that was put."""
        self._tree(ask["tree"]).remove(ask["name"])
        return {}

    def do_room(self, ask: dict[str, Any]) -> dict[str, Any]:
        """Say how much a volume holds, every entry a block at least, and how much its disk has left."""
        tree, total = self._tree(ask["tree"]), 0
        # Only counted: where a link leads meanwhile does no harm.
        pending = [f"{self._below}/{ask['tree']}"]
        while pending and total <= ask["enough"]:
            try:
                with os.scandir(pending.pop()) as entries:
                    for entry in entries:
                        status = entry.stat(follow_symlinks=False)
                        total += max(status.st_blocks * 512, ENTRY_BYTES)
                        if stat.S_ISDIR(status.st_mode):
                            pending.append(entry.path)
            except OSError:
                continue
        disk = os.fstatvfs(tree.top)
        return {"bytes": total, "free": disk.f_bavail * disk.f_frsize}

    def _tree(self, number: int) -> Tree:
        if number not in self._trees:
            self._trees[number] = Tree(f"{self._below}/{number}")
        return self._trees[number]

    def _answer(self, said: dict[str, Any]) -> None:
        self._mouth.write(json.dumps(said).encode() + b"\n")
        self._mouth.flush()


if __name__ == "__main__":
    os.umask(0o022)
    Porter(sys.stdin.buffer, sys.stdout.buffer, sys.argv[1], sys.argv[2]).serve()
