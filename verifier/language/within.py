"""Which servers are there inside a sandbox that has other programs than this machine: it is asked, with one command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from sandbox import Command, Limits, Sandbox
from verifier.language.server import Found, Server

_LOOK_S = 60.0
_ELF = b"\x7fELF"
# A program that is brought along must run there: its C library may be another, or its processor.
_LOOK = """\
PATH=$PATH:$PWD/node_modules/.bin
for name; do
  case $name in
    /*) "$name" --version </dev/null >/dev/null 2>&1 && echo "$name" || echo ;;
    *) command -v "$name" || echo ;;
  esac
done
"""


def carried(found: Iterable[Found]) -> tuple[Found, ...]:
    """Return those of this machine's servers that can be shown to any sandbox: real programs of one file."""
    return tuple(
        replace(each, program=str(program), python=None)
        for each in found
        if each.server.one_file and _is_program(program := Path(each.program).resolve())
    )


def servers_within(
    sandbox: Sandbox, known: Sequence[Server], brought: Sequence[Found], python: str = "python3"
) -> tuple[Found, ...]:
    """Return the `known` servers that a sandbox has, else what was `brought` into its sight, where that runs there.

    None where it has no bash, which is what connects a server to its channel.
    """
    names = ("bash", python, *(server.program for server in known), *(each.program for each in brought))
    completed = sandbox.run(Command(("sh", "-c", _LOOK, "sh", *names)), Limits(wall_s=_LOOK_S))
    lines = [line if line.startswith("/") else "" for line in completed.stdout.decode("utf-8", "replace").splitlines()]
    if not completed.ok or len(lines) != len(names) or not lines[0]:
        return ()
    interpreter, inside, runs = lines[1] or None, lines[2 : 2 + len(known)], lines[2 + len(known) :]
    programs = dict(zip((server.name for server in known), inside, strict=True))
    for each, program in zip(brought, runs, strict=True):
        programs[each.server.name] = programs.get(each.server.name) or program
    return tuple(_found(known, programs, interpreter))


def _found(known: Sequence[Server], programs: dict[str, str], python: str | None) -> Iterator[Found]:
    for server in known:
        if programs[server.name]:
            yield Found(server, programs[server.name], python if "python" in server.languages else None)


def _is_program(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_ELF)) == _ELF
    except OSError:
        return False
