"""What a devcontainer.json says of how a project's environment is made: the commands that it runs on creation."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

DEVCONTAINERS = (".devcontainer/devcontainer.json", ".devcontainer.json")
_CREATION = ("onCreateCommand", "updateContentCommand", "postCreateCommand")
_JSON_PARTS = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])')


def read_devcontainer(text: str) -> Mapping[str, Any]:
    """Return what a devcontainer.json says, which is JSON with comments and trailing commas. Raises `ValueError`."""
    try:
        told = json.loads(_plain_json(text))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(told, dict):
        raise ValueError("it is no object: see https://containers.dev")
    return told


def creation_commands(told: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the commands that it runs on creation, in order, as a shell has them."""
    return tuple(_words(told[name]) for name in _CREATION if told.get(name))


def _words(command: object) -> str:
    """Return a command of a devcontainer.json (text, words, or several by name) as a shell has it."""
    if isinstance(command, str):
        return f"( {command} )"
    if isinstance(command, list):
        return shlex.join(map(str, command))
    return " && ".join(_words(each) for each in command.values()) if isinstance(command, dict) else "true"


def _plain_json(text: str) -> str:
    """Take comments and trailing commas out of what is JSON but for them."""
    bare = _JSON_PARTS.sub(lambda found: found.group(1) or " ", text)
    return _TRAILING.sub(lambda found: found.group(1) or "", bare)
