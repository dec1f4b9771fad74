"""Where a model is and what it costs: from the environment, and from named models of the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from agents.models.errors import ModelError, Trouble
from agents.models.model import Usage

HIDDEN = "[key]"
JUDGE = "judge"
"""The role of a model that prefers among attempts; unlike one of another role it does nothing else unasked."""
APPLY = "apply"
"""The role of a model that writes files as another one meant its edits; it does nothing else unasked either."""
ALONE = (JUDGE, APPLY)
CONTEXT_TOKENS = 32_768
"""Assumed where nobody says: small servers are often started with less, and name it in their refusal."""
PARALLEL = 4
"""Requests at once, where nobody says."""
_SHORTEST_KEY = 6


class Key:
    """A secret: it shows in no repr and no text that went through `scrub`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        if not (value.isascii() and value.isprintable()):
            raise ModelError(Trouble.WRONG_KEY, "a key holds characters that no key has: it was copied wrongly")
        self._value = value

    def __repr__(self) -> str:
        return f"Key({HIDDEN})"

    def __reduce__(self) -> str:
        raise TypeError("a key is never written down: name the environment variable that holds it")

    def reveal(self) -> str:
        """Return the secret, for the header that carries it and for nothing else."""
        return self._value

    def scrub(self, text: str) -> str:
        """Return text without the secret; what a person would type by chance is no secret."""
        return text.replace(self._value, HIDDEN) if len(self._value) >= _SHORTEST_KEY else text


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A table `[models.NAME]`: `key_env` names the variable that holds the key, `role` is `plan`, `edit`, `judge`, `apply` or "" for any.

    Prices are in dollars for each million tokens. `works` is `samples` for a model that need not be tested for tools, `tools` for one
    that is never asked for samples, else "". It is asked `parallel` times at once at most. With `repair` the repair agent's candidates compete with its samples.
    `pool` says that a pool of ours answers, which is told of which ticket each request is, and what its reply is likely to repeat.
    """

    name: str
    base_url: str
    model: str
    key_env: str = ""
    role: str = ""
    context_tokens: int = CONTEXT_TOKENS
    price_in: float = 0.0
    price_out: float = 0.0
    works: str = ""
    repair: bool = True
    parallel: int = PARALLEL
    pool: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model at an OpenAI-compatible address. `ticket` is what a `pool` is told, and nobody else, of what its requests are for."""

    name: str
    base_url: str
    model: str
    key: Key | None = None
    role: str = ""
    context_tokens: int = CONTEXT_TOKENS
    price_in: float = 0.0
    price_out: float = 0.0
    works: str = ""
    repair: bool = True
    parallel: int = PARALLEL
    pool: bool = False
    ticket: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.username or parts.password or parts.query:
            raise ModelError(
                Trouble.NO_ADDRESS,
                f"the address of the model {self.name!r} ({parts.scheme}://{parts.hostname}) holds a user, a password or a "
                "query, and would show them wherever it is shown: a key belongs into an environment variable",
            )
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ModelError(Trouble.NO_ADDRESS, f"the address {self.base_url!r} of the model {self.name!r} is no URL")

    def cost_usd(self, usage: Usage) -> float:
        """Return the price of one call; cached tokens are counted in full."""
        return (usage.tokens_in * self.price_in + usage.tokens_out * self.price_out) / 1e6

    def headers(self, left_s: float | None = None) -> dict[str, str]:
        """Return what is sent beside a request: to a pool its ticket, and how many seconds are left for the whole reply; to others nothing."""
        if not self.pool:
            return {}
        told = {"X-Nightcrew-Ticket": self.ticket} if self.ticket else {}
        return told if left_s is None else {**told, "X-Nightcrew-Deadline": f"{max(left_s, 0.001):.3f}"}

    def scrub(self, text: str) -> str:
        """Return text without the key."""
        return self.key.scrub(text) if self.key is not None else text


def endpoints(environ: Mapping[str, str], named: Sequence[NamedModel] = ()) -> tuple[Endpoint, ...]:
    """Return the models there are: those named, in their order, after the one that the environment names (`default`).

    Raises `ModelError` where an address is half given or a named key is not there.
    """
    of_environment = _of_environment(environ)
    return (*([of_environment] if of_environment else []), *(_of_named(each, environ) for each in named))


def choose(there: Sequence[Endpoint], name: str = "", role: str = "") -> Endpoint:
    """Return the model of that name, else the first for that role, for any, for another but those of models that do one thing alone. Raises `ModelError`."""
    if not there:
        raise ModelError(Trouble.NO_ADDRESS, "no model is configured")
    if name:
        for each in there:
            if each.name == name:
                return each
        raise ModelError(
            Trouble.NO_ADDRESS, f"no model is named {name!r}; there are: {', '.join(each.name for each in there)}"
        )
    able = [each for each in there if each.role == role or each.role not in ALONE]
    if not able:
        named = ", ".join(each.name for each in there)
        raise ModelError(
            Trouble.NO_ADDRESS, f"every model that is configured only judges or applies ({named}); another must edit"
        )
    return min(able, key=lambda each: (each.role != role, bool(each.role)))


def _of_environment(environ: Mapping[str, str]) -> Endpoint | None:
    base_url = _first(environ, "LLM_BASE_URL", "OPENAI_BASE_URL")
    model = environ.get("LLM_MODEL", "").strip()
    if not base_url and not model:
        return None
    if not base_url:
        raise ModelError(
            Trouble.NO_ADDRESS, f"LLM_MODEL is {model!r}, and neither LLM_BASE_URL nor OPENAI_BASE_URL is set"
        )
    if not model:
        raise ModelError(Trouble.UNKNOWN_MODEL, "a model's address is set, and LLM_MODEL is not")
    key = _first(environ, "LLM_API_KEY")
    if not key and (not environ.get("LLM_BASE_URL", "").strip() or _openai(base_url)):
        # A key for OpenAI is not sent to whatever else LLM_BASE_URL names.
        key = _first(environ, "OPENAI_API_KEY")
    return Endpoint("default", base_url, model, Key(key) if key else None)


def _openai(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    return host == "openai.com" or host.endswith(".openai.com")


def _of_named(each: NamedModel, environ: Mapping[str, str]) -> Endpoint:
    key = environ.get(each.key_env, "").strip() if each.key_env else ""
    if each.key_env and not key:
        raise ModelError(
            Trouble.WRONG_KEY, f"the model {each.name!r} takes its key from {each.key_env}, which is not set"
        )
    return Endpoint(
        each.name,
        each.base_url,
        each.model,
        Key(key) if key else None,
        each.role,
        each.context_tokens,
        each.price_in,
        each.price_out,
        each.works,
        each.repair,
        each.parallel,
        each.pool,
    )


def _first(environ: Mapping[str, str], *names: str) -> str:
    return next((environ[name].strip() for name in names if environ.get(name, "").strip()), "")
