"""Both sides of one changed file, read when somebody asks: a change may carry files of any size that nobody looks into."""

from __future__ import annotations

from functools import cached_property

from shadowfs import Blobs, Entry, FileChange, RepoPath

_SUBMODULE = 0o160000
_LINK = 0o120000


class Sides:
    """A changed file and its contents on the base (`before`) and in the tree (`after`); None where there is none."""

    def __init__(self, file: FileChange, blobs: Blobs) -> None:
        self._file = file
        self._blobs = blobs

    @property
    def path(self) -> RepoPath:
        """The file's path."""
        return self._file.path

    @property
    def kind(self) -> str:
        """`added`, `deleted` or `modified`."""
        return self._file.kind

    @property
    def became_link(self) -> bool:
        """Whether a link now stands where a file stood."""
        before, after = self._file.before, self._file.after
        return before is not None and after is not None and before.mode != _LINK and after.mode == _LINK

    @cached_property
    def before(self) -> bytes | None:
        """The content on the base."""
        return self._read(self._file.before)

    @cached_property
    def after(self) -> bytes | None:
        """The content in the tree."""
        return self._read(self._file.after)

    def _read(self, entry: Entry | None) -> bytes | None:
        return None if entry is None or entry.mode == _SUBMODULE else self._blobs.read(entry.blob)
