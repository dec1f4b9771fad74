"""Git is asked about an index once, and again when it is another."""

from __future__ import annotations

from pathlib import Path

from shadowfs.told import told


def test_the_same_index_is_asked_about_once(tmp_path: Path) -> None:
    asked: list[bytes] = []

    def ask() -> bytes:
        asked.append(b"line\nof %d\n\0" % len(asked))
        return asked[-1]

    first = told(tmp_path, "entries", "one", ask)
    assert told(tmp_path, "entries", "one", ask) == first == b"line\nof 0\n\0"
    assert told(tmp_path, "tree", "one", ask) == b"line\nof 1\n\0"
    assert told(tmp_path, "entries", "another", ask) == b"line\nof 2\n\0"
    assert told(tmp_path, "entries", "one", ask) == b"line\nof 3\n\0"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["told-entries", "told-tree"]
