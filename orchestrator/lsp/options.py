"""Options: what an editor says when it starts the server (`initializationOptions`). A closed record."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields

from orchestrator.errors import BadConfig
from orchestrator.intake import check_agent


@dataclass(frozen=True, slots=True)
class Options:
    """How tickets that are filed from the editor are worked on; what is None is the repository's own."""

    agent: str | None = None
    """As `--agent` takes it."""
    test: str | None = None
    """The suite's command, as `--test` takes it."""
    seconds: float | None = None
    """Budget of wall clock for a ticket."""
    lock: bool = False
    """Whether an attempt begun here holds the lock on saving the files that it works on."""


_WANTED = {"agent": "a text", "test": "a text", "seconds": "a number above 0", "lock": "true or false"}


def read_options(given: object) -> Options:
    """Return the options that an editor gave. Raises `BadConfig`, which names the nearest known key, and `OrderRefused`."""
    if given is None:
        return Options()
    if not isinstance(given, Mapping):
        raise BadConfig(f"initializationOptions are {given!r}: give an object with keys of {', '.join(_WANTED)}")
    known = [field.name for field in fields(Options)]
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1, 0.6)
            hint = f"did you mean `{near[0]}`?" if near else f"known keys are {', '.join(known)}"
            raise BadConfig(f"initializationOptions: `{key}` is no key that nightcrew knows; {hint}")
    values = {str(key): value for key, value in given.items() if value is not None}
    for key, value in values.items():
        if not _fits(key, value):
            raise BadConfig(f"initializationOptions: `{key}` is {value!r}: give {_WANTED[key]}")
    options = Options(**values)
    if options.agent is not None:
        check_agent(options.agent)
    return options


def _fits(key: str, value: object) -> bool:
    if key == "lock":
        return isinstance(value, bool)
    if key == "seconds":
        return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")
    return isinstance(value, str) and bool(value.strip())
