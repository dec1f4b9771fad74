"""The pin table, saved, loaded and laid over."""

from __future__ import annotations

import marshal
from pathlib import Path

import pytest

from shadowfs import Change, Entry, FileChange, PinnedFile, PinTable
from shadowfs.pintable import by_directory

PLAIN = 0o100644


class Contents:
    """Blobs whose id is their content."""

    def read(self, blob: str) -> bytes:
        return blob.encode()


def row(name: str) -> PinnedFile:
    return PinnedFile(PLAIN, name, len(name), 10, 20, 30, 40, True, False)


@pytest.fixture
def table() -> PinTable:
    files = {b"top": row("t"), b"d/e/leaf": row("l"), b"d/other": row("o"), b"lone/file": row("f")}
    return PinTable(by_directory({path: file.row() for path, file in files.items()}), (b"venv",), b"/r", ("*.x",))


def test_it_is_loaded_as_it_was_saved(table: PinTable, tmp_path: Path) -> None:
    table.save(tmp_path / "table")
    assert PinTable.load(tmp_path / "table") == table
    assert [path.name for path in tmp_path.iterdir()] == ["table"]


def test_another_versions_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "table").write_bytes(marshal.dumps((0, {})))
    with pytest.raises(ValueError, match="pin the repository again"):
        PinTable.load(tmp_path / "table")


def test_files_are_found_by_path(table: PinTable) -> None:
    assert table.get(b"d/e/leaf") == row("l")
    assert table.get(b"d/e") is None
    assert table.get(b"nowhere/x") is None
    assert {path for path, _ in table} == {b"top", b"d/e/leaf", b"d/other", b"lone/file"}
    assert len(table) == 4
    assert set(table.directories) == {b"", b"d", b"d/e", b"lone"}
    assert row("l").entry == Entry(PLAIN, "l")


def test_a_change_laid_over_it_comes_from_blobs_and_is_young(table: PinTable) -> None:
    files = (
        FileChange("d/e/leaf", Entry(PLAIN, "l"), None),
        FileChange("lone/file", Entry(PLAIN, "f"), Entry(0o100755, "longer")),
        FileChange("n/m/new", None, Entry(PLAIN, "new")),
    )
    over = table.overlay(Change("b", "t", files, Contents()), now_ns=99)
    assert over.get(b"d/e/leaf") is None
    assert over.get(b"lone/file") == PinnedFile(0o100755, "longer", 6, 99, 99, 0, 0, False, False)
    assert over.get(b"n/m/new") == PinnedFile(PLAIN, "new", 3, 99, 99, 0, 0, False, False)
    assert over.get(b"top") == row("t")
    assert set(over.directories) == {b"", b"d", b"lone", b"n", b"n/m"}
    assert (over.ignored, over.repository, over.secrets) == (table.ignored, table.repository, table.secrets)
    assert table.get(b"d/e/leaf") == row("l")


def test_what_is_absent_stays_absent_under_a_change(table: PinTable) -> None:
    files = (FileChange("config/.env", None, Entry(PLAIN, "secret")), FileChange("a.x", None, Entry(PLAIN, "secret")))
    over = table.overlay(Change("b", "t", files, Contents()), now_ns=99)
    hidden, configured = over.get(b"config/.env"), over.get(b"a.x")
    assert hidden is not None and hidden.absent
    assert configured is not None and configured.absent
