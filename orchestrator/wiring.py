"""Wiring: the real engines, made once a job is to be worked on. The one place that names them all."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import shadowfs
from agents import (
    APPLY,
    JUDGE,
    AcpAgent,
    Agent,
    CommandAgent,
    Endpoint,
    HttpModel,
    Model,
    Patience,
    Priced,
    Recording,
    RepairAgent,
    Replaying,
    choose,
    endpoints,
    model_agent,
)
from orchestrator.engines import Checkouts, Engines
from orchestrator.errors import OrderRefused
from orchestrator.examples import MIGRATE
from orchestrator.intake import check_agent
from orchestrator.places.containers import docker_driver
from orchestrator.places.image import recipe
from orchestrator.roster import offers
from orchestrator.settings import Settings
from sandbox import Branches, LocalDriver, NoneDriver, toolchain_paths
from shadowfs import Change, Forecast, Snapshot
from verifier import ForkServers, InsideObserver, InsideRunner, Ladder

if TYPE_CHECKING:
    from orchestrator.configuration.config import MachineConfig


def real_engines(state: Path, environ: Mapping[str, str] | None = None) -> Engines:
    """Return the engines of this machine, over the state directory `state`. Nothing runs until one of them is used.

    `environ` says how the user's git finds its configuration (that of this process, unless given).
    """
    runner = InsideRunner()
    environ = os.environ if environ is None else environ
    scratch = state / "sandboxes"
    docker = docker_driver(environ, Path.home(), scratch)
    fuse = shadowfs.FuseDriver(state)

    def checkouts() -> Checkouts:
        return managed_checkouts(state, environ)

    return Engines(
        repositories=GitRepositories(state, environ, checkouts),
        checkouts=checkouts,
        drivers=(fuse, shadowfs.CopyDriver(state)),
        sandboxes={"local": LocalDriver(scratch), "docker": docker, "none": NoneDriver(scratch)},
        runner=runner,
        image=lambda snapshot, settings: docker.build(recipe(snapshot, settings.container, environ)),
        branches=Branches(state / "services", scratch),
        judge=Ladder(runner, observer=InsideObserver()).judge,
        replayed=lambda name, recording: replayed_agent(name, recording, environ),
        index=state / "index",
        agent=lambda name, alias: real_agent(name, environ, alias),
        offers=lambda: offers(environ, read_machine(environ).named_models()),
        referee=lambda alias: _referee(environ, alias),
        pooled=lambda name, alias: _pooled(name, environ, alias),
        allowance=lambda: read_machine(environ).allowance(),
        warm=lambda driver: fuse.warm() if driver == fuse.name else None,
    )


def managed_checkouts(state: Path, environ: Mapping[str, str]) -> Checkouts:
    """Return the managed checkouts of this machine's forges, as its configuration is now."""
    # Only jobs on such need what reads it.
    from orchestrator.checkouts.checkouts import Checkouts
    from orchestrator.cli.edge import Edge
    from orchestrator.forges.entries import read_entries

    home = Path.home()
    edge = Edge(environ, home, Path(sys.prefix), state)
    return Checkouts(
        state,
        lambda: read_entries(read_machine(environ), environ, home, state),
        LocalDriver(state / "sandboxes"),
        lambda: toolchain_paths(None, home, environ),
        environ,
        lambda order: edge.settings(order.repository, order.test_command, order.sandbox),
    )


def real_agent(name: str, environ: Mapping[str, str], alias: str = "") -> Agent:
    """Return the agent that a specification names, for the ticket with an alias. Raises `OrderRefused`, and `ModelError` where no such model is configured."""
    check_agent(name)
    kind, _, given = name.partition(":")
    if kind == "command":
        return CommandAgent(given, models=lambda model: _model_for_programs(environ, model, alias))
    if kind == "acp":
        return AcpAgent(given, models=lambda model: _model_for_programs(environ, model, alias))
    if kind == MIGRATE:
        from agents import MigrationAgent

        return MigrationAgent()
    return _model_agent(name, given, environ, alias) if kind == "model" else RepairAgent(ForkServers())


def replayed_agent(name: str, recording: Recording, environ: Mapping[str, str]) -> tuple[Agent, Replaying]:
    """Return the agent of a model with a recording in the model's place. Raises `OrderRefused`, and `ModelError` where it is not configured."""
    kind, _, given = name.partition(":")
    if kind != "model":
        raise OrderRefused(
            f"the agent {name!r} cannot be replayed: `model` and `model:NAME` can, whose prompts are ours"
        )
    there = _models(environ)
    endpoint = choose(there, given, role="edit")
    replaying = Replaying(recording, endpoint.name, endpoint.context_tokens)
    return _agent_of(endpoint, name, there, lambda _: replaying), replaying


def _models(environ: Mapping[str, str], alias: str = "") -> tuple[Endpoint, ...]:
    """Return the models there are, as they are asked for the ticket with an alias."""
    there = endpoints(environ, read_machine(environ).named_models())
    return tuple(replace(each, ticket=alias) for each in there)


def _model_for_programs(environ: Mapping[str, str], name: str, alias: str) -> Endpoint | None:
    """Return the model that somebody else's program may ask: the environment or this machine's file names it, no repository."""
    there = _models(environ, alias)
    return choose(there, name, role="edit") if there or name else None


def _model_agent(name: str, model: str, environ: Mapping[str, str], alias: str) -> Agent:
    there = _models(environ, alias)
    endpoint = choose(there, model, role="edit")
    return _agent_of(endpoint, name, there, HttpModel)


def _agent_of(endpoint: Endpoint, name: str, there: Sequence[Endpoint], model_at: Callable[[Endpoint], Model]) -> Agent:
    plans = _first(there, "plan")
    return model_agent(
        model_at(endpoint),
        ForkServers(),
        endpoint.cost_usd,
        name,
        endpoint.model,
        planner=None if plans is not None and plans.name == endpoint.name else _priced(plans, model_at),
        works=endpoint.works,
        repair=endpoint.repair,
        parallel=endpoint.parallel,
        applier=_priced(_first(there, APPLY), model_at),
    )


def _first(there: Sequence[Endpoint], role: str) -> Endpoint | None:
    return next((each for each in there if each.role == role), None)


def _priced(endpoint: Endpoint | None, model_at: Callable[[Endpoint], Model]) -> Priced | None:
    return None if endpoint is None else Priced(model_at(endpoint), endpoint.cost_usd, endpoint.model)


def _referee(environ: Mapping[str, str], alias: str) -> Priced | None:
    """Return the first model whose role is `judge`; another one is not asked to judge."""
    return _priced(_first(_models(environ, alias), JUDGE), HttpModel)


def _pooled(name: str, environ: Mapping[str, str], alias: str) -> Priced | None:
    """Return the model of an agent where a pool answers for it; what is sent ahead there is tried once."""
    kind, _, model = name.partition(":")
    if kind != "model":
        return None
    there = _models(environ, alias)
    if not any(each.pool for each in there):
        return None
    endpoint = choose(there, model, role="edit")
    return Priced(HttpModel(endpoint, Patience(tries=1)), endpoint.cost_usd) if endpoint.pool else None


def read_machine(environ: Mapping[str, str]) -> MachineConfig:
    """Read the machine's configuration as it is now."""
    # Reading it takes pydantic: for jobs with models alone.
    from orchestrator.configuration import config

    return config.read_machine(environ, Path.home())


@dataclass(frozen=True, slots=True)
class GitRepositories:
    """Users' git repositories, through shadowfs; depots lie below `state`."""

    state: Path
    environ: Mapping[str, str]
    checkouts: Callable[[], Checkouts]

    def pin(self, repository: Path, settings: Settings) -> Snapshot:
        """Take a snapshot of the working tree as it is; of a managed checkout at the commit that the ticket is about."""
        if settings.managed is None:
            return self._pin(repository, settings)
        with self.checkouts().still(repository, settings.managed) as tree:
            return self._pin(tree, settings)

    def _pin(self, repository: Path, settings: Settings) -> Snapshot:
        return shadowfs.pin(
            repository,
            self.state,
            large_bytes=settings.large_bytes,
            secret_patterns=settings.hidden,
            environ=self.environ,
        )

    def fingerprint(self, snapshot: Snapshot) -> str:
        """Return the fingerprint of the ignored files as they are now."""
        return shadowfs.fingerprint(snapshot.repository, snapshot.ignored)

    def compared(self, snapshot: Snapshot, ref: str) -> Change:
        """Return what the commit `ref` changes since it left `HEAD`."""
        return shadowfs.compare(snapshot, ref, self.environ)

    def forecast(self, snapshot: Snapshot, change: Change) -> Forecast | None:
        """Return what a merge of `change` into the pinned branch, as it is now, would meet."""
        return shadowfs.forecast(snapshot, change, self.environ)

    def send(self, snapshot: Snapshot, commit: str) -> None:
        """Copy a commit of the depot into the repository, unless it holds what may not leave (`RefusedPath`)."""
        shadowfs.check_exportable(snapshot.depot.change(snapshot.base, commit))
        shadowfs.deliver_objects(snapshot.depot, commit, snapshot.repository, self.environ)

    def set_branch(self, repository: Path, branch: str, commit: str) -> bool:
        """Make `branch` name `commit`, unless it names something else already; say whether it names it now."""
        return shadowfs.set_branch(repository, branch, commit, environ=self.environ)
