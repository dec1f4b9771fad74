"""A shadow made by an ordinary user, who may open /dev/fuse and make user namespaces."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTER = "nightcrew-tester"
PROGRAM = """
import os, subprocess, sys
from pathlib import Path
from shadowfs import FuseDriver, pin
home = Path(sys.argv[1])
driver = FuseDriver(home / "state")
probe = driver.probe()
assert probe.works, probe.why
with driver.create(pin(home / "repo", home / "state")) as shadow, shadow.fork() as child:
    child.write("made", b"1")
    inside = "cd %s && echo by a client > other && id -u && stat -c %%u tracked && git status --porcelain" % child.mount.path
    enter = ["nsenter", "-t", str(child.mount.namespace), "-m", "-U", "--preserve-credentials", "sh", "-c", inside]
    lines = subprocess.run(enter, check=True, capture_output=True, text=True).stdout.splitlines()
    assert lines == [str(os.getuid()), str(os.getuid()), "?? made", "?? other"], lines
    assert sorted(child.seal().paths()) == ["made", "other"]
    assert not shadow.change()
with driver.create(pin(home / "repo", home / "state"), visible=True) as shadow:
    assert (shadow.mount.path / "tracked").read_bytes() == b"1"
driver.close()
assert "shadowfs" not in Path("/proc/self/mounts").read_text()
print("done")
"""
# What is needed of the packages, for an interpreter of the same version that every user may run.
MODULES = ("pyfuse3", "trio", "outcome", "sniffio", "sortedcontainers", "attr", "attrs", "idna")


@pytest.fixture
def home() -> Iterator[Path]:
    """Return a directory of an ordinary user's; skip where there is no such user to be."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user; all other tests here run unprivileged already")
    try:
        user = pwd.getpwnam(TESTER)
    except KeyError:
        pytest.skip(f"there is no user named {TESTER}: useradd --create-home {TESTER}")
    if not os.stat("/dev/fuse").st_mode & 0o006:  # noqa: PTH116
        pytest.skip("/dev/fuse is closed to others: chmod 666 /dev/fuse")
    path = Path(tempfile.mkdtemp(prefix="nightcrew-user-"))
    os.chown(path, user.pw_uid, user.pw_gid)
    yield path
    shutil.rmtree(path)


def interpreter() -> str:
    """Return an interpreter that everybody may run, of the version the packages were built for."""
    found = Path("/usr/bin/python3.11")
    if not found.exists():
        pytest.skip("there is no /usr/bin/python3.11: apt-get install python3.11")
    return str(found)


def test_an_ordinary_user_mounts_and_forks(home: Path) -> None:
    python = interpreter()
    library = home / "lib"
    shutil.copytree(Path(__file__).parents[2] / "shadowfs", library / "shadowfs")
    for name in MODULES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.submodule_search_locations is None:
            pytest.skip(f"the package {name} is not installed")
        shutil.copytree(spec.submodule_search_locations[0], library / name)
    script = f"""
        git init -q repo && cd repo && printf 1 > tracked && git add -A
        git -c user.name=u -c user.email=u@example.org commit -qm first
        cd .. && exec {python} -c "$PROGRAM" "$PWD"
    """
    env = {"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONPATH": str(library), "PROGRAM": PROGRAM}
    argv = ["setpriv", f"--reuid={TESTER}", f"--regid={TESTER}", "--init-groups", "sh", "-ec", script]
    done = subprocess.run(argv, cwd=home, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"
