"""Records as JSON text and back: what the store keeps of frozen dataclasses. Strict: an unknown key or type is an error."""

from __future__ import annotations

import base64
import json
import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from orchestrator.errors import UnknownRecord
from shadowfs import Depot

Record = TypeVar("Record")
Build = Callable[[Any], Any]


def encode(record: object) -> str:
    """Return `record` as JSON in ASCII: lone surrogates of file names survive, control characters are escaped."""
    return json.dumps(_plain(record), separators=(",", ":"))


def decode(kind: type[Record], text: str, /, **kept: object) -> Record:
    """Return the record of type `kind` that `encode` wrote, with the fields that are `kept` elsewhere. Raises `UnknownRecord` where another version's did."""
    try:
        given = json.loads(text)
        value: Record = _builder(cast("Hashable", kind))({**given, **kept} if kept else given)
    except (ValueError, TypeError, LookupError) as error:
        raise UnknownRecord(
            f"the store holds a {kind.__name__} that another version of nightcrew wrote ({error}): use that version, or keep"
            " the state elsewhere with --state DIR"
        ) from error
    return value


def _plain(value: object) -> object:
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if is_dataclass(kind):
        return {name: _plain(getattr(value, name)) for name in _names(kind)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, frozenset | set):
        return sorted(_plain(item) for item in value)  # type: ignore[type-var]
    if isinstance(value, str | int | float):
        return value
    raise ValueError(f"a record holds a {kind.__name__}, which the store does not keep")


_AS_THEY_ARE = frozenset({type(None), str, int, float, bool})


@lru_cache(maxsize=64)
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if field.init)


@lru_cache(maxsize=256)
def _builder(kind: Any) -> Build:
    """Return what makes a value of type `kind` of what JSON has of it: types are looked at once, not for each value."""
    origin, arms = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        given = _builder(next(arm for arm in arms if arm is not type(None)))
        return lambda value: None if value is None else given(value)
    if origin in (tuple, frozenset):
        item = _builder(arms[0])
        return lambda value: origin(map(item, value))
    if origin is not None and issubclass(origin, Mapping):
        item = _builder(arms[1])
        return lambda value: {key: item(each) for key, each in value.items()}
    if is_dataclass(kind):
        return _record_builder(kind)
    if kind is bytes:
        return base64.b64decode
    if isinstance(kind, type) and issubclass(kind, Enum | Path | float):
        return kind
    return _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


def _record_builder(kind: Any) -> Build:
    # A snapshot names its depot's type for type checkers only.
    builders = {name: _builder(hint) for name, hint in get_type_hints(kind, localns={"Depot": Depot}).items()}

    def build(value: Any) -> Any:
        if not isinstance(value, dict) or not value.keys() <= builders.keys():
            unknown = sorted(value.keys() - builders.keys()) if isinstance(value, dict) else [type(value).__name__]
            raise ValueError(f"{', '.join(unknown)} of {kind.__name__} is not known")
        return kind(**{name: builders[name](item) for name, item in value.items()})

    return build
