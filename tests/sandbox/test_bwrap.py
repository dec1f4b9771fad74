"""The plan of bubblewrap's arguments, from made-up machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import Policy, Root, SandboxError
from sandbox.bwrap import Machine, Places, first_steps, plan

PLACES = Places(Path("/s/tmp"), Path("/s/empty"), Path("/s/files"), Path("/s/passwd"), Path("/s/group"))
MACHINE = Machine(
    visible=(Path("/bin"), Path("/etc"), Path("/opt"), Path("/usr")),
    links={Path("/bin"): "usr/bin", Path("/home/u/.local/bin/python3"): "../share/python3"},
    directories=frozenset({Path("/etc/ssl/private"), Path("/opt/state")}),
    hidden=(Path("/etc/shadow"), Path("/etc/ssl/private"), Path("/opt/state")),
    proc_read_only=(Path("/proc/sys"),),
    proc_empty=(Path("/proc/keys"),),
)


def planned(root: Root, policy: Policy = Policy()) -> str:
    return " " + " ".join(plan(MACHINE, root, policy, PLACES, 1000, 1000)) + " "


def test_nothing_but_what_is_named_is_mounted() -> None:
    said = planned(Root(Path("/shadow"), Path("/home/u/repo")))
    assert " --bind /shadow /home/u/repo " in said
    assert " --ro-bind /usr /usr " in said
    assert " --symlink usr/bin /bin " in said
    assert "--ro-bind / /" not in said
    assert "--share-net" not in said
    assert said.endswith(" --remount-ro / ")


def test_isolation_comes_with_every_plan() -> None:
    said = planned(Root(Path("/shadow"), Path("/repo")), Policy(network=True))
    for words in (
        "--unshare-all",
        "--unshare-user",
        "--disable-userns",
        "--cap-drop ALL",
        "--die-with-parent",
        "--new-session",
    ):
        assert f" {words} " in said
    assert " --share-net " in said


def test_secrets_are_covered_after_what_holds_them_is_mounted() -> None:
    said = planned(Root(Path("/shadow"), Path("/repo")))
    assert said.index("--ro-bind /etc /etc") < said.index("--ro-bind /dev/null /etc/shadow")
    assert " --ro-bind /s/empty /etc/ssl/private " in said
    assert said.index("--proc /proc") < said.index("--ro-bind /proc/sys /proc/sys") < said.index("--remount-ro / ")


def test_a_hidden_directory_lets_what_is_asked_for_through() -> None:
    root = Root(
        Path("/shadow"), Path("/repo"), readonly=(Path("/opt/state/objects"),), writable=(Path("/opt/state/git"),)
    )
    said = planned(root)
    cover = said.index("--tmpfs /opt/state")
    assert cover < said.index("--ro-bind /opt/state/objects") < said.index("--remount-ro /opt/state")
    assert cover < said.index("--bind /opt/state/git")


def test_a_toolchain_in_sight_is_not_mounted_again_and_a_link_stays_a_link() -> None:
    tools = (Path("/usr/lib/python3"), Path("/home/u/.local/bin/python3"), Path("/home/u/.pyenv"))
    said = planned(Root(Path("/shadow"), Path("/repo"), readonly=tools))
    assert "/usr/lib/python3" not in said
    assert " --symlink ../share/python3 /home/u/.local/bin/python3 " in said
    assert " --ro-bind /home/u/.pyenv /home/u/.pyenv " in said


def test_the_way_to_a_tree_below_tmp_is_out_of_the_commands_hands() -> None:
    root = Root(Path("/shadow"), Path("/tmp/a/b/repo"))
    said = planned(root)
    assert said.index("--bind /s/tmp /tmp") < said.index("--tmpfs /tmp/a") < said.index("--bind /shadow /tmp/a/b/repo")
    assert " --remount-ro /tmp/a " in said
    assert first_steps(root) == ["a"]


def test_a_path_of_the_tree_is_shown_by_the_tree() -> None:
    said = planned(Root(Path("/shadow"), Path("/repo"), readonly=(Path("/repo/.venv"),)))
    assert ".venv" not in said


@pytest.mark.parametrize("inside", [Path("/repo/git"), Path("/git/deeper")])
def test_no_mount_lies_where_commands_can_write(inside: Path) -> None:
    with pytest.raises(SandboxError, match=str(inside)):
        planned(Root(Path("/shadow"), Path("/repo"), writable=(Path("/git"), inside)))
