"""What copilot-setup-steps.yml says: the `run` steps of the one job of that name. What a GitHub runner alone can do is left out, and named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from orchestrator.checkouts.errors import SetupRefused
from orchestrator.checkouts.plan import Action
from orchestrator.plain import one_line

_JOB = "copilot-setup-steps"
_HERE_ALREADY = ("actions/checkout@", "actions/setup-python@", "actions/setup-node@")
"""What the checkout and the machine's own tools stand for."""
_SHELLS = {"": ("/bin/bash", "-e", "-c"), "bash": ("/bin/bash", "-eo", "pipefail", "-c"), "sh": ("/bin/sh", "-e", "-c")}
_SECRET = re.compile(r"\$\{\{\s*secrets\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_EXPRESSION = "${{"
_RUNNER = {"CI": "true", "GITHUB_ENV": "/tmp/env", "GITHUB_PATH": "/tmp/path", "GITHUB_OUTPUT": "/tmp/output"}
"""What steps expect of a runner; what they write there is not read."""
_NAME_CHARACTERS = 100


def read_workflow(path: str, text: str) -> tuple[tuple[Action, ...], tuple[str, ...]]:
    """Return what is to be run, and what is left out with the reason. Raises `SetupRefused`."""
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise SetupRefused(f"{path} is read with the package PyYAML: install nightcrew[forges]") from error
    try:
        told = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise SetupRefused(f"{path} cannot be read: {one_line(str(error), 200)}") from error
    job = _table(_table(_table(told).get("jobs")).get(_JOB))
    steps = job.get("steps")
    if not isinstance(steps, list):
        raise SetupRefused(
            f"{path} has no steps in a job {_JOB!r}: see GitHub's documentation, or write [setup] in nightcrew.toml"
        )
    where = _table(_table(job.get("defaults")).get("run")).get("working-directory", ".")
    shared = (_table(_table(told).get("env")), _table(job.get("env")))
    actions: list[Action] = []
    left_out: list[str] = []
    for number, step in enumerate(steps, 1):
        step = _table(step)
        name = one_line(str(step.get("name") or step.get("uses") or step.get("run") or number), _NAME_CHARACTERS)
        why = _reason(step)
        if why is None and "run" in step:
            action, why = _action(name, step, where, shared)
            actions += [action] if why is None else []
        if why:
            left_out.append(f"step {number} ({name}): {why}")
    return tuple(actions), tuple(left_out)


def _reason(step: Mapping[str, Any]) -> str | None:
    """Return why a step is not done, "" of one that the machine stands for."""
    uses = str(step.get("uses", ""))
    if uses:
        return "" if uses.startswith(_HERE_ALREADY) else "actions of GitHub are not run here"
    if "if" in step:
        return "its condition is not asked here"
    shell = str(step.get("shell", ""))
    if shell not in _SHELLS:
        return f"it wants the shell {one_line(shell, 40)!r}"
    return None if isinstance(step.get("run"), str) else "it runs nothing"


def _action(
    name: str, step: Mapping[str, Any], where: object, shared: tuple[Mapping[str, Any], ...]
) -> tuple[Action, str | None]:
    """Return a step's action, and why it cannot be done after all."""
    command = str(step["run"])
    environment, secrets = dict(_RUNNER), dict[str, str]()
    for table in (*shared, _table(step.get("env"))):
        for variable, value in table.items():
            named = _SECRET.fullmatch(str(value))
            secrets.pop(str(variable), None)
            environment.pop(str(variable), None)
            if named:
                secrets[str(variable)] = named[1]
            else:
                environment[str(variable)] = _scalar(value)
    directory = str(step.get("working-directory", where))
    action = Action(name, (*_SHELLS[str(step.get("shell", ""))], command), directory, environment, secrets)
    if any(_EXPRESSION in each for each in (command, directory, *environment.values())):
        return action, "it has an expression of GitHub in it"
    parts = PurePosixPath(directory).parts
    if directory.startswith("/") or ".." in parts:
        return action, "its directory lies outside of the checkout"
    return action, None


def _scalar(value: object) -> str:
    """Return a value as YAML's reader at GitHub has it."""
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)[: 64 << 10]


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
