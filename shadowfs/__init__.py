"""Hold: snapshots of a working tree, copy-on-write shadows of them, the FUSE mount, export to git."""

from shadowfs.change import Blobs, Change, Entry, FileChange, RepoPath
from shadowfs.clone import Clone, TreeFile
from shadowfs.compare import compare
from shadowfs.copydriver import CopyDriver
from shadowfs.depot import Depot
from shadowfs.earlier import earlier_texts
from shadowfs.errors import (
    DepotError,
    DriverUnavailable,
    HubAway,
    NoSpace,
    NotPinnable,
    RefusedPath,
    ShadowfsError,
    TooLarge,
    UnknownCommit,
)
from shadowfs.evicting import evict, held, remove_evicted, use
from shadowfs.example import Example, ExampleFile, commit_example
from shadowfs.export import check_exportable, deliver_objects, set_branch
from shadowfs.follower import Follower
from shadowfs.forecast import Forecast, forecast
from shadowfs.fusedriver import FuseDriver
from shadowfs.git import Bound
from shadowfs.history import Past, PastCommit
from shadowfs.home import Home, remove_tree, sweep
from shadowfs.hub import Hub, Load, commit_load, placed, snapshot_loads, tree_load
from shadowfs.ignore import ignored_paths
from shadowfs.kept import end as end_kept
from shadowfs.layer import fingerprint
from shadowfs.memory import MemoryDriver
from shadowfs.merge import merge
from shadowfs.pin import LARGE_BYTES, pin
from shadowfs.pintable import PinnedFile, PinTable
from shadowfs.remote import Outpost, Pushed, Remote
from shadowfs.repin import rewind
from shadowfs.secrets import hiding
from shadowfs.shadow import Driver, Mount, Moved, Probe, Shadow
from shadowfs.snapshot import Omission, Snapshot

__all__ = [
    "LARGE_BYTES",
    "Blobs",
    "Bound",
    "Change",
    "Clone",
    "CopyDriver",
    "Depot",
    "DepotError",
    "Driver",
    "DriverUnavailable",
    "Entry",
    "Example",
    "ExampleFile",
    "FileChange",
    "Follower",
    "Forecast",
    "FuseDriver",
    "Home",
    "Hub",
    "HubAway",
    "Load",
    "MemoryDriver",
    "Mount",
    "Moved",
    "NoSpace",
    "NotPinnable",
    "Omission",
    "Outpost",
    "Past",
    "PastCommit",
    "PinTable",
    "PinnedFile",
    "Probe",
    "Pushed",
    "RefusedPath",
    "Remote",
    "RepoPath",
    "Shadow",
    "ShadowfsError",
    "Snapshot",
    "TooLarge",
    "TreeFile",
    "UnknownCommit",
    "check_exportable",
    "commit_example",
    "commit_load",
    "compare",
    "deliver_objects",
    "earlier_texts",
    "end_kept",
    "evict",
    "fingerprint",
    "forecast",
    "held",
    "hiding",
    "ignored_paths",
    "merge",
    "pin",
    "placed",
    "remove_evicted",
    "remove_tree",
    "rewind",
    "set_branch",
    "snapshot_loads",
    "sweep",
    "tree_load",
    "use",
]
