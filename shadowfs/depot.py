"""The depot: a private bare repository that keeps what the pinned bases of one user repository reach."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import IO

from shadowfs import git, kept, objects, trees
from shadowfs.catfile import CatFile
from shadowfs.change import Change, Entry, FileChange, RepoPath
from shadowfs.errors import DepotError

_REFS = "refs/nightcrew/"
_UPDATING = ("update-ref", "-z", "--stdin")
_FEW, _SMALL_BYTES = 64, 1 << 20
"""What is written here, and not by a process of git: that takes the time of some twenty files."""
_CONFIG = "[gc]\n\tauto = 0\n[core]\n\tlogAllRefUpdates = false\n"


@dataclass(frozen=True, slots=True)
class Depot:
    """The depot at `path` (a bare git directory). A `gc` in the user's repository pulls nothing away from it."""

    path: Path

    @classmethod
    def open(cls, state: Path, repository: Path, object_format: str = "sha1") -> Depot:
        """Return the depot of the working tree `repository` below `state`, made at the first call."""
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", os.fsencode(repository.name).decode(errors="replace")).strip(".-")
        digest = hashlib.sha256(os.fsencode(repository)).hexdigest()[:12]
        path = state / "depots" / f"{name or 'repository'}-{digest}.git"
        if not path.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _make(path, object_format)
        depot = cls(path)
        if depot.object_format != object_format:
            raise DepotError(f"{path} holds {depot.object_format} objects, {repository} {object_format}: remove it")
        return depot

    @property
    def objects(self) -> Path:
        """Return the directory of its object store."""
        return self.path / "objects"

    @property
    def object_format(self) -> str:
        """Return `sha1` or `sha256`."""
        config = f"{self.path}/config"
        status = os.stat(config)  # noqa: PTH116 - asked for each object
        return _format_in(config, (status.st_ino, status.st_mtime_ns))

    @property
    def _objects(self) -> CatFile:
        return CatFile(self.path)

    def close(self) -> None:
        """End the processes kept on it. Safe to call twice; reading goes on with others."""
        kept.end(self.path)

    def read(self, blob: str) -> bytes:
        """Return the bytes of `blob`; raise `DepotError` when it is not there."""
        kind, data = self._objects.read(blob)
        if kind != "blob":
            raise DepotError(f"{blob} in {self.path} is a {kind}, not a blob")
        return data

    def read_commit(self, id: str) -> bytes:
        """Return the text of a commit; raise `DepotError` when it is not there."""
        return self._objects.read(f"{id}^{{commit}}")[1]

    def write(self, data: bytes) -> str:
        """Keep `data` and return its blob id."""
        return self._write("blob", data)

    def write_file(self, file: Path | int) -> str:
        """Keep the raw bytes of a file (a path, or an open descriptor, read to its end) and return its blob id."""
        with open(file, "rb", closefd=not isinstance(file, int)) as source:
            return git.run(["hash-object", "-w", "--stdin"], git_dir=self.path, input=source).decode().strip()

    def write_files(self, files: Sequence[Path], there: Sequence[Path] = ()) -> list[str]:
        """Keep the raw bytes of many files and return their blob ids; what the object stores `there` hold is not kept again.

        Raises `DepotError` when one of them cannot be read.
        """
        # git gives an object that it is told to write, and finds in another store, a new time there: the user's must not
        # be touched, so they are only asked.
        blobs = self._hash(files, write=not there)
        if there:
            sizes = self.sizes(blobs, there)
            self._hash([file for file, blob in zip(files, blobs, strict=True) if blob not in sizes], write=True)
        return blobs

    def sizes(self, blobs: Iterable[str], alternates: Sequence[Path] = ()) -> dict[str, int]:
        """Return the size of those of the blobs that are here or in the object stores `alternates`."""
        asked = "".join(f"{blob}\n" for blob in dict.fromkeys(blobs)).encode()
        if not asked:
            return {}
        args = ["cat-file", "--batch-check=%(objectname) %(objectsize)", "--buffer"]
        out = git.run(args, git_dir=self.path, alternates=alternates, input=asked)
        pairs = (line.split(" ") for line in out.decode().splitlines())
        return {blob: int(size) for blob, size in pairs if size.isdigit()}

    def _hash(self, files: Sequence[Path], *, write: bool) -> list[str]:
        if len(files) <= _FEW and all(map(_is_small, files)):
            take = partial(self._write if write else self._name, "blob")
            return [take(_bytes(file)) for file in files]
        names = "".join(f"{_line(file)}\n" for file in files)
        args = ["hash-object", *(["-w"] if write else []), "--no-filters", "--stdin-paths"]
        return git.run(args, git_dir=self.path, input=os.fsencode(names)).decode().split()

    def entries(self, tree: str) -> dict[RepoPath, Entry]:
        """Return every file of a tree by path."""
        out = git.run(["ls-tree", "-r", "-z", "--full-tree", tree], git_dir=self.path)
        found = {}
        for line in out.split(b"\0")[:-1]:
            meta, _, path = line.partition(b"\t")
            mode, _, blob = meta.decode().split(" ")
            found[os.fsdecode(path)] = Entry(int(mode, 8), blob)
        return found

    def graft(self, tree: str, files: Mapping[RepoPath, Entry | None]) -> str:
        """Return the tree that is `tree` with these files put, or removed where None; costs what the files cost."""
        return trees.graft(self._objects, partial(self._write, "tree"), tree, files)

    def change(self, base: str, tree: str) -> Change:
        """Return what differs between two trees (or commits); a rename is a file deleted and a file added."""
        base, tree = self._tree_of(base), self._tree_of(tree)
        found = sorted(trees.differing(self._objects, base, tree), key=lambda each: each[0])
        return Change(base, tree, tuple(FileChange(os.fsdecode(path), *entries) for path, *entries in found), self)

    def new_objects(self, base: str, tree: str) -> dict[str, tuple[str, bytes]]:
        """Return the kind and bytes of the trees and blobs, by id, that `tree` has beyond `base`. Raises `DepotError` where one is missing."""
        found = trees.fresh(self._objects, self._tree_of(base), self._tree_of(tree))
        return {id: self._objects.read(id) for id in found}

    def _tree_of(self, name: str) -> str:
        """Return the id of the tree that a tree or commit has. Raises `DepotError`, in git's own words, when it is not there."""
        return self._named(f"{name}^{{tree}}")

    def _named(self, name: str) -> str:
        return self._objects.identify(name) or self.resolve(name)

    def diff(self, base: str, tree: str) -> bytes:
        """Return what differs between two trees as a unified diff that `git apply` takes, binary files included."""
        args = ["diff-tree", "-r", "-p", "--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv"]
        return git.run([*args, "--no-color", base, tree], git_dir=self.path)

    def commit(self, tree: str, parents: Sequence[str], message: str, when: datetime) -> str:
        """Make a commit by nightcrew and return its id: the same for the same arguments. `when` is a time with a zone."""
        who = f"nightcrew <nightcrew@localhost> {int(when.timestamp())} {when:%z}"
        above = [self._named(f"{parent}^{{commit}}") for parent in dict.fromkeys(parents)]
        lines = [f"tree {self._tree_of(tree)}", *(f"parent {id}" for id in above), f"author {who}", f"committer {who}"]
        text = "\n".join((*lines, "", message)).encode("utf-8", "surrogateescape").replace(b"\0", b"")
        return self._write("commit", text)

    def keep(self, name: str, object: str) -> None:
        """Keep an object and all it reaches under a name of ours, until `drop`."""
        if self.kept(name) != object:
            update = b"".join(f"{line}\0".encode() for line in ("start", f"update {_REFS}{name}", object, "", "commit"))
            try:
                kept.ask(kept.Called(_UPDATING, self.path), update, _done)
            except DepotError:
                # Asked alone, it says why.
                git.run(["update-ref", _REFS + name, object], git_dir=self.path)

    def drop(self, name: str) -> None:
        """Keep what `name` named no longer. Dropping what is not kept is no error."""
        git.run(["update-ref", "-d", _REFS + name], git_dir=self.path)

    def kept(self, name: str) -> str | None:
        """Return the id of what is kept under `name`, None where nothing is."""
        return self._objects.identify(_REFS + name)

    def resolve(self, name: str) -> str:
        """Return the full id of an object named by id or revision; raise `DepotError` when it is not there."""
        return git.run(["rev-parse", "--verify", "--end-of-options", name], git_dir=self.path).decode().strip()

    def has(self, name: str) -> bool:
        """Say whether an object is there."""
        return self._objects.identify(name) is not None

    def _name(self, kind: str, data: bytes) -> str:
        return objects.name(kind, data, self.object_format)

    def _write(self, kind: str, data: bytes) -> str:
        return objects.write(self.objects, kind, data, self.object_format)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the depot's lock: one process at a time changes what is shallow."""
        with (self.path / "nightcrew.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@lru_cache(maxsize=256)
def _format_in(config: str, _version: tuple[int, int]) -> str:
    return "sha256" if "objectformat = sha256" in Path(config).read_text("utf-8").lower() else "sha1"


def _make(path: Path, object_format: str) -> None:
    made = Path(tempfile.mkdtemp(dir=path.parent, prefix=".new-"))
    try:
        form = f"--object-format={object_format}"
        git.run(["init", "--quiet", "--bare", "--template=", form, "--initial-branch=main"], git_dir=made)
        with (made / "config").open("a") as config:
            config.write(_CONFIG)
        made.rename(path)
    except OSError:
        # Another process was first.
        if not path.is_dir():
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _done(said: IO[bytes]) -> None:
    for word in (b"start", b"commit"):
        if said.readline() != word + b": ok\n":
            raise EOFError


def _is_small(file: Path) -> bool:
    try:
        status = file.stat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size <= _SMALL_BYTES


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DepotError(f"{file} cannot be read: {error.strerror}") from error


def _line(path: Path) -> str:
    text = str(path)
    return git.quoted(path) if "\n" in text or text.startswith('"') else text
