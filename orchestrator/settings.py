"""Settings: how one repository is worked on. A closed record that the edge builds once and every ticket carries with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import Limits, Services
from verifier import Found, Server, Suite


@dataclass(frozen=True, slots=True)
class Container:
    """What the docker sandbox's containers are made of: `image`, else what `dockerfile` builds, else what the repository has.

    `setup` is a shell's command that then runs in it once, with the network and the variables named in `secrets`.
    """

    image: str | None = None
    dockerfile: str | None = None
    setup: str | None = None
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Managed:
    """That a repository is a managed checkout. `start` is the branch of the forge that work begins from ("": its default branch).

    The rest is known once the work has begun: `tree` is where the files lie, at `commit` of `branch`.
    """

    start: str = ""
    tree: Path | None = None
    commit: str = ""
    branch: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a repository is worked on.

    `suite` is how its tests run (None: nobody said and nothing was found). `python` is the project's interpreter.
    `environment` goes to every command in the sandbox. `toolchains` are host paths bound read-only at the same place
    (interpreters under home, virtual environments outside the repository). `hidden` are patterns of repository paths that do
    not exist for anybody in a shadow, on top of the built-in secret patterns; `protected` are patterns of paths that an agent may read but not
    change. `hidden_paths` are host paths that do not exist in the sandbox. `limits` hold for each command.
    """

    suite: Suite | None = None
    python: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    toolchains: tuple[Path, ...] = ()
    hidden: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    hidden_paths: tuple[Path, ...] = ()
    large_bytes: int = 50 << 20
    """Untracked files above this stay out of the snapshot's tree."""
    allowed: tuple[str, ...] = ()
    """Paths that tickets may change though the tamper rung guards them."""
    limits: Limits = field(default_factory=Limits)
    agent: str = "repair"
    attempts: int = 1
    ask: bool = True
    """Whether a job may end with a question; else what is likeliest is proposed."""
    seconds: float = 3600.0
    usd: float | None = None
    tokens: int | None = None
    rounds: int = 2
    """How often, at most, an agent that the ladder refused goes on with what the ladder said."""
    paid: tuple[str, ...] = ()
    """The agents that ask a model which costs dollars."""
    unpriced: tuple[str, ...] = ()
    """The agents that ask the environment's model, whose price nobody said: dollars do not bound it."""
    usd_bound: bool = False
    """Whether this machine's file bounds the dollars of a ticket: a repository's number is no bound of its user's."""
    tokens_bound: bool = False
    """Whether it bounds the tokens of a day."""
    driver: str | None = None
    """`fuse` or `copy`; None takes the best one that works."""
    sandbox: str = "local"
    """`local` or `docker`, or `none` where somebody typed it."""
    container: Container = Container()
    repeats: int = 3
    """How often a test of the ticket must agree with itself."""
    servers: tuple[Found, ...] = ()
    """The language servers that were found on this machine."""
    managed: Managed | None = None
    """None for a repository on disk. Of a managed checkout the suite is found out when the work begins."""
    services: Services = Services()
    """The databases that the tests need."""
    image_servers: tuple[Server, ...] = ()
    """Those that are looked for in an image."""
    needs: tuple[str, ...] = ()
    """What a worker has to be able to do for its tickets, besides what they are made with."""
