from __future__ import annotations

import pytest

from shadowfs.names import is_git


@pytest.mark.parametrize(
    "name",
    [
        b".git",
        b".GIT",
        b".Git",
        b".git.",
        b".git ",
        b".git. .",
        b"git~1",
        b"GIT~2",
        b".git::$INDEX_ALLOCATION",
        b".git:stream",
        b"x\\.git",
        ".g\u200cit".encode(),
        "\ufeff.git".encode(),
        ".gi\u206at".encode(),
    ],
)
def test_what_some_file_system_takes_for_git_is_git(name: bytes) -> None:
    assert is_git(name)


@pytest.mark.parametrize(
    "name",
    [
        b".gitignore",
        b".gitattributes",
        b"git",
        b".github",
        b"x.git",
        b"git~",
        b".gitx",
        "\u00e9.git".encode(),
        b"\xff.git",
    ],
)
def test_other_names_are_not(name: bytes) -> None:
    assert not is_git(name)
