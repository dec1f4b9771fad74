"""Escapes by the terminal: input pushed into it, and sequences that it would obey in what nightcrew prints."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.arena import Bare, Guarded, bare, guarded, needs_local
from tests.e2e.command import NIGHTCREW, clean_environment, nightcrew
from tests.e2e.project import activated
from tests.orchestrator import project

pytestmark = needs_local
__all__ = ["bare", "guarded"]

PUSH = """
import fcntl, os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    try:
        for letter in b"pushed\\n": fcntl.ioctl(0, 0x5412, bytes([letter]))
        print("ran", input(), flush=True)
    except OSError as error: print("refused", error.errno, flush=True)
    os._exit(0)
said = b""
try:
    while data := os.read(terminal, 100): said += data
except OSError: pass
os.waitpid(pid, 0)
print(said.replace(b"\\r", b"").decode())
"""


def test_tty_1_nothing_is_pushed_into_a_terminal(bare: Bare, guarded: Guarded) -> None:
    # Into a terminal of the attack's own; without the right to do so newer kernels refuse it to everybody.
    setting = Path("/proc/sys/dev/tty/legacy_tiocsti")
    if os.getuid() == 0 or not setting.exists() or setting.read_text().strip() == "1":
        assert "ran pushed" in bare.run('exec "$PYTHON" -I -c "$PUSH"', PUSH=PUSH).stdout.decode()
    inside = guarded.run('exec "$PYTHON" -I -c "$PUSH"', PUSH=PUSH)
    assert inside.stdout.split() == [b"refused", b"1"], inside.stderr


def test_tty_1_a_command_has_no_terminal_of_the_users(bare: Bare, guarded: Guarded) -> None:
    ours, theirs = pty.openpty()
    terminal = os.ttyname(theirs)
    try:
        script = "echo pushed > $TERMINAL && echo written"
        assert bare.run(script, TERMINAL=terminal).stdout == b"written\n"
        assert guarded.run(script, TERMINAL=terminal).stdout == b""
        assert guarded.run("echo x > /dev/tty && echo written").stdout == b""
        assert os.read(ours, 100) == b"pushed\r\n"
        assert not select.select([ours], [], [], 0)[0]
    finally:
        os.close(ours)
        os.close(theirs)


EVIL = "\x1b]0;PWNED\x07\x1b[2J\x1b]52;c;UFdORUQ=\x07\x1bP+q\x1b\\\x9b31m\x1b[1A\rover\u202e\x08"
OBEYED = re.compile(rb"\x1b\]|\x1b[PX^_]|\x1b\[2J|\x07|\x08|\xc2[\x80-\x9f]|\xe2\x80\xae|\rover")
"""What of it a terminal would obey; the live display's own sequences are others."""

ODD = f"""
import sys
import unittest

from sums import total


class Odd(unittest.TestCase):
    pass


def odd(self):
    sys.stdout.write({EVIL!r})
    self.assertEqual(total([1, 2]), 2, {EVIL!r})


setattr(Odd, {"test_" + EVIL!r}, odd)
"""
"""Passes as long as the first number is left out: the agent's change breaks it."""


def on_a_terminal(*words: str | Path) -> bytes:
    """Run nightcrew with its standard output on a terminal, and return what reached that."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [NIGHTCREW, *words],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**clean_environment(activated()), "TERM": "xterm"},
    ):
        os.close(theirs)
        seen = b""
        try:
            while data := os.read(ours, 1 << 16):
                seen += data
        except OSError:
            # The other end is closed.
            pass
        os.close(ours)
    return seen


@dataclass(frozen=True, slots=True)
class Worked:
    """A hostile ticket that was worked on in a hostile repository, and what the terminal got meanwhile."""

    state: Path
    ticket: str
    seen: bytes


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Worked:
    place = tmp_path_factory.mktemp("hostile")
    (place / EVIL.replace(chr(13), "")).mkdir()
    repository = project.make(place / EVIL.replace(chr(13), ""))
    (repository / "tests" / "test_odd.py").write_text(ODD)
    script = f"sed -i 's/numbers.1:./numbers/' sums.py; printf '%s' '{EVIL}' | tee odd; printf '%s' '{EVIL}' >&2; echo x > '{EVIL}'"
    order = (
        f"total is wrong {EVIL}",
        "--repo",
        repository,
        "--failing",
        project.FAILING,
        "--agent",
        f"command:{script}",
    )
    suite = ("--test", "python -m unittest tests.test_sums tests.test_odd", "--keep-unverified")
    seen = on_a_terminal("fix", *order, *suite, "--state", place / "state")
    (listed,) = nightcrew("list", state=place / "state").document["tickets"]
    # The control: it is all kept, as it was given.
    document = nightcrew("show", listed["ticket"], state=place / "state").document
    assert (document["status"], EVIL in document["text"], EVIL in document["files"]) == ("unverified", True, True), (
        document
    )
    return Worked(place / "state", listed["ticket"], seen)


@pytest.mark.parametrize("command", ["fix", "show", "logs", "diff", "diff --by-cause", "list"])
def test_tty_1_no_sequence_of_anybodys_reaches_the_terminal(worked: Worked, command: str) -> None:
    words = [] if command == "list" else [worked.ticket]
    seen = worked.seen if command == "fix" else on_a_terminal(*command.split(), *words, "--state", worked.state)
    assert b"over" in seen
    assert OBEYED.search(seen) is None, seen


def test_tty_1_the_control_a_terminal_gets_what_others_print(bare: Bare) -> None:
    assert OBEYED.search(bare.run('printf %s "$EVIL"', EVIL=EVIL).stdout) is not None
