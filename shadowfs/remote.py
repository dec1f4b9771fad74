"""A repository at a forge, over HTTP: looked at, fetched from, pushed to. Always beside the user's repository, which is read and never written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from shadowfs import git, worktree
from shadowfs.depot import Depot
from shadowfs.snapshot import Snapshot
from shadowfs.worktree import WorkTree

_PASSED = (
    *(f"{scheme}_proxy" for scheme in ("http", "https", "all", "no")),
    *(f"{scheme}_PROXY" for scheme in ("HTTP", "HTTPS", "ALL", "NO")),
    "GIT_SSL_CAINFO",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)
"""Variables that say how this machine reaches others."""
_USER, _TOKEN = "NIGHTCREW_GIT_USER", "NIGHTCREW_GIT_TOKEN"
# git runs it with a shell, and it reads its environment: the token is in no argument, address, file or log.
_HELPER = f'!f() {{ test "$1" = get || exit 0; printf "username=%s\\npassword=%s\\n" "${_USER}" "${_TOKEN}"; }}; f'
_HEADS = "refs/heads/"
_MOVED = ("stale info", "fetch first", "cannot lock ref", "reference already exists", "failed to update ref")
"""What is said where the branch is elsewhere, here or, a moment later, there."""


class Pushed(Enum):
    """How a push ended."""

    DONE = "done"
    MOVED = "moved"
    """The branch is not where it was expected; nothing was written."""
    REFUSED = "refused"
    """The other side did not take it."""


@dataclass(frozen=True, slots=True)
class Remote:
    """An address that git speaks HTTP with, and who speaks. A connection on which next to nothing comes for `stall_s` is given up."""

    url: str
    user: str = "nightcrew"
    token: str = field(default="", repr=False)
    stall_s: int = 60
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    def settings(self) -> dict[str, str]:
        """Return the environment in which git speaks with it, and with nobody else."""
        scheme = "https" if self.url.startswith("https://") else "http"
        config = {
            f"protocol.{scheme}.allow": "always",
            "http.followRedirects": "false",
            "http.lowSpeedLimit": "100",
            "http.lowSpeedTime": str(self.stall_s),
            "credential.helper": "",
            f"credential.{scheme}://{urlsplit(self.url).netloc}.helper": _HELPER if self.token else "",
            "push.gpgSign": "false",
            "push.followTags": "false",
            "push.recurseSubmodules": "no",
            "fetch.recurseSubmodules": "no",
        }
        told = {"GIT_CONFIG_COUNT": str(len(config))}
        for number, (key, value) in enumerate(config.items()):
            told |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        passed = {name: self.environ[name] for name in _PASSED if name in self.environ}
        return {**passed, **told, "GIT_ASKPASS": "", _USER: self.user, _TOKEN: self.token}


class Outpost:
    """A git directory of ours below `state` that borrows the objects of the user's `repository`, to speak with a remote from.

    Where that is on another machine, or not as it was at the pin, the depot of `pinned` stands in for it.
    All raise `DepotError` with git's own words where the remote cannot be reached or does not let us in.
    """

    def __init__(
        self,
        state: Path,
        repository: Path,
        remote: Remote,
        environ: Mapping[str, str] | None = None,
        pinned: Snapshot | None = None,
    ) -> None:
        self._user = _source(repository, environ or {}, pinned)
        self._depot = Depot.open(state, self._user.root, self._user.object_format)
        self._remote = remote

    def tips(self, *branches: str) -> dict[str, str]:
        """Return where these branches are, those that there are."""
        out = self._git(["ls-remote", "--heads", self._remote.url, *(_HEADS + each for each in branches)])
        pairs = (line.split("\t") for line in out.decode(errors="replace").splitlines() if "\t" in line)
        return {name.removeprefix(_HEADS): id for id, name in pairs}

    def beyond(self, commit: str, branch: str) -> tuple[str, ...]:
        """Return the commits that `commit` has and the remote's `branch` has not, newest first; their objects come here."""
        self._bring(f"{_HEADS}{branch}", f"refs/nightcrew/bases/{branch}")
        out = self._git(["rev-list", commit, "--not", f"refs/nightcrew/bases/{branch}"])
        return tuple(out.decode().split())

    def push(self, commit: str, branch: str, expected: str | None) -> tuple[Pushed, str]:
        """Set the remote's `branch` to `commit` if it is at `expected` (None: is not there); return how it ended, and the other side's words.

        A branch that is there already is moved, forwards or not: only the lease decides.
        """
        lease = f"--force-with-lease={_HEADS}{branch}:{expected or ''}"
        args = [
            "push",
            "--porcelain",
            "--no-verify",
            "--no-thin",
            lease,
            self._remote.url,
            f"{commit}:{_HEADS}{branch}",
        ]
        for flag, _, said in statuses(self._git(args, fine=(0, 1))):
            if flag == "!":
                return (Pushed.MOVED if any(word in said for word in _MOVED) else Pushed.REFUSED), said
            return Pushed.DONE, said
        return Pushed.REFUSED, "the other side said nothing"

    def fetch(self, ref: str, state: Path) -> str:
        """Bring what `ref` of the remote names into the depot below `state`, which keeps it, and return its commit."""
        name = f"refs/nightcrew/fetched/{hashlib.sha256(ref.encode()).hexdigest()[:16]}"
        self._bring(ref, name)
        commit = self._git(["rev-parse", f"{name}^{{commit}}"]).decode().strip()
        # What the user's own history has stays there, as for a pin.
        reached = self._git(["rev-list", "--objects", "--no-object-names", commit, "--not", self._user.head])
        pack = self._git(["pack-objects", "-q", "--stdout", "--window=0"], input=reached)
        depot = Depot.open(state, self._user.root, self._user.object_format)
        git.run(["unpack-objects", "-q"], git_dir=depot.path, alternates=[self._user.objects], input=pack)
        return commit

    def bundle(self, commit: str, branch: str, known: str, file: Path) -> None:
        """Write a bundle of what `commit` has beyond `known`, with `branch` as its name."""
        self._git(["update-ref", _HEADS + branch, commit])
        try:
            self._git(["bundle", "create", "-q", file, _HEADS + branch, "--not", known])
        finally:
            self._git(["update-ref", "-d", _HEADS + branch])

    def _bring(self, ref: str, name: str) -> None:
        args = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", self._remote.url]
        self._git([*args, f"+{ref}:{name}"])

    def _git(self, args: Sequence[str | Path], input: bytes = b"", fine: tuple[int, ...] = (0,)) -> bytes:
        extra = self._remote.settings()
        shallow = self._user.common_dir / "shallow"
        if shallow.exists():
            extra["GIT_SHALLOW_FILE"] = str(shallow)
        return git.run(
            args, git_dir=self._depot.path, alternates=[self._user.objects], extra=extra, input=input, fine=fine
        )


def _source(repository: Path, environ: Mapping[str, str], pinned: Snapshot | None) -> WorkTree:
    """Return where the objects are that are to be pushed."""
    if pinned is None:
        return worktree.find(repository, environ)
    if repository.is_dir():
        user = worktree.find(repository, environ)
        asked = ["rev-parse", "--verify", "--quiet", f"{pinned.head}^{{commit}}"]
        if git.run(asked, git_dir=pinned.depot.path, objects=user.objects, fine=(0, 1)):
            return user
    depot = pinned.depot
    return WorkTree(
        root=repository,
        git_dir=depot.path,
        common_dir=depot.path,
        object_format=depot.object_format,
        head=pinned.head,
        branch=pinned.branch,
        settings={},
        home=depot.path,
        config_home=depot.path,
    )


def statuses(out: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield of `push --porcelain` each ref's flag, from where to where it goes, and what is said of it."""
    for line in out.decode(errors="replace").splitlines():
        parts = line.split("\t")
        if len(parts) == 3:
            yield parts[0], parts[1], parts[2]
