"""The configuration files: `nightcrew.toml` of a repository and `config.toml` of the machine. Closed records: an unknown
key is an error that names its nearest neighbour. Pydantic stays in here; what comes out is plain records.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator

from orchestrator.configuration.closed import Closed
from orchestrator.configuration.depotstable import DepotsTable
from orchestrator.configuration.dockertable import DockerTable
from orchestrator.configuration.oidctable import OidcTable
from orchestrator.configuration.repositoryconfig import RepositoryConfig as RepositoryConfig
from orchestrator.directories import machine_file
from orchestrator.errors import BadConfig

if TYPE_CHECKING:
    from datetime import tzinfo

    from agents import NamedModel
    from orchestrator.schedule import Schedule
    from orchestrator.working.allowance import Allowance

_PASSWORD = re.compile(r"[^/]*//[^/@]*:[^/@]*@")
REPOSITORY_FILE = "nightcrew.toml"
ANY = "NAME"
"""Stands in the names of keys for the name that a user gives a table."""


Model = TypeVar("Model", bound=Closed)


class MachineBudgetTable(Closed):
    """What models may cost on this machine. A day is any 24 hours; calls that are under way count in full."""

    usd: float | None = Field(default=None, ge=0)
    """Dollars a ticket may cost unless somebody types `--usd`; a repository's file may ask for less, not for more."""
    usd_per_day: float | None = Field(default=None, ge=0)
    tokens_per_day: int | None = Field(default=None, ge=0)
    user_usd_per_day: float | None = Field(default=None, ge=0)
    """Dollars a day for the tickets of each user."""
    user_tokens_per_day: int | None = Field(default=None, ge=0)


class StoreTable(Closed):
    """Where tickets, jobs and all that is known of them lie, where that is not a file of the state directory."""

    url: str | None = None
    """`postgresql://user@host/database`, for several machines; a password is libpq's: `PGPASSWORD`, `~/.pgpass`."""

    @field_validator("url")
    @classmethod
    def _without_password(cls, value: str | None) -> str | None:
        if value is not None and _PASSWORD.match(value):
            raise ValueError("a password stands in no file: let `PGPASSWORD` or `~/.pgpass` have it")
        return value


class BrokerTable(Closed):
    """What wakes workers, on this machine and others."""

    url: str | None = None
    """`redis://host/0`, or what else Celery speaks to; with a password in `NIGHTCREW_BROKER`."""

    @field_validator("url")
    @classmethod
    def _without_password(cls, value: str | None) -> str | None:
        if value is not None and _PASSWORD.match(value):
            raise ValueError("a password stands in no file: let the variable NIGHTCREW_BROKER have all of it")
        return value


class RoomTable(Closed):
    """What has to be free on this machine before a job begins."""

    memory_mb: int = Field(default=1024, ge=0)
    disk_mb: int = Field(default=1024, ge=0)
    """Where the state lies."""
    load: float = Field(default=4.0, gt=0)
    """The most that may wait for each processor, of the last minute."""


class QueueTable(Closed):
    """Which queued jobs the workers of this machine begin."""

    can: tuple[str, ...] = Field(default=(), strict=False)
    """What they can do besides what is found by itself (`docker`, `fuse`, `gpu`), by any names that tickets then ask for."""
    jobs: int | None = Field(default=None, ge=1)
    """How many jobs are at work at once, on all machines together."""
    user_jobs: int | None = Field(default=None, ge=1)
    """The same, of each user."""


class ServeTable(Closed):
    """How much the server takes."""

    writes_per_s: float = Field(default=20.0, gt=0)
    """Of each address, for ever; five times as many at once."""


class ShadowTable(Closed):
    """Which shadow driver this machine uses; found by itself where not given."""

    driver: Literal["fuse", "copy"] | None = None


class SandboxTable(Closed):
    """Which sandbox this machine uses, and what it opens to it."""

    driver: Literal["local", "docker"] = "local"
    toolchains: tuple[str, ...] = Field(default=(), strict=False)
    """Further directories under home that sandboxes may read (`~/.cargo/bin`, a compiler …)."""


class ModelTable(Closed):
    """A model at an OpenAI-compatible address. The machine's file alone has these: a repository's would send code and keys where it likes."""

    base_url: str
    """Its address, usually ending in `/v1`."""
    model: str
    """Its name there."""
    key_env: str = ""
    """The environment variable that holds its key."""
    role: Literal["", "plan", "edit", "judge", "apply"] = ""
    """What it is for; any where not given."""
    context: int = Field(default=32_768, gt=0)
    """Tokens that a request and its reply may have together."""
    price_in: float = Field(default=0.0, ge=0)
    """Dollars for a million tokens that it reads."""
    price_out: float = Field(default=0.0, ge=0)
    """Dollars for a million tokens that it writes."""
    works: Literal["", "tools", "samples"] = ""
    """`samples`: it is not tested for tools, which costs some calls; `tools`: it is never asked for samples."""
    repair: bool = True
    """Whether the repair agent's candidates compete with its samples."""
    parallel: int = Field(default=4, ge=1, le=64)
    """How many samples are asked for at once; a server that keeps no prefixes between its slots is faster with 1."""
    pool: bool = False
    """Whether a pool of nightcrew's answers, which is told of which ticket each request is; no other server is."""


class ForgeTable(Closed):
    """A forge. The machine's file alone has these: it names secrets, and what comes from there is worked on."""

    kind: Literal["github", "gitlab", "gitea"]
    url: str = ""
    """Its address, where it is not the one everybody knows."""
    api: str = ""
    """The address of its API, where that does not follow from `url`."""
    token_env: str = ""
    """The environment variable that holds its token."""
    secret_env: str = ""
    """The environment variable that holds the secret of its webhooks."""
    repositories: dict[str, str] = {}
    """Working trees, by OWNER/NAME."""
    managed: tuple[str, ...] = Field(default=(), strict=False)
    """Repositories without one here: nightcrew clones them and keeps their checkouts."""
    secrets: dict[str, list[str]] = {}
    """By managed repository: the environment variables that its set-up may ask for."""
    checkout_mb: int = Field(default=4096, gt=0)
    """The most that is fetched of a managed repository, that its files take, and that its set-up makes, each."""
    allow: tuple[str, ...] = Field(default=(), strict=False)
    """Who may ask for work: names, and `collaborators` for all who may write to the repository."""
    mention: str = Field(default="@nightcrew", min_length=2)
    """What a comment has in it that asks for work."""
    label: str = "nightcrew"
    """The label that asks for work; empty for none."""
    rounds: int = Field(default=2, ge=0, le=16)
    """How often a red CI run sends a pull request of ours back to work."""


class TrackerTable(Closed):
    """A tracker: a Linear team, a Slack workspace. Of the machine's file alone, as forges are."""

    kind: Literal["linear", "slack"]
    repository: str
    """The working tree that its tickets are about."""
    api: str = ""
    """The address of its API, where it is not the one everybody knows."""
    token_env: str = ""
    """The environment variable that holds its token."""
    secret_env: str = ""
    """The environment variable that holds the secret that its webhooks are signed with."""
    allow: tuple[str, ...] = Field(default=(), strict=False)
    """Who may ask for work: mail addresses or names in Linear, ids of users in Slack."""
    mention: str = Field(default="@nightcrew", min_length=2)
    """What a comment in Linear has in it that asks for work."""
    label: str = "nightcrew"
    """The label in Linear that asks for work; empty for none."""


class ScheduleTable(Closed):
    """When workers begin jobs, of which repositories, and how many. Of several the first that holds for a repository counts."""

    repositories: tuple[str, ...] = Field(default=(), strict=False)
    """Patterns of their paths; all where none is given."""
    hours: tuple[str, ...] = Field(default=(), strict=False)
    """When jobs begin: `22:00-06:30`, `mon-fri 22:00-06:30`; at any time where none is given."""
    zone: str | None = None
    """The time zone of these hours, by its IANA name; the machine's where not given."""
    parallel: int = Field(default=1, ge=1, le=64)
    """How many jobs of one repository are at work at once."""
    usd: float | None = Field(default=None, ge=0)
    """Dollars that all its repositories together may cost in each window of its hours before nothing more begins."""
    tokens: int | None = Field(default=None, ge=0)
    """The same, in tokens."""
    digest: str | None = None
    """When a running server writes the digest of the day: `07:00`."""

    @field_validator("hours", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("hours", "zone", "digest")
    @classmethod
    def _readable(cls, value: tuple[str, ...] | str | None, of: ValidationInfo) -> tuple[str, ...] | str | None:
        from orchestrator.schedule import named_zone, read_clock, read_hours

        if isinstance(value, tuple):
            for each in value:
                read_hours(each)
        elif value is not None:
            (named_zone if of.field_name == "zone" else read_clock)(value)
        return value

    def schedule(self, zone: tzinfo, home: Path) -> Schedule:
        """Return the schedule; `zone` is the machine's."""
        from orchestrator.schedule import Schedule, named_zone, read_clock, read_hours
        from orchestrator.working.allowance import Amount

        return Schedule(
            repositories=tuple(str(home) + each[1:] if each.startswith("~/") else each for each in self.repositories),
            hours=tuple(map(read_hours, self.hours)),
            zone=zone if self.zone is None else named_zone(self.zone),
            parallel=self.parallel,
            limit=Amount(self.usd, self.tokens),
            digest_min=None if self.digest is None else read_clock(self.digest),
        )


class MachineConfig(Closed):
    """`~/.config/nightcrew/config.toml`."""

    state: str | None = None
    """The state directory; `--state` wins over it."""
    store: StoreTable = StoreTable()
    broker: BrokerTable = BrokerTable()
    room: RoomTable = RoomTable()
    queue: QueueTable = QueueTable()
    serve: ServeTable = ServeTable()
    depots: DepotsTable = DepotsTable()
    shadow: ShadowTable = ShadowTable()
    sandbox: SandboxTable = SandboxTable()
    docker: dict[str, DockerTable] = {}
    """By name, the hosts that sandboxes of Docker are spread among, in place of the engine that the environment names."""
    budget: MachineBudgetTable = MachineBudgetTable()
    models: dict[str, ModelTable] = {}
    """By name, the models there are besides the one that the environment names."""
    forges: dict[str, ForgeTable] = {}
    """By name, where tickets come from and branches go."""
    trackers: dict[str, TrackerTable] = {}
    """By name, where tickets come from besides."""
    oidc: OidcTable = OidcTable()
    """Who signs people in on its server."""
    schedule: tuple[ScheduleTable, ...] = Field(default=(), strict=False)
    """When workers begin jobs, in the order in which they are asked."""

    def allowance(self) -> Allowance:
        """Return what may be spent in a day."""
        from orchestrator.working.allowance import Allowance, Amount

        budget = self.budget
        machine = Amount(budget.usd_per_day, budget.tokens_per_day)
        return Allowance(machine, Amount(budget.user_usd_per_day, budget.user_tokens_per_day))

    def variables(self) -> tuple[str, ...]:
        """Return the names of the environment's variables that hold keys, tokens and secrets."""
        named = [each.key_env for each in self.models.values()]
        named += [name for each in self.forges.values() for name in (each.token_env, each.secret_env)]
        named += [name for each in self.trackers.values() for name in (each.token_env, each.secret_env)]
        return tuple(sorted({*named, self.oidc.client_secret_env, self.depots.token_env} - {""}))

    def named_models(self) -> tuple[NamedModel, ...]:
        """Return the models as agents know them."""
        # Most commands read this file and need no agents, whose import takes longer than the rest of them.
        from agents import NamedModel

        return tuple(
            NamedModel(
                name,
                each.base_url,
                each.model,
                each.key_env,
                each.role,
                each.context,
                each.price_in,
                each.price_out,
                each.works,
                each.repair,
                each.parallel,
                each.pool,
            )
            for name, each in self.models.items()
        )


def read_repository(repository: Path) -> RepositoryConfig:
    """Read `nightcrew.toml`, the defaults where there is none. Raises `BadConfig`."""
    return _read(RepositoryConfig, repository / REPOSITORY_FILE)


def parse_repository(text: str) -> RepositoryConfig:
    """Read the text of a `nightcrew.toml` that lies nowhere. Raises `BadConfig`."""
    return _parse(RepositoryConfig, Path(REPOSITORY_FILE), text)


def read_machine(environ: Mapping[str, str], home: Path) -> MachineConfig:
    """Read the machine's `config.toml`, the defaults where there is none. Raises `BadConfig`."""
    return _read(MachineConfig, machine_file(environ, home))


def read_closed(model: type[Model], path: Path) -> Model:
    """Read another file of tables. Raises `BadConfig`, also where it is not there."""
    try:
        return _parse(model, path, path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path} cannot be read: {error}; name the file that is meant, or correct it") from error


def _read(model: type[Model], path: Path) -> Model:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return model()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error
    return _parse(model, path, text)


def _parse(model: type[Model], path: Path, text: str) -> Model:
    try:
        return model.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(path, error) from error
    except ValidationError as error:
        raise BadConfig(_explain(model, path, error)) from error


def _unreadable(path: Path, error: Exception) -> BadConfig:
    return BadConfig(f"{path} cannot be read: {error}; correct it, or remove it to use the defaults")


def _explain(model: type[Closed], path: Path, error: ValidationError) -> str:
    """Turn pydantic's first error into one message that says what to do."""
    first = error.errors()[0]
    place = [part for part in first["loc"] if isinstance(part, str)]
    dotted = ".".join(place)
    if first["type"] != "extra_forbidden":
        told = first.get("ctx", {}).get("error", first["msg"].lower())
        return f"{path}: `{dotted}` is {first['input']!r}: {told}"
    known = known_keys(model)
    if place[0] in known and f"{place[0]}.{ANY}" in known:
        place[1] = ANY
    parent = ".".join(place[:-1])
    siblings = [key for key in known if key.rpartition(".")[0] == parent]
    near = [
        key
        for keys in (siblings, known)
        for key in keys
        if difflib.get_close_matches(place[-1], [key.rpartition(".")[2]], 1, 0.6)
    ]
    hint = f"did you mean `{near[0]}`?" if near else f"known keys here: {', '.join(siblings)}"
    return f"{path}: `{dotted}` is no key that nightcrew knows; {hint}"


def known_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Return the dotted names of all keys and tables of a file."""
    keys: list[str] = []
    for name, field in model.model_fields.items():
        keys.append(prefix + name)
        annotation: Any = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            keys += known_keys(annotation, f"{prefix}{name}.")
        for inner in get_args(annotation)[1:]:
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                keys += [f"{prefix}{name}.{ANY}", *known_keys(inner, f"{prefix}{name}.{ANY}.")]
        for row in get_args(annotation)[:1] if get_origin(annotation) is tuple else ():
            if isinstance(row, type) and issubclass(row, BaseModel):
                keys += known_keys(row, f"{prefix}{name}.")
    return keys
