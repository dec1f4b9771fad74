"""What can go wrong while holding a repository. One root; each message says what to do next."""


class ShadowfsError(Exception):
    """Raised when a repository cannot be pinned, shadowed or exported."""


class NotPinnable(ShadowfsError, ValueError):
    """Raised when a directory is no git working tree, has no commit yet, or is in a state that cannot be pinned."""


class DriverUnavailable(ShadowfsError, RuntimeError):
    """Raised when the asked-for shadow driver does not work on this machine."""


class RefusedPath(ShadowfsError, ValueError):
    """Raised when a path or entry may not be read, written or exported (`..`, `.git`, device nodes, links out of the tree)."""


class DepotError(ShadowfsError, RuntimeError):
    """Raised when an object is missing from the depot or git reports a failure there."""


class NoSpace(ShadowfsError, OSError):
    """Raised when the disk that holds the state is full."""


class UnknownCommit(ShadowfsError, LookupError):
    """Raised when a name is that of no commit of the repository, or of one that shares no history with the pinned one."""


class TooLarge(ShadowfsError, ValueError):
    """Raised when a repository takes more room than it may: what is fetched of it, or its files."""


class HubAway(DepotError, ConnectionError):
    """Raised when the hub, through which machines exchange what their depots have, does not answer."""
