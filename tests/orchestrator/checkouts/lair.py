"""What tests of managed checkouts work with: a repository at a fake forge, and the checkouts of it below a state directory."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.checkouts.checkouts import Checkouts
from orchestrator.checkouts.homes import home_of
from orchestrator.checkouts.records import Made, Watching
from orchestrator.configuration.config import ForgeTable, MachineConfig
from orchestrator.forges.entries import read_entries
from orchestrator.records import Order
from orchestrator.settings import Container, Managed, Settings
from sandbox import LocalDriver, toolchain_paths
from tests.orchestrator import project
from tests.orchestrator.forges import fakeapi
from tests.orchestrator.forges.fake import TOKEN, FakeForge, serving

SECRET = "s3cret/of the index"


@dataclass(slots=True)
class Lair:
    """A forge, what is developed there, and nightcrew's checkouts of it."""

    fake: FakeForge
    work: Path
    state: Path
    checkouts: Checkouts
    home: Path
    told: list[str] = field(default_factory=list)

    def push(self, files: Mapping[str, str], message: str = "more") -> str:
        """Push files to the forge, as a developer does; return the commit."""
        for name, text in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        project.git(self.work, "add", "--all")
        project.git(self.work, "commit", "--quiet", "--allow-empty", f"--message={message}")
        project.git(self.work, "push", "--quiet", "--force", str(self.fake.git_dir), "HEAD:main")
        return project.git(self.work, "rev-parse", "HEAD")

    @contextmanager
    def made(self, start: str = "", **watching: Any) -> Iterator[Made]:
        """Have a checkout of what the forge has."""
        given = Watching(**{"told": self.told.append, **watching})
        with self.checkouts.made(self.home, Managed(start), given, set_up=True) as made:
            yield made

    def tree(self, start: str = "") -> Path:
        """Have a checkout made, standing at its commit, and return its working tree."""
        with self.made(start) as made, self.checkouts.still(self.home, made.managed) as tree:
            return tree

    def made_tree(self, listing: str) -> str:
        """Write a tree at the forge as a listing says, whatever that is, and return its id."""
        words = ["git", "--git-dir", str(self.fake.git_dir), "mktree"]
        return subprocess.run(words, input=listing, capture_output=True, text=True, check=True).stdout.strip()

    def log(self) -> str:
        """Return the output of the only set-up."""
        (log,) = (self.home / "logs").iterdir()
        return log.read_text()


@contextmanager
def lair(folder: Path, environ: Mapping[str, str] | None = None, **entry: Any) -> Iterator[Lair]:
    """Open checkouts of a repository at a fake forge of its own; `entry` are further keys of its table."""
    work, state = project.make(folder), folder / "state"
    with serving(FakeForge(folder / "forge", work, fakeapi.github)) as fake:
        checkouts = checkouts_at(fake.url, state, environ, **entry)
        home = home_of(state, "hub", fake.repository)
        yield Lair(fake, work, state, checkouts, home)


def checkouts_at(
    url: str,
    state: Path,
    environ: Mapping[str, str] | None = None,
    container: Container = Container(),
    **entry: Any,
) -> Checkouts:
    """Open checkouts of the repository at the forge of an address; `entry` are further keys of its table."""
    given = {
        "kind": "github",
        "url": url,
        "api": f"{url}/api",
        "token_env": "FORGE_TOKEN",
        "managed": [FakeForge.repository],
        "allow": ["alice"],
        **entry,
    }
    machine = MachineConfig(forges={"hub": ForgeTable.model_validate(given)})
    known = {**os.environ, "FORGE_TOKEN": TOKEN, **(environ or {})}
    entries = read_entries(machine, known, state.parent, state)

    def settings(order: Order) -> Settings:
        python = str(order.repository / ".venv/bin/python")
        return project.settings(state, python=python, container=container)

    driver = LocalDriver(state / "sandboxes")
    tools = toolchain_paths(None, Path.home(), os.environ)
    return Checkouts(state, lambda: entries, driver, lambda: tools, known, settings)


def status(tree: Path) -> str:
    """Return what git says has changed in a working tree."""
    done = subprocess.run(["git", "status", "--porcelain"], cwd=tree, capture_output=True, text=True, check=True)
    return done.stdout
