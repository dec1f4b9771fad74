"""The user's git index, read from a private copy: which files are tracked, and the stat each had when git last looked."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from shadowfs import git
from shadowfs.errors import NotPinnable
from shadowfs.gitdir import make_git_dir, neutral_config
from shadowfs.worktree import WorkTree

_ENTRY = re.compile(
    rb"(\d+) ([0-9a-f]+) (\d)\t([^\0]+)\0"
    rb"  ctime: (\d+):(\d+)\n  mtime: (\d+):(\d+)\n  dev: (\d+)\tino: (\d+)\n"
    rb"  uid: \d+\tgid: \d+\n  size: (\d+)\tflags: ([0-9a-f]+)\n"
)
_ASSUME_UNCHANGED = 0x8000
_INTENT_TO_ADD = 1 << 29
_SKIP_WORKTREE = 1 << 30
_TRUNCATED = 0xFFFFFFFF

Stat = tuple[int, int, int, int, int]
"""Size, mtime, ctime (both ns), inode and device; the index keeps the low 32 bits of size, inode and device."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """One entry of the index. `stat` is None where it cannot be trusted to tell a change."""

    path: bytes
    mode: int
    blob: str
    stat: Stat | None
    sparse: bool


@dataclass(frozen=True, slots=True)
class Index:
    """A copy of the user's index at `file`, in a git directory of ours; `mtime_ns` is the original's."""

    git_dir: Path
    file: Path
    mtime_ns: int
    entries: tuple[Tracked, ...]


def copy_index(tree: WorkTree, objects: Path, scratch: Path) -> Index:
    """Copy the index of `tree` below `scratch` and read it; raise `NotPinnable` where it holds an unfinished merge."""
    config = neutral_config(tree.object_format)
    make_git_dir(scratch, head=tree.head, config=config, alternates=(objects, tree.objects))
    file = scratch / "index"
    mtime_ns = 0
    if (tree.git_dir / "index").exists():
        shutil.copyfile(tree.git_dir / "index", file)
        mtime_ns = (tree.git_dir / "index").stat().st_mtime_ns
        # A split index names the shared part, which lies beside it.
        for shared in tree.git_dir.glob("sharedindex.*"):
            shutil.copyfile(shared, scratch / shared.name)
    out = git.run(["ls-files", "-s", "--debug", "-z"], git_dir=scratch, work_tree=tree.root)
    entries = []
    for found in _ENTRY.finditer(out):
        entry = _tracked(found, mtime_ns)
        if found[3] != b"0":
            name = entry.path.decode(errors="replace")
            raise NotPinnable(f"{tree.root} has unmerged files ({name}): finish or abort the merge, then try again")
        entries.append(entry)
    return Index(scratch, file, mtime_ns, tuple(entries))


def same(kept: Stat, now: Stat) -> bool:
    """Say whether a stat kept by git is the present one."""
    return (
        kept[1] == now[1]
        and kept[2] == now[2]
        and kept[0] == now[0] & _TRUNCATED
        and kept[3] == now[3] & _TRUNCATED
        and kept[4] == now[4] & _TRUNCATED
    )


def _tracked(found: re.Match[bytes], index_mtime_ns: int) -> Tracked:
    mode, blob, _, path, ctime, ctime_ns, mtime, mtime_ns, dev, ino, size, flags = found.groups()
    bits = int(flags, 16)
    stat: Stat | None = (
        int(size),
        int(mtime) * 1_000_000_000 + int(mtime_ns),
        int(ctime) * 1_000_000_000 + int(ctime_ns),
        int(ino),
        int(dev),
    )
    # Flagged entries are not compared by git, and one as young as the index may have changed unseen ("racily clean").
    if bits & (_ASSUME_UNCHANGED | _INTENT_TO_ADD) or (stat and stat[1] >= index_mtime_ns):
        stat = None
    return Tracked(path, int(mode, 8), blob.decode(), stat, bool(bits & _SKIP_WORKTREE))
