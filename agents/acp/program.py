"""Programs with their standard output on a channel: an agent itself, and the commands of its terminals."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox import Command

# Output goes through a pipe: a socket cannot be opened as /dev/stdout, and what asyncio writes to it ends once something
# can be read from it. What came through the pipe is passed on before the command is over. What this shell says of how
# the program ended is nobody's.
_PIPED = """end=$NIGHTCREW_CHANNEL
unset NIGHTCREW_CHANNEL
exec {said}>&2 2>/dev/null {out}> >(exec cat >&"$end")
pump=$!
"$@" %s >&"$out" 2>&%s {out}>&-
status=$?
exec {out}>&-
for _ in {1..100}; do kill -0 "$pump" || break; sleep 0.02; done
exit "$status"
"""
_TALKING = _PIPED % ('<&"$end"', '"$said"')
_PRINTING = _PIPED % ("</dev/null", "1")


def talking(line: str, environment: Mapping[str, str] = {}) -> Command:
    """Return the command that runs a shell's line with its standard input and output on the channel."""
    return Command(("bash", "-c", _TALKING, "bash", "sh", "-c", line), environment=environment)


def printing(argv: tuple[str, ...], cwd: str, environment: Mapping[str, str] = {}) -> Command:
    """Return the command that runs a program with its output and errors on the channel, and nothing to read."""
    return Command(("bash", "-c", _PRINTING, "bash", *argv), cwd=cwd, environment=environment)
