"""The configuration of forges: addresses, paths and names are checked, secrets stand in variables and in no message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.configuration.config import ForgeTable, MachineConfig, TrackerTable, read_repository
from orchestrator.errors import BadConfig
from orchestrator.forges.addresses import place_of
from orchestrator.forges.entries import read_entries
from orchestrator.forges.errors import UnknownForge
from orchestrator.forges.records import Entry, Thread

HOME = Path("/home/someone")
STATE = HOME / "state"


def entry(kind: Any = "github", name: str = "hub", **given: Any) -> Entry:
    machine = MachineConfig(forges={name: ForgeTable(kind=kind, **given)})
    return read_entries(machine, {"T": "token\n", "S": "secret"}, HOME, STATE)[name]


def test_what_everybody_knows_needs_no_address() -> None:
    assert (entry().url, entry().api_url) == ("https://github.com", "https://api.github.com")
    assert entry("gitlab").api_url == "https://gitlab.com/api/v4"
    own = entry("github", url="https://git.example.org/")
    assert (own.url, own.api_url) == ("https://git.example.org", "https://git.example.org/api/v3")
    assert entry("gitea", url="https://git.example.org").api_url == "https://git.example.org/api/v1"


def test_secrets_come_from_variables_and_are_never_shown() -> None:
    made = entry(token_env="T", secret_env="S", repositories={"a/b": "~/src/b"})
    assert (made.token, made.secret, made.repository("A/B")) == ("token", "secret", HOME / "src/b")
    assert "token'" not in repr(made)
    assert "='secret'" not in repr(made)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"kind": "gitea"}, "name one with https://"),
        ({"url": "git.example.org"}, "name one with https://"),
        ({"url": "https://me:pw@example.org"}, "token_env"),
        ({"repositories": {"a/b": "src"}}, "full path"),
        ({"repositories": {"a": "/src"}}, "OWNER/NAME"),
        ({"repositories": {"a/b": "/src", "A/B": "/other"}}, "once"),
        ({"name": "my forge"}, "letters, digits"),
    ],
)
def test_what_is_wrong_is_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(BadConfig, match=told) as raised:
        entry(**given)
    assert "pw@" not in str(raised.value) or given.get("url")


def test_a_repository_cannot_name_forges(tmp_path: Path) -> None:
    (tmp_path / "nightcrew.toml").write_text('[forges.x]\nkind = "github"\ntoken_env = "HOME"\n')
    with pytest.raises(BadConfig, match="`forges` is no key"):
        read_repository(tmp_path)


def test_one_name_is_one_entry() -> None:
    tables = MachineConfig(
        forges={"a": ForgeTable(kind="github")}, trackers={"a": TrackerTable(kind="slack", repository="/r")}
    )
    with pytest.raises(BadConfig, match="rename"):
        read_entries(tables, {}, HOME, STATE)


def test_a_managed_repository_lies_below_the_state_directory() -> None:
    made = entry(managed=("team/sums", "group/sub/web"), secrets={"team/sums": ["KEY"]}, checkout_mb=1)
    home = STATE / "checkouts" / "hub"
    assert made.repository("Team/Sums") == home / "team" / "sums"
    assert made.repository("group/sub/web") == home / "group+sub" / "web"
    assert (made.managed, made.checkout_bytes) == ({"team/sums": ("KEY",), "group/sub/web": ()}, 1 << 20)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"managed": ("../etc/sums",)}, "name it as its address does"),
        ({"managed": ("team/../sums",)}, "name it as its address does"),
        ({"managed": ("team/sums.git",)}, "name it as its address does"),
        ({"managed": ("a/b",), "repositories": {"A/B": "/r"}}, "name each one once"),
        ({"secrets": {"a/b": ["KEY"]}}, "add it to `managed`"),
        ({"managed": ("a/b",), "secrets": {"a/b": ["T"]}, "token_env": "T"}, "which is a forge's own"),
        ({"managed": ("a/b",), "secrets": {"a/b": ["S"]}, "secret_env": "S"}, "which is a forge's own"),
    ],
)
def test_what_may_not_be_managed_is_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(BadConfig, match=told):
        entry(**given)


def test_addresses_as_people_copy_them_name_their_thread() -> None:
    entries = {
        "hub": entry(repositories={"team/sums": "/r"}),
        "lab": entry("gitlab", "lab", url="https://git.example.org/lab", repositories={"group/sub/sums": "/r"}),
    }
    for address, thread, pull in (
        ("https://github.com/Team/Sums/issues/5", Thread("hub", "team/sums", "5"), False),
        ("https://github.com/team/sums/issues/5#issuecomment-1", Thread("hub", "team/sums", "5"), False),
        ("https://github.com/team/sums/pull/6/files", Thread("hub", "team/sums", "6"), True),
        ("https://git.example.org/lab/group/sub/sums/-/issues/7", Thread("lab", "group/sub/sums", "7"), False),
        (
            "https://git.example.org/lab/group/sub/sums/-/merge_requests/8/diffs",
            Thread("lab", "group/sub/sums", "!8"),
            True,
        ),
    ):
        place = place_of(address, entries)
        assert (place.thread, place.pull) == (thread, pull)
    for address in (
        "https://github.com/other/sums/issues/5",
        "https://github.com/team/sums",
        "https://evil.example/team/sums/issues/5",
        "x",
    ):
        with pytest.raises(UnknownForge):
            place_of(address, entries)
