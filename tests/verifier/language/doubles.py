"""Sessions with the test double and with real servers, in real sandboxes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox import Limits, LocalDriver, Root, Sandbox
from verifier import Found, LanguageSession, Says, Server, Tier, start_language_server

PROGRAM = Path(__file__).with_name("bad_server.py")
SETTINGS = {"double": {"answer": 42}}


def double(mode: str) -> Found:
    """Return the test double as a server that was found."""
    server = Server(
        name=mode,
        program="bad_server.py",
        arguments=("-I", str(PROGRAM), mode),
        languages=frozenset({"python"}),
        says=Says.LINT,
        tiers=frozenset(Tier),
        runs_code=False,
        settings=SETTINGS,
        settle_s=0.1,
        memory_bytes=1 << 30,
    )
    return Found(server, "/usr/bin/python3")


@contextmanager
def sandboxed(tree: Path, *shown: Path) -> Iterator[Sandbox]:
    """Open a sandbox on a tree, in which the double and this interpreter's environment can be seen."""
    driver = LocalDriver(tree.parent / "scratch")
    readiness = driver.probe()
    if not readiness.works:
        pytest.skip(readiness.why)
    readonly = tuple(dict.fromkeys((PROGRAM, Path(sys.base_prefix), Path(sys.prefix), *shown)))
    with driver.open(Root(tree, tree, readonly=readonly)) as sandbox:
        yield sandbox


def session(
    sandbox: Sandbox, found: Found, start_s: float = 30.0, poll: Callable[[], None] = lambda: None
) -> LanguageSession:
    """Start a server in a sandbox whose tree the host sees at the same path."""
    limits = Limits(wall_s=120.0, memory_bytes=found.server.memory_bytes, file_bytes=None)
    return start_language_server(sandbox, found, reader(sandbox.root), limits=limits, start_s=start_s, poll=poll)


def reader(tree: Path) -> Callable[[str], bytes]:
    """Return what reads the files of a tree."""
    return lambda path: (tree / path).read_bytes()


def written(tree: Path, files: Mapping[str, str]) -> Path:
    """Write files below a directory, and return it."""
    tree.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return tree
