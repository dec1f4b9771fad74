"""Several Docker hosts: which one a sandbox is opened at, what becomes of one that is away, and what is left there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sandbox import (
    Address,
    Command,
    DockerDriver,
    DockerHost,
    DockerHosts,
    HostsAway,
    Policy,
    Root,
    SandboxUnavailable,
    sweep,
)
from tests.sandbox.between import Between
from tests.sandbox.cases import tree
from tests.sandbox.dockerimage import OWN_ENGINE, containers, engine, remove_volumes, the_image

__all__ = ["tree"]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Close what a test opens."""
    with ExitStack() as stack:
        yield stack


def own(name: str, sandboxes: int | None = None) -> DockerHost:
    """Return this machine's engine, as a host."""
    return DockerHost(name, Address(OWN_ENGINE), sandboxes)


def test_sandboxes_are_spread_and_hosts_fill_up(tree: Path, tmp_path: Path, opened: ExitStack) -> None:
    between, clock, image = Between(tmp_path / "one.sock"), Clock(), Policy(image=the_image())
    opened.callback(between.go)
    hosts = DockerHosts([DockerHost("one", Address(between.address), 1), own("two", 1)], tmp_path / "scratch", clock)
    assert not hosts.full()
    first, second = (opened.enter_context(hosts.open(Root(tree, tree), image)) for _ in range(2))
    assert [each.host for each in (first, second)] == ["one", "two"]
    assert second.run(Command(("cat", "file"))).stdout == b"content\n"
    assert not hosts.full()
    clock.now += 10
    assert hosts.full()
    with pytest.raises(HostsAway, match="as many sandboxes as they may"):
        DockerHosts([own("two", 1)], tmp_path / "scratch").open(Root(tree, tree), image)
    # Who has some of them may be waiting for himself.
    with hosts.open(Root(tree, tree), image) as third:
        assert third.host == "one"
    second.close()
    clock.now += 10
    assert not hosts.full()
    assert [(each.ours, each.most) for each in hosts.look()] == [(1, 1), (0, 1)]


def test_an_image_is_where_it_is_looked_for_and_other_machines_sandboxes_count(
    tree: Path, tmp_path: Path, opened: ExitStack
) -> None:
    labels = {"nightcrew.owner": "1-1-m00000000", "nightcrew.scratch": "/elsewhere/sandbox-1-1-m00000000-x"}
    with engine() as client:
        theirs = client.create_container(the_image(), ["true"], labels=labels)["Id"]
        opened.callback(lambda: client.remove_container(theirs))
        hosts = DockerHosts([own("home")], tmp_path / "scratch")
        (told,) = hosts.look(the_image())
        with pytest.raises(SandboxUnavailable, match="there is no image 'no-such-image:1'"):
            hosts.open(Root(tree, tree), Policy(image="no-such-image:1"))
    assert (told.others, told.ours, told.has_image, told.processors) == (1, 0, True, os.cpu_count())
    assert 1 <= told.most <= told.processors
    assert not hosts.look("no-such-image:1")[0].has_image
    assert not list((tmp_path / "scratch").iterdir())


def test_a_host_that_is_away_is_left_out_for_longer_and_longer(tree: Path, tmp_path: Path) -> None:
    clock, image, socket = Clock(), Policy(image=the_image()), tmp_path / "away.sock"
    away = DockerHost("away", Address(f"unix://{socket}"), 9)
    hosts = DockerHosts([away, own("home")], tmp_path / "scratch", clock)
    with hosts.open(Root(tree, tree), image) as sandbox:
        assert sandbox.host == "home"
    assert "no Docker engine answers" in hosts.look()[0].away
    between = Between(socket)
    try:
        assert hosts.look()[0].away
        clock.now += 6
        assert not hosts.look()[0].away
    finally:
        between.go()
    for pause_s in (6, 11, 21):
        assert hosts.look()[0].away
        assert hosts._absences["away"].until - clock.now == pytest.approx(pause_s - 1)
        clock.now += pause_s
    alone = DockerHosts([away], tmp_path / "scratch", clock)
    assert "away: could not reach the engine" in alone.probe().why
    assert alone.full()
    with pytest.raises(SandboxUnavailable, match=r"no Docker host of config.toml can be used: away: "):
        alone.open(Root(tree, tree), image)


def test_what_could_not_be_removed_is_swept_once_its_host_is_back(
    tree: Path, tmp_path: Path, opened: ExitStack
) -> None:
    scratch = tmp_path / "scratch"
    opened.callback(remove_volumes, tmp_path)
    between = Between(tmp_path / "far.sock")
    sandbox = DockerDriver(the_image(), scratch, between.address, remote=True).open(Root(tree, tree))
    between.go()
    sandbox.close()
    (left,) = scratch.iterdir()
    assert sweep(scratch) == []
    # Not asked again at once: from a machine that is switched off no answer comes for long.
    back = Between(tmp_path / "far.sock")
    opened.callback(back.go)
    assert sweep(scratch) == []
    os.utime(left / "tried", (0, 0))
    assert sweep(scratch) == [left.name]
    assert containers(tmp_path) == {}
    with engine() as client:
        kept = client.volumes(filters={"label": [f"nightcrew.scratch={left}"]})["Volumes"]
    assert not kept
