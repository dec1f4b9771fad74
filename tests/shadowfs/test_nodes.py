from __future__ import annotations

from shadowfs.nodes import Node, Nodes


def make(ino: int, mode: int = 0o100644) -> Node:
    node = Node(ino, mode, 0, 0, 0)
    if node.is_directory:
        node.kids = {}
    return node


def test_a_lower_files_number_is_kept_where_it_is_free() -> None:
    nodes = Nodes()
    assert nodes.number(77) == 77
    nodes.by_ino[77] = make(77)
    ours = {nodes.number(77), nodes.number(1), nodes.number(0), nodes.number(1 << 60)}
    assert len(ours) == 4 and min(ours) > 1 << 44


def test_a_file_with_two_names_goes_with_the_second() -> None:
    one, other, file = make(2, 0o040755), make(3, 0o040755), make(4)
    file.attach(one, b"a")
    file.attach(other, b"b")
    file.detach(one, b"a")
    assert list(file.directories()) == [other]
    file.detach(other, b"b")
    assert list(file.directories()) == []


def test_touching_reaches_every_directory_above_every_name() -> None:
    root, left, right, file = (make(ino, 0o040755) for ino in (1, 2, 3, 4))
    left.attach(root, b"left")
    right.attach(root, b"right")
    file = make(5)
    file.attach(left, b"f")
    file.attach(right, b"g")
    file.touch()
    assert left.touched and right.touched and root.touched


def test_lookups_are_counted_from_zero_after_a_fork() -> None:
    nodes = Nodes()
    node = make(9)
    nodes.by_ino[9] = node
    nodes.looked_up(node)
    nodes.looked_up(node)
    assert not nodes.forget(node, 1)
    nodes.fork()
    assert not nodes.held(node)
    nodes.looked_up(node)
    assert nodes.held(node)
    assert nodes.forget(node, 1)


def test_a_fork_drops_what_only_the_other_sides_kernel_held() -> None:
    nodes = Nodes()
    orphan = make(9)
    nodes.by_ino[9] = orphan
    nodes.orphans.add(orphan)
    orphan.opens = 1
    nodes.open.add(orphan)
    assert nodes.fork() == [orphan]
    assert 9 not in nodes.by_ino and not nodes.open


def test_a_hidden_name_is_not_looked_for_below() -> None:
    pinned, live = make(2, 0o040755), make(3, 0o040755)
    pinned.pin = b"src"
    pinned.roots = frozenset({b"build"})
    live.live = b"src/build"
    assert pinned.lower(b"build") == b"src/build"
    assert pinned.lower(b"other") is None
    assert live.lower(b"x") == b"src/build/x"
    pinned.hide(b"build")
    live.hide(b"x")
    assert pinned.lower(b"build") is None and live.lower(b"x") is None
