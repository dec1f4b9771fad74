"""The plan of a set-up: what a repository says of how its environment is made. Read from the files of a commit; nothing is believed, nothing is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from orchestrator.checkouts.errors import SetupRefused
from orchestrator.configuration.config import REPOSITORY_FILE, parse_repository
from orchestrator.configuration.repositoryconfig import RepositoryConfig, SetupTable
from orchestrator.devcontainer import DEVCONTAINERS, creation_commands, read_devcontainer
from shadowfs import Clone, TreeFile

WORKFLOW = ".github/workflows/copilot-setup-steps.yml"
_FILE_BYTES = 128 << 10
_MOST_STEPS = 100


@dataclass(frozen=True, slots=True)
class Action:
    """One command of a set-up: words, or a shell's text as words for that shell. `directory` is relative to the checkout."""

    name: str
    argv: tuple[str, ...]
    directory: str = "."
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Variables of it, by what the secrets are called that they get."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run, as `source` says it. Every action gets the variables `secrets`; `left_out` is what will not be done, and why."""

    source: str = ""
    actions: tuple[Action, ...] = ()
    secrets: tuple[str, ...] = ()
    network: bool = True
    seconds: float = 1800.0
    files: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def asks_for(self) -> tuple[str, ...]:
        """Return the names of all secrets that it asks for."""
        named = (name for action in self.actions for name in action.secrets.values())
        return tuple(dict.fromkeys((*self.secrets, *named)))


class CommitFiles:
    """The small files of a commit, as text."""

    def __init__(self, clone: Clone, files: Mapping[str, TreeFile]) -> None:
        self._clone = clone
        self.files = files

    def text(self, path: str) -> str | None:
        """Return a file's text, None where there is none. Raises `SetupRefused` for a link, and for one that is too large."""
        file = self.files.get(path)
        if file is None:
            return None
        if not file.is_file:
            raise SetupRefused(
                f"{path} is a link or a submodule: make it a file, so that what is read is what is there"
            )
        if file.bytes > _FILE_BYTES:
            raise SetupRefused(f"{path} has {file.bytes:,} bytes, more than {_FILE_BYTES:,}: make it shorter")
        return self._clone.read(file).decode("utf-8", "replace")


def config_of(files: CommitFiles) -> RepositoryConfig:
    """Return what `nightcrew.toml` of a commit says, the defaults where there is none. Raises `BadConfig`, `SetupRefused`."""
    text = files.text(REPOSITORY_FILE)
    return RepositoryConfig() if text is None else parse_repository(text)


def plan_of(files: CommitFiles) -> Plan:
    """Return the plan of a commit: of `nightcrew.toml`, else of a devcontainer.json, else of copilot-setup-steps.yml.

    Raises `SetupRefused` where what is there cannot be read, and `BadConfig`.
    """
    table = config_of(files).setup
    plan = replace(
        _found(files, table), secrets=table.secrets, network=table.network, seconds=table.seconds, files=table.files
    )
    if len(plan.actions) > _MOST_STEPS:
        raise SetupRefused(
            f"{plan.source} has {len(plan.actions)} commands, more than {_MOST_STEPS}: put them into scripts"
        )
    return plan


def _found(files: CommitFiles, table: SetupTable) -> Plan:
    readers: Mapping[str, Callable[[str, str], Plan]] = {
        **dict.fromkeys(DEVCONTAINERS, _of_devcontainer),
        WORKFLOW: _of_workflow,
    }
    if table.run:
        return Plan(f"[setup] of {REPOSITORY_FILE}", tuple(map(shell_action, table.run)))
    for path, read in readers.items():
        if (text := files.text(path)) is not None:
            return read(path, text)
    return Plan()


def _of_devcontainer(path: str, text: str) -> Plan:
    try:
        commands = creation_commands(read_devcontainer(text))
    except ValueError as error:
        raise SetupRefused(f"{path} cannot be read: {error}") from error
    return Plan(path, tuple(map(shell_action, commands)))


def _of_workflow(path: str, text: str) -> Plan:
    # Only repositories with such a file need its reader.
    from orchestrator.checkouts.workflow import read_workflow

    actions, left_out = read_workflow(path, text)
    return Plan(path, actions, left_out=left_out)


def shell_action(command: str) -> Action:
    """Return the action that has a shell run a command, up to the first part of it that fails."""
    return Action(command, ("/bin/sh", "-e", "-c", command))
