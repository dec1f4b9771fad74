"""The edge: what a command is given (options, environment, configuration files) becomes a state directory, settings, a crew."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from datetime import tzinfo

    from orchestrator.cluster.carrying import Exchange
    from orchestrator.configuration.config import MachineConfig, RepositoryConfig
    from orchestrator.configuration.detect import Detected
    from orchestrator.crew import Crew
    from orchestrator.dispatch.gate import Gate
    from orchestrator.dispatch.room import Room
    from orchestrator.engines import Engines
    from orchestrator.records import Order
    from orchestrator.settings import Managed, Settings
    from sandbox import Toolchain
    from verifier import Found, Server, Suite

DIRECTORY = click.Path(file_okay=False, path_type=Path)
STATE_HELP = "Keep state here instead of in the XDG state directory."


@dataclass(frozen=True, slots=True)
class Edge:
    """What the process was started with: the environment, home, nightcrew's own prefix, and the state directory asked for."""

    environ: Mapping[str, str]
    home: Path
    own_prefix: Path
    state_given: Path | None = None
    server: str | None = None

    @classmethod
    def of_process(cls, state: Path | None) -> Edge:
        """Return the edge of this process; `state` is the command's own `--state`, which wins over the one before the command."""
        given = click.get_current_context().find_root().params
        if state is None:
            state = given.get("state")
        return cls(dict(os.environ), Path.home(), Path(sys.prefix), state, given.get("server"))

    def machine(self) -> MachineConfig:
        """Read the machine's configuration."""
        from orchestrator.configuration.config import read_machine

        return read_machine(self.environ, self.home)

    def zone(self) -> tzinfo:
        """Return the time zone of this machine."""
        from orchestrator.schedule import machine_zone

        return machine_zone(self.environ)

    def moment(self, option: str, text: str) -> float:
        """Return the Unix time that somebody typed, in this machine's time zone. Raises `click.UsageError`."""
        import time

        from orchestrator.schedule import read_moment

        try:
            return read_moment(text, time.time(), self.zone())
        except ValueError as error:
            raise click.UsageError(f"{option} {error}") from error

    def gate(self, can: Sequence[str] = ()) -> Gate:
        """Return what lets jobs begin by this machine's schedules and limits; `can` is what somebody typed that its workers can do."""
        from orchestrator.dispatch.abilities import DOCKER, Found, checked, look
        from orchestrator.dispatch.fairness import Terms
        from orchestrator.dispatch.gate import Gate
        from orchestrator.dispatch.room import Watched
        from orchestrator.places.containers import docker_driver
        from orchestrator.store.sql.belonging import place_of

        zone, machine, state = self.zone(), self.machine(), self.state()
        schedules = tuple(table.schedule(zone, self.home) for table in machine.schedule)
        # Where machines share no volume, who works on a repository is who has it.
        own = () if self.exchange() is None else (place_of(state),)
        docker = docker_driver(self.environ, self.home, state / "sandboxes")
        found = Found(checked((*machine.queue.can, *can, *own)), lambda: look(docker))
        limits = Terms(per_user=machine.queue.user_jobs, in_all=machine.queue.jobs)
        return Gate(
            schedules,
            lacks=Watched(self.room(), state),
            can=found,
            full=lambda: frozenset({DOCKER} if docker.full() else ()),
            limits=limits,
        )

    def room(self) -> Room:
        """Return what has to be free here before a job begins."""
        from orchestrator.dispatch.room import Room

        wanted = self.machine().room
        return Room(wanted.memory_mb << 20, wanted.disk_mb << 20, wanted.load)

    def state(self) -> Path:
        """Return the state directory."""
        from orchestrator.directories import machine_file

        # Reading configuration takes pydantic, whose import would be a good part of a short command.
        return self._state(self.machine() if machine_file(self.environ, self.home).exists() else None)

    def _state(self, machine: MachineConfig | None) -> Path:
        from orchestrator.directories import state_directory

        return state_directory(self.environ, self.home, None if machine is None else machine.state, self.state_given)

    def store(self) -> str | None:
        """Return the address of the store's server, None where the store is a file of the state directory."""
        from orchestrator.directories import machine_file, store_url

        configured = self.machine().store.url if machine_file(self.environ, self.home).exists() else None
        return store_url(self.environ, configured)

    def broker(self) -> str | None:
        """Return the address of the broker that wakes workers, None where there is none."""
        from orchestrator.directories import broker_url, machine_file

        configured = self.machine().broker.url if machine_file(self.environ, self.home).exists() else None
        return broker_url(self.environ, configured)

    def exchange(self) -> Exchange | None:
        """Return how this machine exchanges depots with others, None where it does not."""
        from orchestrator.directories import HUB, machine_file

        if HUB not in self.environ and not machine_file(self.environ, self.home).exists():
            return None
        return self.machine().depots.exchange(self.environ, self.home)

    def crew(self, settings: Settings | None = None, engines: Engines | None = None) -> Crew:
        """Return a crew with the settings of a repository, or with none for commands that only look at tickets.

        What a killed command left is cleaned up first. With `--server` it is the crew there.
        """
        if self.server is not None:
            from orchestrator.remote import KEY, RemoteCrew

            return RemoteCrew(self.server, self.environ.get(KEY, ""))
        from orchestrator.crew import Crew
        from orchestrator.telemetry.traces import tracer_for

        url, exchange, tracer = self.store(), self.exchange(), tracer_for(self.environ)
        if settings is None:
            crew = Crew(self.state(), url=url, exchange=exchange, tracer=tracer)
        else:
            crew = Crew(self.state(), settings, url=url, exchange=exchange, engines=engines, tracer=tracer)
        crew.sweep()
        return crew

    def crew_for(self, order: Order, start: str = "") -> Crew:
        """Return a crew with the settings of an order's repository; a server reads its own. Raises `BadConfig`.

        Of a managed checkout `start` is the branch that it begins from, "" for its default one.
        """
        if self.server is not None:
            return self.crew()
        settings = self.settings(order.repository, order.test_command, order.sandbox)
        managed = settings.managed and replace(settings.managed, start=start)
        return self.crew(replace(settings, managed=managed))

    def repository(self, given: Path | None) -> Path:
        """Return the working tree that somebody means; of a server's machine it is named by its full path. Raises `click.UsageError`."""
        if self.server is None or given is None or not given.is_absolute():
            return find_repository(given)
        return given

    def detect(self, repository: Path) -> Detected:
        """Look at what a repository's tests are, as `init` does."""
        from orchestrator.configuration.detect import detect

        return detect(repository, self.environ, self.home, self.own_prefix)

    def settings(self, repository: Path, test_command: str | None = None, sandbox: str | None = None) -> Settings:
        """Build the settings of a repository from both configuration files, and from detection where they say nothing.

        `test_command` and `sandbox` are what somebody typed. Raises `BadConfig` where the tests cannot be run as things are.
        """
        from orchestrator.configuration.config import read_repository
        from orchestrator.settings import Container, Settings
        from sandbox import Limits, Toolchain
        from verifier import Found

        machine = self.machine()
        state = self._state(machine)
        managed = self._managed(repository, state)
        config = managed[1] if managed else read_repository(repository)
        sandbox = sandbox or machine.sandbox.driver
        toolchain, shown, servers = Toolchain(), tuple[Path, ...](), tuple[Found, ...]()
        suite: Suite | None = None
        python: str | None = None
        found: Mapping[str, str] = {}
        # Of a managed checkout, what its tests run with is found out when it is there.
        if managed is None and sandbox == "docker":
            suite, python, found = self._suite_in_image(repository, config, test_command)
            servers = self._carried(repository, config)
            shown = tuple(Path(each.program) for each in servers)
        elif managed is None:
            suite, python, found = self._suite(repository, config, test_command)
            toolchain = self._toolchain(python)
            servers = self._servers(repository, config, python)
            shown = (*toolchain.readonly, *_environment_of(python, repository), *self._named(machine))
            shown += self._needed(servers, repository)
        test, image = config.test, config.sandbox
        return Settings(
            suite=suite,
            python=python,
            environment={**toolchain.environment, **found, **test.environment},
            toolchains=shown,
            hidden=config.files.secret,
            protected=config.files.protected,
            hidden_paths=(state,),
            limits=replace(Limits(), wall_s=test.seconds, memory_bytes=test.memory_mb << 20),
            agent=config.agent.default,
            attempts=config.agent.attempts,
            ask=config.agent.ask,
            seconds=config.budget.seconds,
            usd=_least(config.budget.usd, machine.budget.usd),
            tokens=config.budget.tokens,
            rounds=config.agent.rounds,
            paid=self._paid(machine),
            unpriced=self._unpriced(machine),
            usd_bound=machine.budget.usd is not None,
            tokens_bound=(machine.budget.tokens_per_day, machine.budget.user_tokens_per_day) != (None, None),
            driver=machine.shadow.driver,
            sandbox=sandbox,
            container=Container(image.image, image.dockerfile, image.setup, image.secrets),
            servers=servers,
            managed=managed[0] if managed else None,
            services=config.services.services(repository, self.home, self._named(machine)),
            image_servers=self._known_servers(config) if sandbox == "docker" else (),
            needs=config.agent.needs,
        )

    def _managed(self, repository: Path, state: Path) -> tuple[Managed, RepositoryConfig] | None:
        """Return that a repository is a managed checkout, and what it says of itself at the forge; None of one on this disk."""
        from orchestrator.checkouts.homes import is_home
        from orchestrator.settings import Managed

        if not is_home(state, repository):
            return None
        from orchestrator.checkouts.fetching import fetched_config

        return Managed(), fetched_config(repository)

    def _suite(
        self, repository: Path, config: RepositoryConfig, typed: str | None
    ) -> tuple[Suite, str | None, Mapping[str, str]]:
        """Return the suite, the interpreter and variables: what was typed, else configured, else found."""
        from orchestrator.configuration.detect import no_environment
        from orchestrator.errors import BadConfig
        from orchestrator.suites import read_suite

        test = config.test
        command = typed or test.command
        found = None if command and test.python else self.detect(repository)
        python = str(repository / test.python) if test.python else None
        if python is None and found is not None and found.interpreter is not None:
            python = str(found.interpreter.path)
        environment = found.environment if found else {}
        if command:
            suite = read_suite(command, python or "python3", test.directory)
            if suite.python and os.sep in suite.python:
                # What the command itself names counts: it is shown to the sandbox, whatever else was found.
                python = str(repository / suite.python)
            if python is None and suite.kind != "command":
                raise BadConfig(no_environment(repository))
            return suite, python, environment
        if found is None or found.suite is None:
            raise BadConfig("; ".join(found.notes) if found else no_environment(repository))
        return replace(found.suite, python=python, cwd=test.directory), python, environment

    def _suite_in_image(
        self, repository: Path, config: RepositoryConfig, typed: str | None
    ) -> tuple[Suite, str | None, Mapping[str, str]]:
        """Return the suite as it runs in an image: by the image's interpreter, whatever this machine has."""
        from orchestrator.errors import BadConfig
        from orchestrator.suites import read_suite

        found = self.detect(repository)
        command, python = typed or config.test.command or found.command, config.sandbox.python
        if not command:
            raise BadConfig(
                f"no tests were found in {repository}: name them as `command` under [test] in nightcrew.toml"
            )
        return read_suite(command, python, config.test.directory), python, found.environment

    def _known_servers(self, config: RepositoryConfig) -> tuple[Server, ...]:
        """Return the language servers that may be used. Raises `BadConfig` for a name that is none of theirs."""
        from orchestrator.errors import BadConfig
        from verifier import SERVERS, known_servers

        known = [server.name for server in SERVERS]
        for name in (*config.language.off, *config.language.settings):
            if name not in known:
                raise BadConfig(f"nightcrew.toml: `language` names {name!r}; the servers are {', '.join(known)}")
        return known_servers(config.language.off, config.language.settings) if config.language.enabled else ()

    def _servers(self, repository: Path, config: RepositoryConfig, python: str | None) -> tuple[Found, ...]:
        """Find the language servers that may be used on this machine."""
        from verifier import ServerPlaces, find_servers

        places = ServerPlaces(repository, self.environ.get("PATH", ""), python)
        return find_servers(places, self._known_servers(config))

    def _carried(self, repository: Path, config: RepositoryConfig) -> tuple[Found, ...]:
        """Find the servers of this machine that containers are shown; none where those are another machine's."""
        from orchestrator.places.containers import docker_hosts
        from verifier import carried

        named = [host.address.url for host in docker_hosts(self.environ, self.home)]
        if not all(url.startswith("unix://") for url in named or [self.environ.get("DOCKER_HOST", "unix://")]):
            return ()
        # What is shown at its own path must not cover what the image has there.
        shown = (each for each in carried(self._servers(repository, config, None)) if not _is_system(each.program))
        return tuple(shown)

    def _needed(self, servers: tuple[Found, ...], repository: Path) -> tuple[Path, ...]:
        """Return what sandboxes must show for servers that are installed out of their sight."""
        from sandbox import toolchain_paths

        outside = (found for found in servers if not Path(found.program).is_relative_to(repository))
        return tuple(path for found in outside for path in toolchain_paths(Path(found.program), self.home, {}))

    def _toolchain(self, python: str | None) -> Toolchain:
        from sandbox import toolchain_paths

        return toolchain_paths(Path(python) if python else None, self.home, self.environ)

    def _paid(self, machine: MachineConfig) -> tuple[str, ...]:
        """Return the agents that cost dollars here."""
        if not any(each.price_in or each.price_out for each in machine.models.values()):
            return ()
        from orchestrator.roster import paid_agents

        return paid_agents(self.environ, machine.named_models())

    def _unpriced(self, machine: MachineConfig) -> tuple[str, ...]:
        """Return the agents that ask the model which the environment names, where it names one."""
        if not any(self.environ.get(name) for name in ("LLM_BASE_URL", "OPENAI_BASE_URL")):
            return ()
        from orchestrator.roster import unpriced_agents

        return unpriced_agents(self.environ, machine.named_models())

    def _named(self, machine: MachineConfig) -> tuple[Path, ...]:
        """Return the directories that the machine's configuration opens to sandboxes."""
        homes = (str(self.home) + path[1:] if path.startswith("~/") else path for path in machine.sandbox.toolchains)
        return tuple(map(Path, homes))


def _environment_of(python: str | None, repository: Path) -> tuple[Path, ...]:
    """Return the interpreter's virtual environment where it lies outside the repository, wherever that is (`/tmp` too)."""
    environment = Path(python).parent.parent if python else None
    if environment is None or environment.is_relative_to(repository) or not (environment / "pyvenv.cfg").is_file():
        return ()
    return (environment,)


def _least(*limits: float | None) -> float | None:
    """Return the lowest limit there is: a repository's file may lower what the machine's allows."""
    return min((limit for limit in limits if limit is not None), default=None)


def _is_system(path: str) -> bool:
    return any(Path(path).is_relative_to(place) for place in ("/usr", "/opt", "/bin", "/sbin"))


def find_repository(given: Path | None) -> Path:
    """Return the working tree that `given` (or the current directory) lies in. Raises `click.UsageError` where it lies in none."""
    start = (given or Path.cwd()).absolute()
    if not start.is_dir():
        raise click.UsageError(f"{start} is no directory: name a repository with --repo DIR")
    for directory in (start, *start.parents):
        if (directory / ".git").exists():
            return directory.resolve()
    raise click.UsageError(
        f"{start} is in no git repository: run `git init` there and commit, or name one with --repo DIR"
    )
