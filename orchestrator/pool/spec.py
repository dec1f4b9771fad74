"""The pool's file: which models, by which engines, how many of each, and who may ask. Closed records: an unknown key is an error."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from orchestrator.configuration.closed import Closed
from orchestrator.configuration.config import read_closed
from orchestrator.pool.drafting import Drafts
from orchestrator.pool.hubname import read_hub_name
from orchestrator.pool.keys import ANYBODY, Holder
from orchestrator.pool.ledger import Limits
from orchestrator.schedule import machine_zone, named_zone, read_hours

Role = Literal["plan", "edit", "judge", "apply", "embed"]
ENGINES = ("vllm", "llama", "command")
_VISIBLE = "CUDA_VISIBLE_DEVICES"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
_NAME = re.compile(r"[A-Za-z0-9][\w.:/-]{0,99}")


class HoursTable(Closed):
    """How many replicas at some time of day; of several tables the first whose hours it is counts."""

    when: str
    """`22:00-06:30`, `mon-fri 20:00-06:00`, `sat,sun 00:00-24:00`."""
    replicas: int = Field(ge=0, le=256)
    """How many there are at most; 0: none, and who asks is told so."""
    least: int | None = Field(default=None, ge=0)

    @field_validator("when")
    @classmethod
    def _is_time(cls, when: str) -> str:
        read_hours(when)
        return when

    @model_validator(mode="after")
    def _fits(self) -> HoursTable:
        if self.least is not None and self.least > self.replicas:
            raise ValueError("`least` is at most `replicas`")
        return self

    @property
    def fewest(self) -> int:
        return self.replicas if self.least is None else self.least


class ModelTable(Closed):
    """A model: `[models.NAME]`. Its name is what `model` says in a request; so are its roles."""

    engine: Literal["vllm", "llama", "command"]
    """vLLM's own server, llama.cpp's server, or any program that serves OpenAI's API."""
    model: str = ""
    """The weights: a folder or a file, or as the Hugging Face hub names them: `ORG/NAME`, `ORG/NAME/FILE.gguf`, with `@REVISION`."""
    download: bool = False
    """Whether what the hub's cache lacks is fetched."""
    program: str = ""
    """vLLM: the Python of its environment. llama: its server. Default: what PATH has."""
    arguments: tuple[str, ...] = Field(default=(), strict=False)
    """Further words for the engine."""
    command: tuple[str, ...] = Field(default=(), strict=False)
    """Of the engine `command`: the words; `{host}`, `{port}`, `{model}` and `{name}` are put in."""
    environment: dict[str, str] = {}
    """Variables of the engine, besides those of the pool."""
    drafts: Drafts = ""
    """vLLM: from what a reply is drafted; the text that a request says it rewrites, n-grams of its prompt, or suffixes."""
    draft_tokens: int = Field(default=32, ge=1, le=512)
    """The most tokens of a draft."""
    gpus: int = Field(default=0, ge=0)
    """How many GPUs each replica gets, which no other one has meanwhile; where GPUs are handed out, 0 is none."""
    cpus: int = Field(default=1, ge=0)
    memory_mb: int = Field(default=0, ge=0)
    """On a cluster: what else of its node each replica has set aside."""
    roles: tuple[Role, ...] = Field(default=(), strict=False)
    replicas: int = Field(default=1, ge=1, le=256)
    """How many there are at most."""
    least: int | None = Field(default=None, ge=0)
    """How many stay while nobody asks; default: all of them."""
    hours: tuple[HoursTable, ...] = Field(default=(), strict=False)
    """Other numbers of replicas at some times of day."""
    idle_s: float = Field(default=300.0, gt=0)
    """After so many seconds without a request one replica more is ended, down to `least`."""
    at_once: int = Field(default=32, ge=1)
    """Requests that a replica gets at once; further ones wait for their turn."""
    reply_tokens: int = Field(default=8192, ge=1)
    """The most tokens of a reply that does not say so itself, where a budget binds."""
    start_s: float = Field(default=900.0, gt=0)
    """How long a replica may take until it answers."""
    first_s: float = Field(default=300.0, gt=0)
    """How long until a reply begins."""
    hedge_s: Annotated[float, Field(gt=0)] | Literal["p95"] | None = None
    """After so many seconds without a reply's first byte another replica is asked as well; `p95`: later than 95 of 100 lately."""
    idle_reply_s: float = Field(default=60.0, gt=0)
    """How long a reply may say nothing once it has begun."""
    drain_s: float = Field(default=600.0, ge=0)
    """How long requests under way may take when a replica ends."""
    health: str = "/health"
    """Where the engine says that it is well, and within how many seconds; one that does not, three times, is started again."""
    health_s: float = Field(default=10.0, gt=0)
    surge: bool = True
    """Whether a changed model's new replica starts before the old one ends, which takes the room of both."""

    @model_validator(mode="after")
    def _fits(self) -> ModelTable:
        if (self.engine == "command") != bool(self.command):
            raise ValueError("`command` is for the engine `command`, which needs it")
        if self.engine != "command" and not self.model:
            raise ValueError("`model` names the weights")
        if self.drafts and self.engine != "vllm":
            raise ValueError("`drafts` is for the engine `vllm`; others have words of their own for `arguments`")
        if self.least is not None and self.least > self.replicas:
            raise ValueError("`least` is at most `replicas`")
        if self.gpus and _VISIBLE in self.environment:
            raise ValueError(f"`gpus` hands GPUs out, {_VISIBLE} names them: have one of both")
        return self

    @property
    def fewest(self) -> int:
        return self.replicas if self.least is None else self.least


class LimitsTable(Closed):
    """What may be spent, in tokens of prompts and replies together."""

    ticket_tokens: int | None = Field(default=None, ge=0)
    """Of one ticket, in all."""
    user_tokens_per_day: int | None = Field(default=None, ge=0)
    """Of one user on one day (UTC); a key's own number goes before it."""


class KeyTable(Closed):
    """A key, of which the file has a hash alone: `nightcrew pool key NAME` makes one."""

    name: str = Field(min_length=1, max_length=100)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    tokens_per_day: int | None = Field(default=None, ge=0)
    requests_per_minute: int | None = Field(default=None, ge=0)
    at_once: int | None = Field(default=None, ge=1)
    administers: bool = False
    """Whether it is told how the pool stands, and what all users spent."""


class PlaceTable(Closed):
    """Where replicas run: `[place]`. Without it, on this machine."""

    ray: str = ""
    """The Ray cluster that this machine is a node of: `auto`, or HOST:PORT of its head."""

    @field_validator("ray")
    @classmethod
    def _is_node(cls, ray: str) -> str:
        if "://" in ray:
            raise ValueError("a pool runs on a node: `ray start --address=HOST:PORT --num-cpus=0`, then `auto`")
        return ray


class PoolFile(Closed):
    """A pool."""

    host: str = "127.0.0.1"
    port: int = Field(default=8400, ge=0, le=65535)
    gpus: tuple[str, ...] | None = Field(default=None, strict=False)
    """The GPUs that are handed out, as nvidia-smi numbers them; default: all of this machine."""
    place: PlaceTable = PlaceTable()
    zone: str | None = None
    """The time zone of all `hours`, by its IANA name; the machine's where not given."""
    models: dict[str, ModelTable] = Field(min_length=1)
    limits: LimitsTable = LimitsTable()
    keys: tuple[KeyTable, ...] = Field(default=(), strict=False, validate_default=True)

    @field_validator("zone")
    @classmethod
    def _is_zone(cls, zone: str | None) -> str | None:
        if zone is not None:
            named_zone(zone)
        return zone

    @field_validator("models")
    @classmethod
    def _named(cls, models: dict[str, ModelTable]) -> dict[str, ModelTable]:
        taken: dict[str, str] = {}
        for name, model in models.items():
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a model: letters, digits and . : / _ -")
            for each in (name, *model.roles):
                if each in taken:
                    raise ValueError(f"`{each}` names both {taken[each]} and {name}")
                taken[each] = name
        return models

    @field_validator("gpus")
    @classmethod
    def _once(cls, gpus: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if gpus and len({*gpus}) < len(gpus):
            raise ValueError("each GPU is named once")
        return gpus

    @field_validator("place")
    @classmethod
    def _counted_once(cls, place: PlaceTable, info: ValidationInfo) -> PlaceTable:
        if place.ray and info.data.get("gpus") is not None:
            raise ValueError("on a cluster Ray counts the GPUs: `gpus` is for this machine")
        return place

    @field_validator("keys")
    @classmethod
    def _guarded(cls, keys: tuple[KeyTable, ...], info: ValidationInfo) -> tuple[KeyTable, ...]:
        if not keys and info.data.get("host") not in LOOPBACK:
            raise ValueError("whoever reaches that host could ask: make a key with `nightcrew pool key NAME`")
        return keys

    def zone_of(self, environ: Mapping[str, str]) -> tzinfo:
        """Return the zone that `hours` are meant in."""
        return machine_zone(environ) if self.zone is None else named_zone(self.zone)

    @property
    def digest(self) -> str:
        """Return what tells files apart."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]

    @property
    def holders(self) -> tuple[Holder, ...]:
        """Return who may ask, by key."""
        return tuple(
            Holder(
                key.name,
                key.sha256,
                Limits(
                    self.limits.ticket_tokens,
                    self.limits.user_tokens_per_day if key.tokens_per_day is None else key.tokens_per_day,
                ),
                key.requests_per_minute,
                key.at_once,
                key.administers,
            )
            for key in self.keys
        )

    @property
    def anybody(self) -> Holder:
        """Return who asks where there are no keys."""
        return Holder(
            ANYBODY, limits=Limits(self.limits.ticket_tokens, self.limits.user_tokens_per_day), administers=True
        )


def read_pool(path: Path) -> PoolFile:
    """Read a pool's file. Raises `BadConfig`."""
    return read_closed(PoolFile, path)


def local_pool(path: Path, port: int) -> PoolFile:
    """Return a pool of one model, for this machine alone: llama.cpp's server for a GGUF file, vLLM for a folder; the hub's names are right, too."""
    hub_name = read_hub_name(str(path))
    file = path if hub_name is None else Path(hub_name.file or hub_name.repo)
    engine: Literal["vllm", "llama"] = "llama" if file.suffix == ".gguf" else "vllm"
    name = re.sub(r"[^\w.-]", "-", file.stem if file.suffix == ".gguf" else file.name).lstrip("-._") or "local"
    weights = str(path.absolute() if hub_name is None else path)
    model = ModelTable(engine=engine, model=weights, roles=("plan", "edit", "judge"), at_once=4)
    return PoolFile(port=port, models={name: model})
