"""Toolchains under home: what an interpreter and the tools on PATH need, and nothing else of home."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from sandbox import Command, LocalDriver, Root, Toolchain, toolchain_paths
from tests.sandbox.cases import needs_local


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for secret in (".ssh", ".cargo", "documents"):
        (tmp_path / "home" / secret).mkdir(parents=True)
    (tmp_path / "home" / ".cargo" / "credentials.toml").write_text("token")
    return tmp_path / "home"


def installed(prefix: Path, name: str = "python3.11") -> Path:
    (prefix / "bin").mkdir(parents=True, exist_ok=True)
    (prefix / "bin" / name).write_text("#!/bin/sh\n")
    return prefix / "bin" / name


def environment(prefix: Path, base: Path) -> Path:
    (prefix / "bin").mkdir(parents=True)
    (prefix / "pyvenv.cfg").write_text(f"home = {base.parent}\ninclude-system-site-packages = false\n")
    (prefix / "bin" / "python").symlink_to(base)
    return prefix / "bin" / "python"


def of_home(found: Toolchain, home: Path) -> set[Path]:
    return {path for path in found if path.is_relative_to(home)}


def test_an_environment_in_a_place_that_sandboxes_leave_out_is_shown(home: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        python = environment(Path(folder) / "env", Path("/usr/bin/python3"))
        assert toolchain_paths(python, home, {}).readonly == (python.parent.parent,)


def test_an_environment_outside_home_needs_its_base_interpreter(home: Path, tmp_path: Path) -> None:
    base = installed(home / ".pyenv" / "versions" / "3.11.7")
    python = environment(tmp_path / "repo" / ".venv", base)
    found = toolchain_paths(python, home, {})
    assert of_home(found, home) == {home / ".pyenv" / "versions" / "3.11.7"}
    assert found.path == (python.parent,)
    assert list(found) == list(found.readonly)


def test_a_directory_of_an_environment_does_as_well_as_its_interpreter(home: Path, tmp_path: Path) -> None:
    base = installed(home / ".pyenv" / "versions" / "3.11.7")
    python = environment(tmp_path / "repo" / ".venv", base)
    assert toolchain_paths(python.parent.parent, home, {}) == toolchain_paths(python, home, {})


def test_every_link_on_the_way_to_an_interpreter_is_shown(home: Path, tmp_path: Path) -> None:
    store = home / ".local" / "share" / "uv" / "python"
    installed(store / "cpython-3.11.7-linux")
    (store / "cpython-3.11-linux").symlink_to("cpython-3.11.7-linux")
    (home / ".local" / "bin").mkdir()
    (home / ".local" / "bin" / "python3.11").symlink_to(store / "cpython-3.11-linux" / "bin" / "python3.11")
    python = environment(tmp_path / "repo" / ".venv", home / ".local" / "bin" / "python3.11")
    assert of_home(toolchain_paths(python, home, {}), home) == {
        home / ".local" / "bin" / "python3.11",
        store / "cpython-3.11-linux",
        store / "cpython-3.11.7-linux",
    }


def test_an_environment_under_home_is_shown_itself(home: Path) -> None:
    python = environment(home / ".virtualenvs" / "project", Path("/usr/bin/python3"))
    assert toolchain_paths(python, home, {}).readonly == (home / ".virtualenvs" / "project",)


def test_a_script_in_a_shared_directory_does_not_show_the_directory(home: Path) -> None:
    (home / ".local" / "bin").mkdir(parents=True)
    python = installed(home / ".local")
    assert toolchain_paths(python, home, {}).readonly == (python,)
    own = installed(home)
    assert toolchain_paths(own, home, {}).readonly == (own,)


def test_tools_on_path_are_shown_without_their_credentials(home: Path) -> None:
    for directory in (".cargo/bin", ".cargo/registry", ".rustup/toolchains/stable", ".nvm/versions/node/v20/bin"):
        (home / directory).mkdir(parents=True)
    entries = [home / ".cargo" / "bin", home / ".nvm" / "versions" / "node" / "v20" / "bin", home / "documents"]
    found = toolchain_paths(None, home, {"PATH": ":".join(["/usr/bin", *map(str, entries)])})
    assert set(found.readonly) == {
        home / ".cargo" / "bin",
        home / ".cargo" / "registry",
        home / ".rustup" / "toolchains",
        home / ".nvm" / "versions",
    }
    assert found.path == tuple(entries[:2])
    assert found.environment["PATH"].startswith(f"{entries[0]}:{entries[1]}:/usr/local/sbin:")
    assert found.environment["CARGO_HOME"] == str(home / ".cargo")
    assert found.environment["RUSTUP_HOME"] == str(home / ".rustup")


@pytest.mark.parametrize("aim", [".", ".."])
def test_a_variable_cannot_show_all_of_home(home: Path, aim: str) -> None:
    environ = {"CARGO_HOME": str((home / aim).resolve()), "PATH": str(home / "documents")}
    assert toolchain_paths(None, home, environ).readonly == ()


def test_nothing_is_found_where_nothing_is_used(home: Path) -> None:
    found = toolchain_paths(None, home, {"PATH": "/usr/bin"})
    assert (found.readonly, found.path) == ((), ())


def test_a_ring_of_links_ends(home: Path) -> None:
    (home / "one").symlink_to("two")
    (home / "two").symlink_to("one")
    assert toolchain_paths(home / "one" / "bin" / "python", home, {}).path


@needs_local
def test_a_program_in_home_runs_inside_and_the_rest_of_home_is_not_there(home: Path, tmp_path: Path) -> None:
    base = installed(home / ".pyenv" / "versions" / "3.11.7")
    base.chmod(0o755)
    base.write_text(f"#!/bin/sh\nls -A {home}\n")
    python = environment(tmp_path / "repo" / ".venv", base)
    found = toolchain_paths(python, home, {})
    repo = tmp_path / "repo"
    with LocalDriver(tmp_path / "scratch").open(Root(repo, repo, readonly=found.readonly)) as sandbox:
        assert sandbox.run(Command((str(python),))).stdout == b".pyenv\n"
