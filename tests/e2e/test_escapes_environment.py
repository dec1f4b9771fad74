"""Escapes by environment: what nightcrew was started with, and where it was started; each attack with its negative control."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import Command, LocalDriver, Root
from tests.e2e.arena import TOOLS, Bare, Guarded, bare, needs_local, pwned, remotely
from tests.e2e.arena import shipped as guarded
from tests.e2e.command import NIGHTCREW, clean_environment

pytestmark = needs_local
__all__ = ["bare", "guarded"]

PLANT = """
for name in git sh env prlimit bwrap nsenter umount ls; do
  printf '#!/bin/sh\\ntouch "%s/pwned"\\n' "$VICTIM" > $name; chmod +x $name
done
"""


@remotely
def test_env_1_no_variable_of_the_host_is_seen(bare: Bare, guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "SSH_AUTH_SOCK"):
        monkeypatch.setenv(name, "a-secret-value")
    script = "cat /proc/*/environ | tr '\\0' '\\n'; env"
    assert b"a-secret-value" in bare.run(script).stdout
    assert b"a-secret-value" not in guarded.run(script).stdout


def test_env_2_a_program_planted_under_the_name_of_a_tool_is_not_found(bare: Bare, guarded: Guarded) -> None:
    # Where the search path begins with the tree (`.`, `node_modules/.bin`) its programs come first.
    bare.run(PLANT)
    bare.run("ls", PATH=f".:{os.environ['PATH']}")
    assert pwned(bare)
    guarded.run(PLANT)
    assert guarded.run("git --version; ls").stdout.startswith(b"git version")
    assert not pwned(guarded)
    assert "pwned" not in set(guarded.shadow.paths())


@pytest.mark.parametrize("words", [["shadow", "create"], ["doctor"]])
def test_env_2_nightcrew_takes_no_program_out_of_the_tree_it_is_started_in(
    bare: Bare, guarded: Guarded, words: list[str]
) -> None:
    for attacker in (bare, guarded):
        # Here the tree is the user's own, and hostile: a clone of somebody's.
        planted = subprocess.run(
            ["sh", "-c", PLANT], cwd=attacker.place.repository, env={**os.environ, "VICTIM": str(attacker.place.victim)}
        )
        assert planted.returncode == 0
    search = {"PATH": f".:::bin:{os.environ['PATH']}"}
    subprocess.run(["git", "--version"], cwd=bare.place.repository, env={**os.environ, **search})
    assert pwned(bare)
    done = subprocess.run(
        [NIGHTCREW, *words, "--state", guarded.place.state],
        cwd=guarded.place.repository,
        env=clean_environment(search),
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert not pwned(guarded)


def test_env_3_loaders_and_interpreters_are_not_told_what_to_load(
    bare: Bare, guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PYTHONSTARTUP", "PYTHONPATH", "BASH_ENV", "LD_LIBRARY_PATH", "PERL5LIB", "NODE_OPTIONS"):
        monkeypatch.setenv(name, "planted")
    assert b"planted" in bare.run("env").stdout
    assert b"planted" not in guarded.run("env").stdout


def test_env_3_a_commands_own_loader_variables_act_inside_only(bare: Bare, guarded: Guarded) -> None:
    # bubblewrap and what is before it run on the host: what the attacker sets must not reach them. The loader writes a file
    # for every program it starts.
    traced = {"LD_DEBUG": "files", "LD_DEBUG_OUTPUT": "trace"}
    for attacker in (bare, guarded):
        at = {**traced, "LD_DEBUG_OUTPUT": str(attacker.place.victim / "trace")}
        attacker.run("cat file", None, **at)
    assert list(bare.place.victim.glob("trace.*"))
    assert [path.name for path in guarded.place.victim.iterdir()] == ["secret"]
    assert (
        guarded.run("cat file; ls /tmp", None, **{**traced, "LD_DEBUG_OUTPUT": "/tmp/trace"}).stdout.count(b"trace.")
        >= 1
    )
    planted = Command(("true",), environment={"PATH": "/tmp", "ENV": "/tmp/evil", "BASH_ENV": "/tmp/evil"})
    assert not guarded.sandbox.run(planted).ok


REFUSE = """
from pathlib import Path
from sandbox import Command, LocalDriver, Root, SandboxError
driver = LocalDriver(Path("/tmp/scratch"))
print(driver.probe().works)
try:
    with driver.open(Root(Path("/tmp"), Path("/tmp/tree"))) as sandbox: print(sandbox.run(Command(("echo", "ran"))))
except SandboxError as error: print(type(error).__name__)
"""


def test_meta_1_where_no_sandbox_can_be_made_nothing_runs(tmp_path: Path) -> None:
    # A sandbox is such a place: namespaces cannot be made in it.
    source = Path(__file__).parent.parent.parent
    packages = [Path(entry) for entry in sys.path if entry.endswith("site-packages")]
    root = Root(source, source, readonly=(*TOOLS, *packages))
    code = f"import sys; sys.path[:0] = {[str(source), *map(str, packages)]}\n{REFUSE}"
    with LocalDriver(tmp_path / "scratch").open(root) as sandbox:
        completed = sandbox.run(Command((sys.executable, "-I", "-c", code)))
    assert completed.stdout.decode().split() == ["False", "SandboxUnavailable"], completed.stderr
    bare = subprocess.run(
        [sys.executable, "-c", REFUSE.replace("/tmp", str(tmp_path))], cwd=source, capture_output=True
    )
    assert bare.stdout.startswith(b"True\nCompleted"), bare.stderr
