"""Records as JSON text and back: what the store keeps of frozen dataclasses. Strict: an unknown key or type is an error."""

from __future__ import annotations

import base64
import json
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from orchestrator.errors import UnknownRecord
from shadowfs import Depot

Record = TypeVar("Record")


def encode(record: object) -> str:
    """Return `record` as JSON in ASCII: lone surrogates of file names survive, control characters are escaped."""
    return json.dumps(_plain(record), separators=(",", ":"))


def decode(kind: type[Record], text: str) -> Record:
    """Return the record of type `kind` that `encode` wrote. Raises `UnknownRecord` where another version's did."""
    try:
        value: Record = _build(kind, json.loads(text))
    except (ValueError, TypeError, LookupError) as error:
        raise UnknownRecord(
            f"the store holds a {kind.__name__} that another version of nightcrew wrote ({error}): use that version, or keep"
            " the state elsewhere with --state DIR"
        ) from error
    return value


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value) if field.init}
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
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise ValueError(f"a record holds a {type(value).__name__}, which the store does not keep")


def _build(kind: Any, value: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else _build(next(arm for arm in get_args(kind) if arm is not type(None)), value)
    if origin in (tuple, frozenset):
        return origin(_build(get_args(kind)[0], item) for item in value)
    if origin is not None and issubclass(origin, Mapping):
        return {key: _build(get_args(kind)[1], item) for key, item in value.items()}
    if is_dataclass(kind):
        return _build_record(kind, value)
    if kind is bytes:
        return base64.b64decode(value)
    if isinstance(kind, type) and issubclass(kind, Enum | Path | float):
        return kind(value)
    return value


def _build_record(kind: Any, value: Any) -> Any:
    hints = _hints(kind)
    if not isinstance(value, dict) or not value.keys() <= hints.keys():
        unknown = sorted(value.keys() - hints.keys()) if isinstance(value, dict) else [type(value).__name__]
        raise ValueError(f"{', '.join(unknown)} of {kind.__name__} is not known")
    return kind(**{name: _build(hints[name], item) for name, item in value.items()})


@lru_cache(maxsize=64)
def _hints(kind: Any) -> dict[str, Any]:
    # A snapshot names its depot's type for type checkers only.
    return get_type_hints(kind, localns={"Depot": Depot})
