"""Where a repository lies and what it has checked out, read as gitrepository-layout(5) documents it: what it does not settle only git can say."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

_ID = re.compile(rb"[0-9a-f]{40}|[0-9a-f]{64}")
_SHARING = re.compile(rb"sharedrepository|worktreeconfig|\[include")
_LINK, _SYMBOLIC, _BRANCHES = b"gitdir: ", b"ref: ", b"refs/heads/"


@dataclass(frozen=True, slots=True)
class Layout:
    """The git directory of one working tree, and the one that all working trees of its repository share."""

    git_dir: Path
    common_dir: Path

    @classmethod
    def of(cls, root: Path) -> Layout | None:
        """Return the layout of the working tree whose top directory is `root`; None where that is not plain to see."""
        git_dir = root / ".git"
        try:
            if git_dir.is_file():
                link = git_dir.read_bytes().rstrip(b"\r\n")
                if not link.startswith(_LINK):
                    return None
                git_dir = (root / os.fsdecode(link.removeprefix(_LINK))).resolve()
            shared = git_dir / "commondir"
            common_dir = (git_dir / shared.read_text().strip()).resolve() if shared.exists() else git_dir
        except OSError:
            return None
        whole = (git_dir / "HEAD").is_file() and all((common_dir / name).is_dir() for name in ("objects", "refs"))
        return cls(git_dir, common_dir) if whole else None

    def head(self) -> str | None:
        """Return the commit that is checked out; None where that is not plain to see."""
        try:
            head = (self.git_dir / "HEAD").read_bytes().strip()
            if not head.startswith(_SYMBOLIC):
                return head.decode() if _ID.fullmatch(head) else None
            name = head.removeprefix(_SYMBOLIC).strip()
            return self._named(name) if name.startswith(_BRANCHES) else None
        except OSError:
            return None

    @property
    def branch(self) -> str | None:
        """Return the branch that is checked out; None where none is."""
        head = (self.git_dir / "HEAD").read_bytes().strip().removeprefix(_SYMBOLIC).strip()
        return os.fsdecode(head.removeprefix(_BRANCHES)) if head.startswith(_BRANCHES) else None

    def is_shared(self) -> bool:
        """Say whether its files are to be of use to others, or whether that is not plain to see: git gives them the modes for it."""
        return _SHARING.search((self.common_dir / "config").read_bytes().lower()) is not None

    def is_ours(self, root: Path) -> bool:
        """Say whether git trusts it because this user owns it, the working tree `root` and what links that to it."""
        found = [path.lstat() for path in (root, root / ".git", self.git_dir)]
        return all(each.st_uid == os.geteuid() and not stat.S_ISLNK(each.st_mode) for each in found)

    def _named(self, name: bytes) -> str | None:
        loose, packed = self.common_dir / os.fsdecode(name), self.common_dir / "packed-refs"
        if loose.is_file():
            id = loose.read_bytes().strip()
            return id.decode() if _ID.fullmatch(id) else None
        if not packed.is_file():
            return None
        found = re.search(rb"^([0-9a-f]+) " + re.escape(name) + rb"$", packed.read_bytes(), re.MULTILINE)
        return found[1].decode() if found else None
