"""What a path says of a file: its language, and whether it is a test, prose, somebody else's, made by a machine."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from pathlib import PurePosixPath

from agents.grammars import SUFFIXES
from shadowfs import RepoPath

_CODE = """
rb php cs kt kts swift scala sh bash pl lua ex exs erl hs ml clj jl r m mm dart zig vue svelte sql html css scss proto tex sty cls jinja j2
"""
_LANGUAGES = {
    "python": ("py", "pyi", "pyx", "pxd"),
    **SUFFIXES,
    # Cut at blank lines.
    "code": tuple(_CODE.split()),
    "prose": ("md", "rst", "txt", "adoc"),
    "data": ("json", "yaml", "yml", "toml", "ini", "cfg", "xml", "in"),
}
_LANGUAGE = {ending: language for language, endings in _LANGUAGES.items() for ending in endings}
_TEST_FOLDER = re.compile(r"(?:^|/)(?:tests?|testing|specs?|__tests__|testdata|fixtures|e2e|t)/", re.IGNORECASE)
_TEST_NAME = re.compile(r"^(?:test_.*|.*_tests?|.*[.-](?:test|spec|cy)|conftest|tests?|.*Tests?)$")
_OTHERS = re.compile(
    r"(?:^|/)(?:_?vendor(?:ed)?|third[_-]?party|node_modules|(?:site|dist)-packages|extern(?:als?)?|bower_components|dist|\.git)/"
)
_SIDE = re.compile(
    r"(?:^|/)(?:docs?|examples?|samples?|demos?|bench(?:marks?)?|tools?|scripts?|ci|\.github|changelog|news|CHANGES)/",
    re.IGNORECASE,
)


class Role(Enum):
    """What a file is for, as far as its path tells."""

    SOURCE = "source"
    TEST = "a test"
    SIDE = "beside the source: documentation, an example, a tool"
    PROSE = "prose or data"
    FOREIGN = "somebody else's or generated"


@lru_cache(maxsize=1 << 17)
def role(path: RepoPath) -> Role:
    """Return what a file is for."""
    name = PurePosixPath(path).name
    if _OTHERS.search(path) or ".min." in name:
        return Role.FOREIGN
    if (
        _TEST_FOLDER.search(path)
        or _TEST_NAME.match(name.partition(".")[0])
        or _TEST_NAME.match(name.rpartition(".")[0])
    ):
        return Role.TEST
    if language(path) in ("prose", "data", None):
        return Role.PROSE
    return Role.SIDE if _SIDE.search(path) else Role.SOURCE


@lru_cache(maxsize=1 << 17)
def language(path: RepoPath) -> str | None:
    """Return the language a file is cut in, None where its name says that it holds no text worth a search."""
    return _LANGUAGE.get(path.rpartition("/")[2].rpartition(".")[2].lower())


def is_code(path: RepoPath) -> bool:
    """Say whether a file is written in a programming language, as far as its name tells."""
    return language(path) not in ("prose", "data", None)
