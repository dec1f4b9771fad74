"""A repository in several languages, each with a use and a definition, and shadows of it with the real servers of this machine."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.places.place import Place, Places
from orchestrator.settings import Settings
from sandbox import LocalDriver
from shadowfs import FuseDriver, Snapshot, pin
from tests.e2e.library import commit_all
from tests.verifier.language.doubles import written
from tests.verifier.language.rust import rust_analyzer
from verifier import Found, LanguageSession, Position, ServerPlaces, find_servers, start_language_server

ROOT = Path(__file__).parent.parent.parent.parent
NODE = ROOT / ".cache" / "typescript"
RUST = ROOT / ".cache" / "rust"
PACKAGES = ("typescript-language-server@5", "typescript@5")


@dataclass(frozen=True, slots=True)
class Sample:
    """What a server is proved with: a file, a text in it and the one that seeds an error there, where `f` is used and defined."""

    path: str
    right: str
    wrong: str
    use: Position
    defined: tuple[str, int]


FILES = {
    ".gitignore": "node_modules\n",
    "py/a.py": "def f(x: int) -> int:\n    return x\n",
    "py/b.py": "from py.a import f\n\n\ndef g() -> int:\n    return f(1)\n",
    "ts/tsconfig.json": '{"compilerOptions": {"strict": true}, "include": ["*.ts"]}\n',
    "ts/a.ts": "export function f(x: number): number {\n    return x;\n}\n",
    "ts/b.ts": "import { f } from './a';\n\nexport function g(): number {\n    return f(1);\n}\n",
    "js/a.js": "function f(x) {\n    return x;\n}\n\nfunction g() {\n    return f(1);\n}\n",
    "cpp/a.h": "inline int f(int x) { return x; }\n",
    "cpp/b.cpp": '#include "a.h"\n\nint g() {\n    return f(1);\n}\n',
    "go.mod": "module example.org/x\n\ngo 1.19\n",
    "a.go": "package x\n\nfunc f(x int) int {\n\treturn x\n}\n",
    "b.go": "package x\n\nfunc g() int {\n\treturn f(1)\n}\n",
    "rust-project.json": '{"crates": [{"root_module": "rs/b.rs", "edition": "2021", "deps": []}]}\n',
    "rs/a.rs": "pub fn f(x: i32) -> i32 {\n    return x;\n}\n",
    "rs/b.rs": '#[path = "a.rs"]\nmod a;\nuse a::f;\n\npub fn g() -> i32 {\n    return f(1);\n}\n',
}


def sample(
    path: str, use: tuple[int, int], defined: tuple[str, int], right: str = "f(1)", wrong: str = "undefined_name"
) -> Sample:
    """Return the proof for a file of the repository."""
    text = FILES[path]
    assert text.count(right) == 1
    return Sample(path, text, text.replace(right, wrong), Position(*use), defined)


SAMPLES = {
    "ruff": sample("py/b.py", (5, 11), ("py/a.py", 1)),
    "ty": sample("py/b.py", (5, 11), ("py/a.py", 1)),
    "pyrefly": sample("py/b.py", (5, 11), ("py/a.py", 1)),
    "typescript": sample("ts/b.ts", (4, 11), ("ts/a.ts", 1)),
    "clangd": sample("cpp/b.cpp", (4, 11), ("cpp/a.h", 1)),
    "gopls": sample("b.go", (4, 8), ("a.go", 3)),
    "rust-analyzer": sample("rs/b.rs", (6, 11), ("rs/a.rs", 1)),
}


@contextmanager
def placed(folder: Path) -> Iterator[Place]:
    """Open a place on a shadow of the repository: a real mount, in a real sandbox."""
    with opener(folder) as (snapshot, places), places.open(snapshot, snapshot.tree) as place:
        yield place


@contextmanager
def opener(folder: Path) -> Iterator[tuple[Snapshot, Places]]:
    """Give what opens places on shadows of the repository."""
    repository = written(folder / "repository", FILES)
    node = node_packages()
    if node is not None:
        shutil.copytree(node, repository / "node_modules", symlinks=True, copy_function=os.link)
    commit_all(repository)
    with closing(FuseDriver(folder / "state")) as driver:
        local = LocalDriver(folder / "state" / "sandboxes")
        for probe in (driver.probe(), local.probe()):
            if not probe.works:
                pytest.skip(probe.why)
        # What is fetched into it later is seen in sandboxes that are open by then.
        RUST.mkdir(parents=True, exist_ok=True)
        shown = tuple(dict.fromkeys((Path(sys.base_prefix), Path(sys.prefix), RUST)))
        environment = {"PATH": f"{Path(sys.prefix) / 'bin'}:/usr/bin:/bin"}
        places = Places((driver,), {"local": local}, Settings(toolchains=shown, environment=environment))
        yield pin(repository, folder / "state"), places


def node_packages() -> Path | None:
    """Return the directory of TypeScript's server, installed where it is not yet; None without npm or its registry."""
    npm = shutil.which("npm", path=f"{os.environ.get('PATH', os.defpath)}:{Path(sys.prefix) / 'bin'}")
    if npm is None:
        return None
    NODE.mkdir(parents=True, exist_ok=True)
    with (NODE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (NODE / "node_modules" / ".bin" / "typescript-language-server").exists():
            words = (npm, "install", "--prefix", str(NODE), "--no-audit", "--no-fund", "--silent", *PACKAGES)
            if subprocess.run(words, capture_output=True, check=False, timeout=300).returncode:
                return None
    return NODE / "node_modules"


def found(place: Place, name: str) -> Found:
    """Return a server of this machine, or skip with the command that brings it."""
    rust = rust_analyzer(RUST) if name == "rust-analyzer" else None
    path = f"{rust or ''}:{Path(sys.prefix) / 'bin'}:{os.environ.get('PATH', os.defpath)}"
    here = {each.server.name: each for each in find_servers(ServerPlaces(place.shadow.snapshot.repository, path))}
    if name not in here:
        pytest.skip(f"there is no {name} here")
    return here[name]


def started(place: Place, name: str) -> LanguageSession:
    """Start a server of this machine in a place."""
    return start_language_server(place.sandbox, found(place, name), place.shadow.read)
