"""Hold: snapshots of a working tree, copy-on-write shadows of them, the FUSE mount, export to git."""

from shadowfs.change import Blobs, Change, Entry, FileChange, RepoPath
from shadowfs.errors import DepotError, DriverUnavailable, NoSpace, NotPinnable, RefusedPath, ShadowfsError
from shadowfs.merge import merge
from shadowfs.shadow import Driver, Mount, Probe, Shadow
from shadowfs.snapshot import Omission, Snapshot

__all__ = [
    "Blobs",
    "Change",
    "DepotError",
    "Driver",
    "DriverUnavailable",
    "Entry",
    "FileChange",
    "Mount",
    "NoSpace",
    "NotPinnable",
    "Omission",
    "Probe",
    "RefusedPath",
    "RepoPath",
    "Shadow",
    "ShadowfsError",
    "Snapshot",
    "merge",
]
