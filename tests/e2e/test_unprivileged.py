"""The main job as an ordinary user, with the repository and its virtual environment under that user's home.

Root runs these as the user `nightcrew-tester` (make one with `useradd --create-home nightcrew-tester`); others as themselves.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.installed import everybodys_python, installation
from tests.e2e.library import commit_all, requirements
from tests.e2e.project import FAILING, FILES, TICKET, is_right, write
from tests.e2e.traces import added_by_delivery_only, digest, left_behind

TESTER = "nightcrew-tester"


@pytest.fixture(scope="module")
def user() -> pwd.struct_passwd:
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    try:
        return pwd.getpwnam(TESTER)
    except KeyError:
        pytest.skip(f"there is no user {TESTER}: useradd --create-home {TESTER}")


@pytest.fixture
def repository(user: pwd.struct_passwd) -> Iterator[Path]:
    """Make the small project in a directory of its own below the user's home, owned by the user, environment included."""
    place = Path(tempfile.mkdtemp(prefix="nightcrew-e2e-", dir=user.pw_dir))
    repository = place / "shop"
    write(repository, {**FILES, ".gitignore": FILES[".gitignore"] + ".venv/\n"})
    subprocess.run([everybodys_python(), "-m", "venv", "--without-pip", repository / ".venv"], check=True)
    site = next((repository / ".venv").glob("lib/python3*/site-packages"))
    shutil.copytree(requirements(), site, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    commit_all(repository)
    for path in (place, *place.rglob("*")):
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    yield repository
    shutil.rmtree(place)


@pytest.mark.parametrize("driver", ["fuse", "copy"])
def test_an_ordinary_user_gets_a_verified_branch(user: pwd.struct_passwd, repository: Path, driver: str) -> None:
    if driver == "fuse" and not os.stat("/dev/fuse").st_mode & 0o006:  # noqa: PTH116
        pytest.skip("/dev/fuse is not open to other users: chmod 666 /dev/fuse")
    before = digest(repository)
    done = as_user(user, repository, "fix", TICKET, "--failing", FAILING, "--driver", driver)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert (found["status"], found["shadow"]["driver"], found["sandbox"]["driver"]) == ("verified", driver, "local")
    source = subprocess.run(
        ["git", "-c", f"safe.directory={repository}", "show", f"{found['branch']}:shop/total.py"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert is_right(source)
    assert added_by_delivery_only(before, digest(repository))
    assert left_behind(repository.parent / "state") == []
    owners = {path.lstat().st_uid for path in repository.rglob("*")}
    assert owners == {user.pw_uid}


def test_a_user_who_may_not_open_fuse_gets_the_copy_driver(user: pwd.struct_passwd, repository: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can close /dev/fuse for a moment")
    mode = os.stat("/dev/fuse").st_mode & 0o777  # noqa: PTH116
    Path("/dev/fuse").chmod(0o600)
    try:
        done = as_user(user, repository, "fix", TICKET, "--failing", FAILING)
    finally:
        Path("/dev/fuse").chmod(mode)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["shadow"]["driver"] == "copy"
    assert any("fuse" in without for without in found["without"])


def as_user(user: pwd.struct_passwd, repository: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the installed nightcrew as the user, in the repository, with that user's environment."""
    variables = {"HOME": user.pw_dir, "USER": user.pw_name, "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    command: list[str | Path] = [installation() / "nightcrew", *words, "--json", "--state", repository.parent / "state"]
    if os.geteuid() != user.pw_uid:
        command = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *command]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, env=variables, check=False)
