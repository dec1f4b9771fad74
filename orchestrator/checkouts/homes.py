"""Where managed checkouts lie: `checkouts/FORGE/OWNER/NAME` of the state directory, and what is in each of these."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_FOLDER = "checkouts"
_DEPTH = 3


def home_of(state: Path, forge: str, repository: str) -> Path:
    """Return the home of a repository of a forge; it has the working trees of all states of its environment."""
    owner, _, name = repository.rpartition("/")
    # A group within a group is one step, so that no home lies in another.
    return state.resolve() / _FOLDER / forge / owner.replace("/", "+") / name


def is_home(state: Path, path: Path) -> bool:
    """Say whether a path is that of a managed checkout's home."""
    folder = state.resolve() / _FOLDER
    return path.is_relative_to(folder) and len(path.relative_to(folder).parts) == _DEPTH


@dataclass(frozen=True, slots=True)
class Places:
    """What lies in a home: `.git` with all that was fetched, working trees, those that are being made, logs of set-ups, and locks."""

    home: Path

    def tree(self, key: str) -> Path:
        """Return the working tree whose environment has this key."""
        return self.home / "trees" / key / self.home.name

    def key(self, tree: Path) -> str:
        """Return the key of a working tree's environment."""
        return tree.parent.name

    def making(self, key: str) -> Path:
        """Return where a working tree is made before it is whole."""
        return self.home / "making" / key

    def log(self, key: str) -> Path:
        """Return the output of the set-up that made an environment."""
        return self.home / "logs" / f"{key}.log"

    def lock(self, name: str) -> Path:
        """Return the file that whoever changes something locks."""
        return self.home / "locks" / name
