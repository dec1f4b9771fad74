"""The keeper of one engine: `python -I keeper.py GRACE_S WORDS…`. It ends the engine, and all that that started, once its owner is gone.

Its owner holds its standard input: whatever ends the owner, kill -9 too, ends that. Standard library only; nothing of nightcrew is imported.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def main(grace_s: float, words: list[str]) -> int:
    """Run an engine until it or its owner ends; return its exit status."""
    libc = ctypes.CDLL(None, use_errno=True)
    # What the engine leaves behind becomes our child instead of getting away.
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    me = os.getpid()

    def die_with_us() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != me:
            os._exit(1)

    try:
        engine = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_us)
    except OSError as error:
        sys.stderr.write(f"{words[0]} cannot be started: {error.strerror}\n")
        return 127
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Who ends us is our owner, by closing the pipe; a terminal's Ctrl-C is the owner's to hear.
        signal.signal(each, signal.SIG_IGN)
    threading.Thread(target=_end_with_owner, args=(engine, grace_s), daemon=True).start()
    status = engine.wait()
    _kill_all()
    return status if status >= 0 else 128 - status


def _end_with_owner(engine: subprocess.Popen[bytes], grace_s: float) -> None:
    """Wait for the end of standard input; then end the engine, at last by force."""
    while os.read(0, 4096):
        pass
    last = time.monotonic() + grace_s
    engine.terminate()
    while engine.poll() is None and time.monotonic() < last:
        time.sleep(0.05)
    _kill_all()


def _kill_all() -> None:
    """Kill everything below us until there is nothing left: what is killed hands its children to us."""
    for _ in range(100):
        below = _children(os.getpid())
        if not below:
            return
        for pid in below:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.02)
        _reap(below)


def _reap(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            continue


def _children(pid: int) -> list[int]:
    """Return all that runs below a process."""
    below: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            told = stat.read_text("utf-8", "replace")
        except OSError:
            continue
        # A program's name may hold anything, brackets too.
        below.setdefault(int(told.rpartition(")")[2].split()[1]), []).append(int(stat.parent.name))
    found: list[int] = []
    open_ = [pid]
    while open_:
        found += below.get(open_[-1], ())
        open_ += below.get(open_.pop(), ())
    return found


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
