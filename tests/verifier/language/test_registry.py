"""Which servers are found, where, and which of them are asked."""

from __future__ import annotations

from pathlib import Path

from verifier import SERVERS, ServerPlaces, Tier, chosen_servers, find_servers, known_servers, language_of


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def names(places: ServerPlaces, language: str, tier: Tier) -> list[str]:
    return [found.server.name for found in chosen_servers(find_servers(places), language, tier)]


def test_the_projects_own_comes_before_the_repositorys_and_that_before_the_machines(tmp_path: Path) -> None:
    machine = put(tmp_path / "machine" / "ruff")
    places = ServerPlaces(
        tmp_path / "repo", f"relative:{tmp_path / 'machine'}", str(tmp_path / "env" / "bin" / "python")
    )
    assert [found.program for found in find_servers(places)] == [str(machine)]
    repositorys = put(tmp_path / "repo" / ".venv" / "bin" / "ruff")
    assert [found.program for found in find_servers(places)] == [str(repositorys)]
    projects = put(tmp_path / "env" / "bin" / "ruff")
    assert [found.program for found in find_servers(places)] == [str(projects)]


def test_what_cannot_be_executed_and_what_is_off_is_not_found(tmp_path: Path) -> None:
    put(tmp_path / "ruff").chmod(0o644)
    put(tmp_path / "ty")
    places = ServerPlaces(tmp_path / "repo", str(tmp_path))
    assert [found.server.name for found in find_servers(places)] == ["ty"]
    assert not find_servers(places, known_servers(off=("ty",)))


def test_rustups_stand_in_for_a_server_that_no_toolchain_has_is_not_one(tmp_path: Path) -> None:
    rustup = put(tmp_path / ".cargo" / "bin" / "rustup")
    (rustup.parent / "rust-analyzer").symlink_to("rustup")
    places = ServerPlaces(tmp_path / "repo", str(rustup.parent))
    assert not find_servers(places)
    put(tmp_path / ".rustup" / "toolchains" / "stable" / "bin" / "rust-analyzer")
    assert [found.program for found in find_servers(places)] == [str(rustup.parent / "rust-analyzer")]


def test_of_those_that_say_the_same_the_first_is_asked(tmp_path: Path) -> None:
    places = ServerPlaces(tmp_path / "repo", str(tmp_path))
    for name in ("ruff", "zuban", "basedpyright-langserver"):
        put(tmp_path / name)
    assert names(places, "python", Tier.FAST) == ["ruff", "zuban"]
    assert names(places, "python", Tier.THOROUGH) == ["ruff", "basedpyright"]
    for name in ("ty", "pyrefly", "clangd"):
        put(tmp_path / name)
    assert names(places, "python", Tier.FAST) == ["ruff", "ty"]
    assert names(places, "python", Tier.THOROUGH) == ["ruff", "pyrefly"]
    assert names(places, "cpp", Tier.FAST) == ["clangd"]
    assert names(places, "rust", Tier.FAST) == []


def test_the_users_settings_lie_over_ours(tmp_path: Path) -> None:
    put(tmp_path / "pyrefly")
    python = str(tmp_path / "env" / "bin" / "python")
    places = ServerPlaces(tmp_path / "repo", str(tmp_path), python)
    (ours,) = find_servers(places)
    assert ours.setting("python.pyrefly.displayTypeErrors") == "force-on"
    assert ours.setting("python") == {"pyrefly": {"displayTypeErrors": "force-on"}, "pythonPath": python}
    (theirs,) = find_servers(
        places, known_servers((), {"pyrefly": {"python": {"pyrefly": {"displayTypeErrors": "default"}}}})
    )
    assert theirs.setting("python.pyrefly.displayTypeErrors") == "default"
    assert theirs.setting("nothing.of.this") is None
    assert "VIRTUAL_ENV" not in theirs.command().environment
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "pyvenv.cfg").touch()
    (again,) = find_servers(places)
    assert again.command().environment["VIRTUAL_ENV"] == str(tmp_path / "env")


def test_every_server_says_how_it_is_got_and_speaks_a_language_files_have() -> None:
    languages = {
        language_of(name) for name in ("a.py", "a.ts", "a.tsx", "a.js", "a.jsx", "a.c", "a.cc", "a.go", "a.rs")
    }
    assert languages == {language for server in SERVERS for language in server.languages}
    assert all(server.get for server in SERVERS)
    assert language_of("Makefile") is None
    assert language_of("some.dir/py") is None
