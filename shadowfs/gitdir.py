"""Git directories of our own: a shadow's `.git` and a pin's scratch one. They borrow objects and hold nothing foreign."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from shadowfs import git

if TYPE_CHECKING:
    from shadowfs.snapshot import Snapshot

# How the working tree's bytes relate to git's is the user's setting; only these, and only such values, are taken over.
_TAKEN = {
    "filemode": ("true", "false"),
    "ignorecase": ("true", "false"),
    "autocrlf": ("true", "false", "input"),
    "eol": ("lf", "crlf", "native"),
}
_CONFIG = """\
[core]
\trepositoryformatversion = {version}
\tbare = false
\tlogAllRefUpdates = true
\tcheckStat = minimal
\ttrustctime = false
\tuntrackedCache = false
\tfsmonitor = false
\thooksPath = /dev/null
{core}[gc]
\tauto = 0
[maintenance]
\tauto = false
[user]
\tname = nightcrew
\temail = nightcrew@localhost
[commit]
\tgpgSign = false
"""


def neutral_config(object_format: str, settings: Mapping[str, str] | None = None) -> str:
    """Return the text of a configuration that runs nothing, with what of the user's `core.*` says how to read files."""
    taken = {key: value.lower() for key, value in (settings or {}).items() if key in _TAKEN}
    core = "".join(f"\t{key} = {value}\n" for key, value in sorted(taken.items()) if value in _TAKEN[key])
    config = _CONFIG.format(version=int(object_format != "sha1"), core=core)
    return config if object_format == "sha1" else f"{config}[extensions]\n\tobjectFormat = {object_format}\n"


def make_git_dir(
    path: Path,
    *,
    head: str,
    config: str,
    alternates: Iterable[Path],
    branch: str | None = None,
    shallow: str = "",
    exclude: bytes = b"",
) -> None:
    """Make a git directory at `path` with `head` checked out (on `branch`, else detached), without an index.

    Objects come from `alternates`; `shallow` are the commits whose parents are missing there, one a line.
    """
    path.mkdir(parents=True, exist_ok=True)
    # What else a repository has, git makes when it is needed.
    for directory in ("objects", "objects/info", "refs", "info"):
        (path / directory).mkdir(exist_ok=True)
    if branch is None:
        (path / "HEAD").write_text(f"{head}\n")
    else:
        (path / "HEAD").write_bytes(b"ref: refs/heads/" + os.fsencode(branch) + b"\n")
        # Packed, since a branch may have a name that no file can have here.
        (path / "packed-refs").write_bytes(head.encode() + b" refs/heads/" + os.fsencode(branch) + b"\n")
    stores = "".join(f"{git.quoted(store)}\n" for store in alternates)
    (path / "objects/info/alternates").write_bytes(os.fsencode(stores))
    (path / "info/exclude").write_bytes(exclude)
    if shallow:
        (path / "shallow").write_text(shallow)
    (path / "config").write_text(config)


def make_shadow_git_dir(path: Path, snapshot: Snapshot) -> None:
    """Make the git directory of a shadow of `snapshot`: the user's branch, HEAD and index, on the depot's objects."""
    pinned = snapshot.pin.parent
    shallow = snapshot.depot.path / "shallow"
    make_git_dir(
        path,
        head=snapshot.head,
        config=(pinned / "config").read_text(),
        alternates=(snapshot.depot.objects,),
        branch=snapshot.branch,
        shallow=shallow.read_text() if shallow.exists() else "",
        exclude=(pinned / "exclude").read_bytes(),
    )
    shutil.copyfile(pinned / "index", path / "index")
