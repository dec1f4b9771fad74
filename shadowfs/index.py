"""The user's git index, read from a private copy: which files are tracked, and the stat each had when git last looked."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from shadowfs import git
from shadowfs.errors import NotPinnable
from shadowfs.gitdir import make_git_dir, neutral_config
from shadowfs.told import told
from shadowfs.worktree import WorkTree

_ENTRY = re.compile(rb"(\d+) ([0-9a-f]+) (\d)\t([^\0]+)\0(  [^\0]*?)flags: ([0-9a-f]+)\n")
_DIGITS = bytes(code if chr(code).isdigit() else ord(" ") for code in range(128)) + b" " * 128
GITLINK = 0o160000
_ASSUME_UNCHANGED = 0x8000
_INTENT_TO_ADD = 1 << 29
_SKIP_WORKTREE = 1 << 30
_DIRECTORY = b"040000 "
_SPARSE_EXTENSION = b"sdir"
_TRUNCATED = 0xFFFFFFFF
_SECOND_NS = 1_000_000_000

Stat = tuple[int, int, int, int, int]
"""Size, mtime, ctime (both ns), inode and device; the index keeps the low 32 bits of size, inode and device."""


class Tracked(NamedTuple):
    """One entry of the index. `debug` is what git prints of its stat."""

    path: bytes
    mode: int
    blob: str
    debug: bytes
    flags: int

    @property
    def sparse(self) -> bool:
        """Say whether a sparse checkout leaves it out of the working tree."""
        return bool(self.flags & _SKIP_WORKTREE)

    def stat(self, index_mtime_ns: int) -> Stat | None:
        """Return the stat git kept, None where it does not prove that the file is unchanged."""
        ctime, ctime_ns, mtime, mtime_ns, dev, ino, _, _, size = map(int, self.debug.translate(_DIGITS).split())
        mtime = mtime * _SECOND_NS + mtime_ns
        # git does not compare flagged entries, and one as young as the index may have changed unseen ("racily clean").
        if self.flags & (_ASSUME_UNCHANGED | _INTENT_TO_ADD) or mtime >= index_mtime_ns:
            return None
        return (size, mtime, ctime * _SECOND_NS + ctime_ns, ino, dev)


@dataclass(frozen=True, slots=True)
class Index:
    """A copy of the user's index at `file`, in a git directory of ours; `mtime_ns` is the original's.

    Two of the same `digest` have the same entries.
    """

    git_dir: Path
    file: Path
    mtime_ns: int
    digest: str


def copy_index(tree: WorkTree, scratch: Path) -> Index:
    """Copy the index of `tree` into a new git directory `scratch`.

    That directory sees no objects: what git finds again in the user's store while it works on an index, it touches.
    """
    make_git_dir(scratch, head=tree.head, config=neutral_config(tree.object_format), alternates=())
    file = scratch / "index"
    digest = hashlib.sha256()
    mtime_ns = 0
    if (tree.git_dir / "index").exists():
        shutil.copyfile(tree.git_dir / "index", file)
        mtime_ns = (tree.git_dir / "index").stat().st_mtime_ns
        # A split index names the shared part, which lies beside it.
        for shared in tree.git_dir.glob("sharedindex.*"):
            shutil.copyfile(shared, scratch / shared.name)
        data = file.read_bytes()
        if _SPARSE_EXTENSION in data:
            _unfold(tree, scratch, file)
            data = file.read_bytes()
        digest.update(data)
    return Index(scratch, file, mtime_ns, digest.hexdigest())


def read_index(index: Index, root: Path, depot: Path) -> list[Tracked]:
    """Return the entries, which the depot remembers; raise `NotPinnable` where the index holds an unfinished merge."""
    args = ["ls-files", "-s", "--debug", "-z"]
    out = told(depot, "entries", index.digest, lambda: git.run(args, git_dir=index.git_dir, work_tree=root))
    entries = []
    modes: dict[bytes, int] = {}
    for mode, blob, stage, path, debug, flags in _ENTRY.findall(out):
        if stage != b"0":
            name = path.decode(errors="replace")
            raise NotPinnable(f"{root} has unmerged files ({name}): finish or abort the merge, then try again")
        number = modes.get(mode) or modes.setdefault(mode, int(mode, 8))
        entries.append(Tracked(path, number, blob.decode(), debug, int(flags, 16)))
    return entries


def _unfold(tree: WorkTree, scratch: Path, file: Path) -> None:
    """Put files in the place of the directories that a sparse index has as one entry each. Stats are lost by that."""
    # git leaves such an index as it is only where the patterns it was made with hold.
    shutil.copyfile(tree.git_dir / "info/sparse-checkout", scratch / "info/sparse-checkout")
    settings = ("core.sparseCheckout=true", "core.sparseCheckoutCone=true", "index.sparse=true")
    options = [option for setting in settings for option in ("-c", setting)]
    lines, sparse = [], []
    listed = git.run([*options, "ls-files", "-s", "-z", "--sparse"], git_dir=scratch, work_tree=tree.root)
    for line in listed.split(b"\0")[:-1]:
        if not line.startswith(_DIRECTORY):
            lines.append(line)
            continue
        meta, _, directory = line.partition(b"\t")
        args = ["ls-tree", "-r", "-z", "--full-tree", meta.split(b" ")[1].decode()]
        for below in git.run(args, git_dir=scratch, alternates=[tree.objects]).split(b"\0")[:-1]:
            meta, _, path = below.partition(b"\t")
            mode, _, blob = meta.split(b" ")
            sparse.append(directory + path)
            lines.append(b"%s %s 0\t%s" % (mode, blob, sparse[-1]))
    full = file.with_name("full")
    args = ["update-index", "-z", "--index-info"]
    git.run(args, git_dir=scratch, index=full, input=b"".join(b"%s\0" % line for line in lines))
    args = ["update-index", "-z", "--skip-worktree", "--stdin"]
    git.run(args, git_dir=scratch, work_tree=tree.root, index=full, input=b"\0".join(sparse))
    full.replace(file)


def same(kept: Stat, now: Stat) -> bool:
    """Say whether a stat kept by git is the present one."""
    return (
        kept[1] == now[1]
        and kept[2] == now[2]
        and kept[0] == now[0] & _TRUNCATED
        and kept[3] == now[3] & _TRUNCATED
        and kept[4] == now[4] & _TRUNCATED
    )
