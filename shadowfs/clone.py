"""A clone of ours: fetched from a forge within bounds, and working trees that borrow its objects. Nothing of the repository is ever run for it.

No hook, no filter, no submodule: links stay links, and what only a filter would make (Git LFS) stays a pointer.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shadowfs import git
from shadowfs.change import RepoPath
from shadowfs.errors import DepotError, TooLarge
from shadowfs.gitdir import make_git_dir, neutral_config
from shadowfs.home import remove_tree
from shadowfs.remote import Remote

_FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
_ENTRIES = 1_000_000
_ENTRY_BYTES = 300
"""Of a listing; so many are taken for each of the most entries that a tree may have."""
_PACKS = 40
_BLOCK_BYTES = 512
_LINK = 0o120000
_SUBMODULE = 0o160000


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A file of a commit: its git mode, blob, and size in bytes (0 for a submodule)."""

    mode: int
    blob: str
    bytes: int

    @property
    def is_file(self) -> bool:
        """Say whether it is a plain file."""
        return self.mode not in (_LINK, _SUBMODULE)


class Clone:
    """The git directory `path`/.git, made at the first fetch. Whoever writes to it, or to a tree of it, keeps others from doing so meanwhile."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.git_dir = path / ".git"

    def default_branch(self, remote: Remote, bound: git.Bound) -> str:
        """Return the branch that the remote's HEAD names. Raises `DepotError`."""
        self._make()
        args = ["ls-remote", "--symref", remote.url, "HEAD"]
        out = git.run_bounded(args, bound, git_dir=self.git_dir, extra=remote.settings())
        for line in out.decode(errors="replace").splitlines():
            what, _, name = line.partition("\t")
            if name == "HEAD" and what.startswith("ref: refs/heads/"):
                return what.removeprefix("ref: refs/heads/")
        raise DepotError("git ls-remote: fatal: the remote repository has no commit on its default branch")

    def fetch(self, remote: Remote, ref: str, bound: git.Bound) -> str:
        """Bring what `ref` of the remote names here, and return its commit. Raises `TooLarge`, `DepotError`."""
        self._make()
        # What a fetch left that was killed.
        self._clear()
        have = sum(file.lstat().st_size for file in self.git_dir.glob("objects/*/*"))
        left = bound.file_bytes - have
        if left <= 0:
            raise TooLarge(f"its history takes {have:,} bytes, and {bound.file_bytes:,} are allowed")
        # One pack, so that its size is what is bounded.
        args = ["-c", "fetch.unpackLimit=1", *_FETCH, remote.url, f"+{ref}:{_kept(ref)}"]
        limit = git.Bound(bound.seconds, left, bound.stopping)
        try:
            git.run_bounded(args, limit, git_dir=self.git_dir, extra=remote.settings())
        except DepotError as error:
            # git does not say that this is why.
            if any(part.stat().st_size >= left - _BLOCK_BYTES for part in self.git_dir.glob("objects/pack/tmp_*")):
                raise TooLarge(f"its history takes more than {bound.file_bytes:,} bytes") from error
            raise
        finally:
            self._clear()
        if sum(1 for _ in self.git_dir.glob("objects/pack/*.pack")) > _PACKS:
            git.run(["repack", "-q", "-d", "--geometric=2"], git_dir=self.git_dir)
        commit = self.fetched(ref)
        assert commit is not None
        return commit

    def fetched(self, ref: str) -> str | None:
        """Return the commit that `ref` had when it was fetched last, None where it never was."""
        if not self.git_dir.is_dir():
            return None
        name = f"{_kept(ref)}^{{commit}}"
        out = git.run(["rev-parse", "--verify", "--quiet", name], git_dir=self.git_dir, fine=(0, 1))
        return out.decode().strip() or None

    def has(self, commit: str) -> bool:
        """Say whether a commit was ever fetched."""
        if not self.git_dir.is_dir():
            return False
        name = f"{commit}^{{commit}}"
        return bool(git.run(["rev-parse", "--verify", "--quiet", name], git_dir=self.git_dir, fine=(0, 1)))

    def files(self, commit: str, limit_bytes: int) -> Mapping[RepoPath, TreeFile]:
        """Return the files of a commit. Raises `TooLarge` where they are too many, or have more than `limit_bytes` together."""
        args = ["ls-tree", "-r", "-l", "-z", "--full-tree", commit]
        found: dict[RepoPath, TreeFile] = {}
        total = 0
        for line in git.lines(args, git_dir=self.git_dir, most_bytes=_ENTRIES * _ENTRY_BYTES):
            about, _, path = line.partition(b"\t")
            mode, _, blob, size = about.split()
            file = TreeFile(int(mode, 8), blob.decode(), int(size) if size.isdigit() else 0)
            total += file.bytes
            found[os.fsdecode(path)] = file
            if total > limit_bytes or len(found) > _ENTRIES:
                raise TooLarge(f"its files have more than {limit_bytes:,} bytes, or are more than {_ENTRIES:,}")
        return found

    def read(self, file: TreeFile) -> bytes:
        """Return the bytes of a file."""
        return git.run(["cat-file", "blob", file.blob], git_dir=self.git_dir)

    def plant(self, tree: Path, commit: str, branch: str, git_dir: Path | None = None) -> None:
        """Make `tree` a working tree of `commit`, on `branch`; what is there and not in the commit stays.

        Its git directory is `tree`/.git, which replaces whatever is there, or `git_dir`, which a file of that name then names.
        """
        own, place = tree / ".git", git_dir or tree / ".git"
        if own.is_dir() and not own.is_symlink():
            remove_tree(own)
        else:
            own.unlink(missing_ok=True)
        make_git_dir(
            place,
            head=commit,
            config=neutral_config(self._format()),
            alternates=(self.git_dir / "objects",),
            branch=branch,
        )
        if git_dir is not None:
            own.write_text(f"gitdir: {git_dir}\n")
        _tree_git(place, tree, "read-tree", commit)

    def restore(self, tree: Path, commit: str, branch: str, *, clean: bool = True) -> tuple[RepoPath, ...]:
        """Give a working tree's tracked files the content that they have in `commit`; return those that differed from what was checked out.

        With `clean` what is neither tracked nor ignored goes.
        """
        place = tree / ".git"
        # Left by a process that was killed: whoever is here is alone.
        (place / "index.lock").unlink(missing_ok=True)
        _tree_git(place, tree, "update-index", "-q", "--refresh", fine=(0, 1))
        differing = _tree_git(place, tree, "diff-files", "-z", "--name-only", "--ignore-submodules=all")
        _tree_git(place, tree, "update-ref", f"refs/heads/{branch}", commit)
        _tree_git(place, tree, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
        _tree_git(place, tree, "read-tree", "--reset", "-u", commit)
        if clean:
            _tree_git(place, tree, "clean", "-ffdq")
        return tuple(map(os.fsdecode, differing.split(b"\0")[:-1]))

    def ignore_untracked(self, tree: Path) -> tuple[RepoPath, ...]:
        """Have what is neither tracked nor ignored in a working tree ignored there, and return it; what no pattern can name is removed."""
        place = tree / ".git"
        listed = _tree_git(place, tree, "ls-files", "-z", "--others", "--exclude-standard", "--directory")
        found = listed.split(b"\0")[:-1]
        for path in found:
            if b"\n" in path:
                _remove(tree / os.fsdecode(path))
        named = [path for path in found if b"\n" not in path]
        lines = b"".join(b"/%s\n" % _escaped(path) for path in named)
        with (place / "info/exclude").open("ab") as exclude:
            exclude.write(lines)
        return tuple(map(os.fsdecode, named))

    def _make(self) -> None:
        """Make the git directory, whole or not at all."""
        if self.git_dir.is_dir():
            return
        made = self.path / f"making.{os.getpid()}"
        remove_tree(made)
        made.mkdir(parents=True, mode=0o700)
        git.run(["init", "--quiet", "--bare", "--template="], git_dir=made)
        (made / "config").write_text(neutral_config("sha1").replace("bare = false", "bare = true"))
        made.rename(self.git_dir)

    def _clear(self) -> None:
        """Remove what a fetch left that did not end."""
        for pattern in ("objects/pack/tmp_*", "refs/**/*.lock", "*.lock"):
            for path in self.git_dir.glob(pattern):
                _remove(path)

    def _format(self) -> str:
        return "sha256" if "sha256" in (self.git_dir / "config").read_text() else "sha1"


def _kept(ref: str) -> str:
    """Return our name for a ref: one of the remote's may collide with another that was there before."""
    return f"refs/nightcrew/fetched/{hashlib.sha256(ref.encode(errors='surrogateescape')).hexdigest()[:16]}"


def _tree_git(git_dir: Path, tree: Path, *args: str, fine: Sequence[int] = (0,)) -> bytes:
    return git.run(list(args), git_dir=git_dir, work_tree=tree, fine=tuple(fine))


def _escaped(path: bytes) -> bytes:
    """Return a path as a pattern that means it alone."""
    return b"".join(b"\\" + bytes([each]) if each in b"\\*?[!# " else bytes([each]) for each in path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_tree(path)
    else:
        path.unlink(missing_ok=True)
