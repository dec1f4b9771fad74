"""Escapes by exhaustion and by outliving: each attack with its negative control, which is bounded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

from sandbox import Command, Ended, Limits
from shadowfs import FuseDriver, ShadowfsError
from tests.e2e.arena import ENGINE, Attacker, Bare, Guarded, bare, digest, guarding, needs_local, opened, remotely
from tests.e2e.arena import contained as guarded
from tests.e2e.command import NIGHTCREW, clean_environment, nightcrew
from tests.e2e.project import activated
from tests.e2e.traces import left_behind
from tests.orchestrator import project
from tests.sandbox.cases import alive_with
from tests.sandbox.dockerimage import OWN_ENGINE, the_image

pytestmark = needs_local
__all__ = ["bare", "guarded"]

ROOT = Path(__file__).parent.parent.parent


def marked(number: int) -> str:
    """Return a duration for `sleep` that no other process of this machine uses."""
    return f"{number}.{os.getpid()}"


def test_res_1_a_fork_bomb_is_ended(bare: Bare, guarded: Guarded) -> None:
    bounded = "i=0; while [ $i -lt 60 ]; do i=$((i+1)); sleep $TIME & done; wait"
    limits = Limits(processes=32, wall_s=60)
    bare.start(bounded, TIME=marked(201))
    while len(alive_with(marked(201))) < 60:
        pass
    completed = guarded.run(bounded, limits, TIME=marked(202))
    assert completed.ended is Ended.TOO_MANY_PROCESSES
    assert alive_with(marked(202)) == []
    bomb = guarded.run("bomb() { bomb | bomb & }; bomb; sleep 60", limits)
    assert bomb.ended is Ended.TOO_MANY_PROCESSES
    assert bomb.usage.wall_s < 30


GRAB = """
held = bytearray(300 << 20)
for at in range(0, len(held), 4096): held[at] = 1
print("grabbed")
"""
GRAB_TOGETHER = """
import os, sys, time
for _ in range(5):
    if os.fork() == 0: break
held = bytearray(60 << 20)
for at in range(0, len(held), 4096): held[at] = 1
print("grabbed", flush=True)
time.sleep(float(sys.argv[1]))
"""


@remotely
def test_res_2_memory_is_held_to_its_limit(bare: Bare, guarded: Guarded) -> None:
    limits = Limits(memory_bytes=200 << 20, wall_s=60)
    one = 'exec "$PYTHON" -I -c "$GRAB" 2'
    together = 'exec "$PYTHON" -I -c "$GRAB_TOGETHER" 30'
    assert bare.run(one, GRAB=GRAB).stdout == b"grabbed\n"
    completed = guarded.run(one, limits, GRAB=GRAB)
    assert b"grabbed" not in completed.stdout
    assert not completed.ok
    assert bare.run(together.replace("30", "0"), GRAB_TOGETHER=GRAB_TOGETHER).stdout.count(b"grabbed") == 6
    assert guarded.run(together, limits, GRAB_TOGETHER=GRAB_TOGETHER).ended is Ended.OUT_OF_MEMORY


def test_res_3_the_disk_is_not_filled(bare: Bare, guarded: Guarded) -> None:
    limits = Limits(file_bytes=8 << 20, tmp_bytes=16 << 20, wall_s=60)
    one = "head -c 40000000 /dev/zero > $AT/big; exit 0"
    many = "for i in 1 2 3 4 5 6 7 8 9; do head -c 4000000 /dev/zero > $AT/part$i; done; sleep 60"
    bare.run(one, AT=str(bare.place.victim))
    assert (bare.place.victim / "big").stat().st_size == 40_000_000
    bare.start(many, AT=str(bare.place.victim))
    while sum(path.stat().st_size for path in bare.place.victim.glob("part*")) < 36_000_000:
        pass
    guarded.run(one, limits, AT=".")
    assert len(guarded.shadow.read("big")) == 8 << 20
    assert guarded.run(many, limits, AT="/tmp").ended is Ended.OUT_OF_SPACE


def test_res_4_a_flood_of_empty_files_is_ended(bare: Bare, guarded: Guarded) -> None:
    script = "exec \"$PYTHON\" -I -c \"import itertools; [open(f'$AT/{i}', 'w').close() for i in range($MOST)]\""
    bare.run(script, AT=str(bare.place.victim), MOST="3000")
    assert len(list(bare.place.victim.iterdir())) == 3001
    limits = Limits(tmp_bytes=2000 * 4096, wall_s=60)
    assert guarded.run(script, limits, AT="/tmp", MOST="10**9").ended is Ended.OUT_OF_SPACE


def test_res_5_a_flood_of_output_stays_small(bare: Bare, guarded: Guarded) -> None:
    script = "head -c 100000000 /dev/zero"
    assert len(bare.run(script).stdout) == 100_000_000
    completed = guarded.run(script, Limits(output_bytes=1 << 16))
    assert len(completed.stdout) == 1 << 16
    assert completed.dropped_bytes == 100_000_000 - (1 << 16)


DAEMONS = """
(setsid sh -c 'trap "" TERM HUP INT; sleep $TIME; :' >/dev/null 2>&1 &)
nohup sleep $TIME >/dev/null 2>&1 &
"$PYTHON" -I -c 'import os, sys; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); os.execvp("sleep", ["sleep", os.environ["TIME"]])' >/dev/null 2>&1
echo ready
"""


def test_res_6_nothing_outlives_its_command(bare: Bare, guarded: Guarded) -> None:
    try:
        assert bare.run(DAEMONS + "exit 0", TIME=marked(203)).ok
        assert len(alive_with(marked(203))) >= 2
    finally:
        for process in alive_with(marked(203)):
            process.kill()
    ended = guarded.run(DAEMONS + "exit 0", TIME=marked(204))
    assert ended.ok
    assert alive_with(marked(204)) == []
    overdue = guarded.run("trap '' TERM INT HUP;" + DAEMONS + "sleep $TIME", Limits(wall_s=4), TIME=marked(205))
    assert overdue.ended is Ended.TIMED_OUT
    assert b"ready" in overdue.stdout
    assert alive_with(marked(205)) == []


OWNER = """
import subprocess, sys
from pathlib import Path
from sandbox import Command, DockerDriver, LocalDriver, Root
tree, number, way = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
scratch = tree.parent / "scratch"
words = ("sh", "-c", f"setsid sleep {number} & sleep {number} & wait")
if way == "bare":
    subprocess.run(words)
else:
    image, _, remote = way.partition(" ")
    driver = LocalDriver(scratch) if way == "local" else DockerDriver(image, scratch, remote or None, remote=bool(remote))
    driver.open(Root(tree, tree)).run(Command(words))
"""


def test_res_7_a_killed_nightcrew_takes_its_commands_along(bare: Bare, guarded: Guarded) -> None:
    def survivors(attacker: Attacker, way: str, number: str) -> list[psutil.Process]:
        words = [sys.executable, "-c", OWNER, str(attacker.place.repository), number, way]
        with subprocess.Popen(words, cwd=ROOT) as owner:
            while len(alive_with(number)) < 2:
                assert owner.poll() is None
            commands = alive_with(number)
            commands = [process for process in commands if process.name() == "sleep"]
            owner.send_signal(signal.SIGKILL)
        return psutil.wait_procs(commands, timeout=2 if attacker is bare else 20)[1]

    left = survivors(bare, "bare", marked(206))
    for process in left:
        process.kill()
    assert len(left) >= 1
    ways = {"local": "local", "docker": the_image(), "remote": f"{the_image()} {ENGINE or OWN_ENGINE}"}
    assert survivors(guarded, ways[guarded.place.kind], marked(207)) == []


@pytest.fixture
def fused(tmp_path: Path) -> Iterator[Guarded]:
    with guarding(tmp_path / "guarded", "fuse") as attacker:
        yield attacker


WRITING = "exec 2>/dev/null; while :; do head -c 100000 /dev/zero | tr '\\0' x >> file || exit 7; cp file package/module.py; done"


def test_res_8_a_server_killed_in_the_middle_of_a_write_leaves_the_users_tree_whole(bare: Bare, fused: Guarded) -> None:
    # The control: a writer killed at work on the tree itself leaves it torn.
    before = digest(bare.place.repository)
    writer = bare.start(WRITING)
    while (bare.place.repository / "file").stat().st_size < 1_000_000:
        assert writer.poll() is None
    os.killpg(writer.pid, signal.SIGKILL)
    assert digest(bare.place.repository) != before

    before, server = digest(fused.place.repository), fused.shadow.mount.namespace
    tree = fused.shadow.checkpoint()
    assert server is not None
    with fused.start(WRITING) as process:
        while len(fused.shadow.read("file")) < 1_000_000:
            assert process.wait(0) is None
        os.kill(server, signal.SIGKILL)
        completed = process.wait(20)
    assert completed is not None and not completed.ok
    assert digest(fused.place.repository) == before
    assert not fused.run("cat file").ok
    with pytest.raises(ShadowfsError, match="create the shadow again"):
        fused.shadow.read("file")
    # It goes on from the last checkpoint, and of the old one nothing is left.
    driver = FuseDriver(fused.place.state)
    with closing(driver), driver.create(fused.snapshot, tree) as again, opened(fused.place, again) as sandbox:
        assert sandbox.run(Command(("cat", "file"))).stdout == b"content\n"
    fused.sandbox.close()
    fused.shadow.close()
    assert list((fused.place.state / "shadows").iterdir()) == []
    assert left_behind(fused.place.state / "shadows") == []
    assert digest(fused.place.repository) == before


def test_res_8_the_control_a_mount_that_everybody_sees_stays_behind_dead(fused: Guarded) -> None:
    if os.getuid() != 0:
        pytest.skip("only root mounts for everybody to see without fusermount3")
    driver = FuseDriver(fused.place.state)
    with closing(driver), driver.create(fused.snapshot, visible=True) as shadow:
        server = psutil.Process(shadow._pid)
        server.kill()
        psutil.wait_procs([server], 10)
        assert any(str(shadow.mount.path) in line for line in left_behind(fused.place.state / "shadows"))
        with pytest.raises(OSError, match="not connected"):
            (shadow.mount.path / "file").read_bytes()
    # Its owner's end, or the next command, unmounts it.
    assert left_behind(fused.place.state / "shadows") == []


MENDING = "sed -i 's/numbers.1:./numbers/' sums.py; while [ ! -e build/go ]; do echo x >> growing || exit 1; done; rm -f growing"


def test_res_8_a_job_whose_server_is_killed_twice_says_so_and_can_be_resumed(tmp_path: Path) -> None:
    repository, state = project.make(tmp_path), tmp_path / "state"
    before = digest(repository)
    command: list[str | Path] = [NIGHTCREW, "fix", "total is wrong", "--repo", repository, "--failing", project.FAILING]
    command += ["--test", "python -m unittest tests.test_sums", "--agent", f"command:{MENDING}", "--driver", "fuse"]
    command += ["--state", state, "--json"]
    environ = clean_environment(activated())
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ) as process:
        # The first time it goes on from its journal.
        for _ in range(2):
            at_work(psutil.Process(process.pid), state).kill()
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 1, output
    document = json.loads(output)
    assert document["status"] == "failed" and "has ended" in document["why"], document
    assert digest(repository) == before
    assert left_behind(state) == []

    (repository / "build" / "go").touch()
    answer = nightcrew("resume", document["ticket"], state=state, environ=activated())
    assert answer.status == 0, answer
    assert answer.document["files"] == ["sums.py"]
    assert left_behind(state) == []


def at_work(owner: psutil.Process, state: Path) -> psutil.Process:
    """Return the process below `owner` that serves a mount, once the agent has written to that."""
    here = os.readlink("/proc/self/ns/mnt")  # noqa: PTH115
    while owner.status() != psutil.STATUS_ZOMBIE:
        with suppress(psutil.TimeoutExpired):
            owner.wait(0.1)
        with suppress(psutil.Error, OSError):
            for process in owner.children(recursive=True):
                apart = os.readlink(f"/proc/{process.pid}/ns/mnt") != here  # noqa: PTH115
                seen = [Path(f"/proc/{process.pid}/root{mnt}/growing") for mnt in state.glob("shadows/*/mnt")]
                if (
                    apart
                    and any("shadowfs.zygote" in word for word in process.cmdline())
                    and any(map(Path.exists, seen))
                ):
                    return process
    raise AssertionError("it ended before the agent wrote anything")
