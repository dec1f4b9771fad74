"""Building a working tree: files of a commit and what the set-up makes of them, beside its place, into which it is moved whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.checkouts.errors import CheckoutRefused
from orchestrator.checkouts.homes import Places
from orchestrator.checkouts.running import Ground, Setup
from orchestrator.checkouts.secrets import forms, holding
from shadowfs import Clone, DepotError, TreeFile, remove_tree

_ENVIRONMENTS = (".venv", "venv", "env")
_LINK = 0o120000
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Building:
    """A working tree that is to be, of `commit` on `branch`. Whoever builds it has the lock of its key."""

    places: Places
    clone: Clone
    key: str
    commit: str
    branch: str
    files: Mapping[str, TreeFile]
    state: Path
    limit_bytes: int

    def make(self, setup: Setup) -> Path:
        """Make it and return its path. Raises `CheckoutRefused`, `SetupFailed`; nothing is left in its place then."""
        making, target = self.places.making(self.key), self.places.tree(self.key)
        source = making / "whole" / target.name
        # What a process left that was killed here.
        remove_tree(making)
        remove_tree(target.parent)
        source.mkdir(parents=True, mode=0o700)
        try:
            self._fill(source)
            if setup.plan.actions:
                self._set_up(source, making / "git", target, setup)
            target.parent.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            source.parent.rename(target.parent)
        finally:
            remove_tree(making)
        return target

    def _fill(self, source: Path) -> None:
        for name in _ENVIRONMENTS:
            if name in self.files and self.files[name].mode == _LINK:
                raise CheckoutRefused(f"the repository has {name} as a link: take it out there, and ignore that name")
        try:
            self.clone.plant(source, self.commit, self.branch)
            self.clone.restore(source, self.commit, self.branch)
        except DepotError as error:
            raise CheckoutRefused(f"{self.commit[:12]} cannot be checked out: {error}") from error

    def _set_up(self, source: Path, git_dir: Path, target: Path, setup: Setup) -> None:
        # Commands may do to this one what they like.
        self.clone.plant(source, self.commit, self.branch, git_dir)
        objects = self.clone.git_dir / "objects"
        # Both the files and what is made of them.
        room = self.limit_bytes + sum(file.bytes for file in self.files.values())
        setup.run(Ground(source, target, git_dir, objects, (self.state,), room))
        self.clone.plant(source, self.commit, self.branch)
        changed = self.clone.restore(source, self.commit, self.branch, clean=False)
        if changed:
            setup.note(f"the set-up changed {_some(changed)}, which the repository has: that was undone")
        self._purge(source, setup)
        kept = self.clone.ignore_untracked(source)
        if kept:
            setup.note(f"the set-up made {_some(kept)}, which the repository does not ignore: ignored in this checkout")

    def _purge(self, source: Path, setup: Setup) -> None:
        """Take out what must not reach an attempt: environments that lie elsewhere, and files with a secret in them."""
        for name in _ENVIRONMENTS:
            if (source / name).is_symlink():
                (source / name).unlink()
                setup.note(
                    f"the set-up made {name} a link: it was removed, as an environment has to lie in the checkout"
                )
        for path in holding(source, forms(setup.secrets)):
            name = str(path.relative_to(source))
            if name not in self.files:
                path.unlink()
                setup.note(f"{name} had a secret in it: it was removed")


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
