"""The key of an environment: the same for all commits whose set-up would do the same."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping

from orchestrator.checkouts.plan import Plan
from orchestrator.patterns import matching
from orchestrator.places.image import is_manifest
from shadowfs import TreeFile

PLAIN = "plain"
"""The key where there is no set-up."""
_FORMAT = 1
_BUILDERS = ("Makefile", "makefile", "GNUmakefile", "justfile", "Taskfile.yml", "tox.ini", "noxfile.py")
_WORD = re.compile(r"[\w./@+-]+")
_CHARACTERS = 16


def key_of(plan: Plan, files: Mapping[str, TreeFile], machine: str) -> str:
    """Return the key: of the commands, the files that they read as far as one can tell, and the `machine`'s own tools.

    These files are manifests and lock files wherever they lie, what a command names (a directory with all in it), makers' files at the
    top, and what the plan's patterns name.
    """
    if not plan.actions:
        return PLAIN
    reads = [[path, f"{files[path].mode:o}", files[path].blob] for path in sorted(_read(plan, files))]
    actions = [[*each.argv, each.directory, dict(each.environment), dict(each.secrets)] for each in plan.actions]
    told = [_FORMAT, actions, plan.secrets, plan.network, reads, machine]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:_CHARACTERS]


def _read(plan: Plan, files: Mapping[str, TreeFile]) -> Iterator[str]:
    wanted, named = matching(plan.files), set(_named(plan))
    for path in files:
        above = (path[:end] for end in range(1, len(path)) if path[end] == "/")
        if (
            path in named
            or is_manifest(path)
            or path in _BUILDERS
            or wanted(path)
            or any(each in named for each in above)
        ):
            yield path


def _named(plan: Plan) -> Iterator[str]:
    """Yield the paths that commands name, if these are any."""
    for action in plan.actions:
        for word in _WORD.findall(" ".join(action.argv)):
            path = word.removeprefix("./").rstrip("/.")
            yield path
            if action.directory not in ("", "."):
                yield f"{action.directory.removeprefix('./').rstrip('/')}/{path}"
