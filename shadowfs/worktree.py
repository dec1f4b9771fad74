"""The user's working tree, found from any directory inside it: only looked at, never written."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shadowfs import git
from shadowfs.errors import NotPinnable
from shadowfs.layout import Layout

_SETTINGS = ("excludesfile", "filemode", "symlinks", "ignorecase", "autocrlf", "eol", "attributesfile")
_FORMAT = "extensions.objectformat"
_ODD = re.compile(r"worktree|extensions\.(?!objectformat$).*")
"""What makes a repository lie, or be read, otherwise than its layout tells."""
_ASKED = rf"^(core\.({'|'.join(_SETTINGS)}|bare|worktree|repositoryformatversion)|extensions\..*)$"


@dataclass(frozen=True, slots=True)
class WorkTree:
    """A working tree at `root`, its git directory, and what of its configuration says how its files are to be read.

    `common_dir` differs from `git_dir` in a linked worktree. `branch` is None with a detached HEAD. `settings` are values
    of `core.*` by lower-case name.
    """

    root: Path
    git_dir: Path
    common_dir: Path
    object_format: str
    head: str
    branch: str | None
    settings: Mapping[str, str]
    home: Path
    config_home: Path

    @property
    def objects(self) -> Path:
        """Return the directory of the repository's object store."""
        return self.common_dir / "objects"

    def exclude_files(self) -> tuple[Path, ...]:
        """Return the user's ignore files outside the tree, the one that counts more last."""
        configured = self._path("excludesfile", self.config_home / "git" / "ignore")
        return (configured, self.common_dir / "info" / "exclude")

    def attribute_files(self) -> tuple[Path, ...]:
        """Return the user's attribute files outside the tree, the one that counts more last."""
        configured = self._path("attributesfile", self.config_home / "git" / "attributes")
        return (configured, self.common_dir / "info" / "attributes")

    def _path(self, setting: str, default: Path) -> Path:
        value = self.settings.get(setting)
        if not value:
            return default
        return self.home / value[2:] if value.startswith("~/") else self.root / value


def find(directory: Path, environ: Mapping[str, str]) -> WorkTree:
    """Return the working tree that `directory` lies in; raise `NotPinnable` with what to do where there is none."""
    directory = directory.absolute()
    if not directory.is_dir():
        raise NotPinnable(f"{directory} is no directory: name a directory inside a git repository")
    settings = _settings(directory, environ)
    git_dir, common_dir, root, head, branch = _seen(directory, settings) or _asked(directory, environ)
    home = Path(environ.get("HOME") or Path.home())
    return WorkTree(
        root=root,
        git_dir=git_dir,
        common_dir=common_dir,
        object_format=settings.get(_FORMAT, "sha1").lower(),
        head=head,
        branch=branch,
        settings={name: settings[name] for name in _SETTINGS if name in settings},
        home=home,
        config_home=Path(environ.get("XDG_CONFIG_HOME") or home / ".config"),
    )


def _seen(directory: Path, settings: Mapping[str, str]) -> tuple[Path, Path, Path, str, str | None] | None:
    """Return git's directory, the shared one, the top, the commit and the branch of a plain repository's top directory; None for any other."""
    root = directory.resolve()
    layout = Layout.of(root)
    plain = settings.get("bare") == "false" and settings.get("repositoryformatversion") in ("0", "1")
    if layout is None or not plain or any(map(_ODD.fullmatch, settings)) or "\n" in str(root):
        return None
    head = layout.head() if layout.is_ours(root) else None
    return None if head is None else (layout.git_dir, layout.common_dir, root, head, layout.branch)


def _asked(directory: Path, environ: Mapping[str, str]) -> tuple[Path, Path, Path, str, str | None]:
    """Return the same as git says it of any directory. Raises `NotPinnable`."""
    args = ["rev-parse", "--is-bare-repository", "--is-inside-work-tree"]
    args += ["--path-format=absolute", "--git-dir", "--git-common-dir", "--show-toplevel"]
    asked = git.look([*args, "HEAD", "--symbolic-full-name", "HEAD"], directory, environ)
    lines = asked.stdout.decode(errors="surrogateescape").splitlines()
    _check(directory, lines, asked.stderr.decode(errors="replace"))
    _, _, git_dir, common_dir, root, head, name = lines
    branch = name.removeprefix("refs/heads/") if name.startswith("refs/heads/") else None
    return Path(git_dir), Path(common_dir), Path(root), head, branch


def _check(directory: Path, lines: list[str], said: str) -> None:
    foreign = re.search(r"dubious ownership in repository at '(.*)'", said)
    if foreign:
        raise NotPinnable(
            f"the repository at {foreign[1]} belongs to another user: if you trust it, run "
            f"`git config --global --add safe.directory '{foreign[1]}'`"
        )
    if not lines:
        if "not a git repository" in said:
            raise NotPinnable(f"{directory} is not in a git repository: run `git init` and commit its files first")
        raise NotPinnable(f"git cannot read the repository of {directory}: {said.strip() or 'it gave no reason'}")
    if lines[0] == "true":
        raise NotPinnable(f"{directory} is a bare repository: name a directory with its files, such as a clone of it")
    if lines[1:2] != ["true"]:
        raise NotPinnable(f"{directory} is inside a git directory: name the directory that holds the files")
    if len(lines) != 7 or lines[5] == "HEAD":
        if len(lines) == 6 or "HEAD" in said:
            raise NotPinnable(f"the repository of {directory} has no commit yet on its branch: commit its files first")
        raise NotPinnable(f"the path of the repository of {directory} has a line break: move it elsewhere")


def _settings(directory: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that say how to read files, `core.*` without that word; nothing that names a program is taken."""
    asked = git.look(["config", "-z", "--get-regexp", _ASKED], directory, environ)
    found = {}
    # Of several values the last one counts.
    for item in asked.stdout.split(b"\0")[:-1]:
        name, _, value = item.partition(b"\n")
        found[os.fsdecode(name).removeprefix("core.")] = os.fsdecode(value)
    return found
