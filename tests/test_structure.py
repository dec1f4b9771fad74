"""The structure rules of the house, checked on the syntax tree: sizes, broad handlers, engines, imports, package pages, paths."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("orchestrator", "agents", "verifier", "sandbox", "shadowfs")

BOUNDARIES: dict[str, int] = {
    "agents/door/server.py": 1,  # what a call of somebody's program runs into ends the attempt, not the server
    "orchestrator/cli/entry.py": 1,  # every error becomes a message and an exit status
    "orchestrator/worker.py": 1,  # a defect ends the job, not the worker
    "shadowfs/operations.py": 2,  # an exception that got out of a handler would end the mount
    "shadowfs/zygote.py": 1,  # a forked child's end: the trace goes to the shadow's log
    "verifier/inside/attempt.py": 1,  # whatever a function raises is what it does on an input
    "verifier/inside/direct.py": 1,  # whatever a test raises makes it fail
    "verifier/inside/nursery.py": 1,  # a forked child's end: what tested code raised becomes its last words
    "verifier/inside/sharing.py": 1,  # whatever came through the runner: that candidate is run alone
    "verifier/inside/words.py": 1,  # tested code says how its exceptions are shown
}
"""Broad handlers that are right, by module: the edges at which anything may arrive and nothing may pass."""

ENGINES = {
    "acp": "agents/acp/wire.py",
    "pyfuse3": "shadowfs",
    "psutil": "sandbox",
    "lsprotocol": "verifier/language/lsp.py",
    "mcp": "orchestrator/mcp/server.py",
    "openai": "agents/models/client.py",
    "httpx2": "agents/door/upstream.py",
    "h11": "agents/door/connection.py",
    "quicktok": "agents/prompts/tokens.py",
    "rich": "orchestrator/cli/progress.py",
    "tree_sitter": "agents/grammars.py",
}
"""Engines and the package or module that alone may import them."""

PROGRAMS = {"git": "shadowfs/git.py", "bwrap": "sandbox/bwrap.py"}
"""Programs and the module that alone starts them."""


def sources(*folders: str) -> Iterator[tuple[str, str, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text("utf-8")
            yield str(path.relative_to(ROOT)), text, ast.parse(text)


def functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_module_has_more_than_400_lines() -> None:
    long = {name: text.count("\n") for name, text, _ in sources(*PACKAGES, "tests", "deploy") if text.count("\n") > 400}
    assert not long


def test_no_function_has_more_than_60_lines() -> None:
    every = [
        (name, *function) for name, _, tree in sources(*PACKAGES, "tests", "deploy") for function in functions(tree)
    ]
    assert not [(name, function, lines) for name, function, lines in every if lines > 60]


@pytest.mark.parametrize("package", PACKAGES)
def test_nine_of_ten_functions_have_at_most_25_lines(package: str) -> None:
    lines = [length for _, _, tree in sources(package) for _, length in functions(tree)]
    assert statistics.quantiles(lines, n=10)[-1] <= 25


def broad_handlers(tree: ast.Module) -> int:
    count = 0
    for node in ast.walk(tree):
        # What cleans up and raises again lets everything pass.
        if isinstance(node, ast.ExceptHandler) and ast.unparse(node.body[-1]) != "raise":
            named = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            count += any(name is None or ast.unparse(name) in ("Exception", "BaseException") for name in named)
    return count


def test_broad_handlers_stand_only_at_boundaries() -> None:
    found = {name: broad_handlers(tree) for name, _, tree in sources(*PACKAGES)}
    assert {name: count for name, count in found.items() if count} == BOUNDARIES


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_is_imported_in_its_adapter_alone(engine: str) -> None:
    users = {name for name, _, tree in sources(*PACKAGES) if any(m.partition(".")[0] == engine for m in imports(tree))}
    assert {name for name in users if not name.startswith(ENGINES[engine])} == set()


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_is_started_in_its_adapter_alone(program: str) -> None:
    users = set()
    for name, _, tree in sources(*PACKAGES):
        for node in ast.walk(tree):
            if isinstance(node, (ast.List, ast.Tuple)) and node.elts:
                first = node.elts[0]
                if isinstance(first, ast.Constant) and first.value == program:
                    users.add(name)
    assert users <= {PROGRAMS[program]}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_imported_through_its_public_names_only(package: str) -> None:
    others = [other for other in PACKAGES if other != package]
    inner = [
        (name, module)
        for name, _, tree in sources(*others)
        for module in imports(tree)
        if module.startswith(f"{package}.")
    ]
    assert not inner


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_page_names_each_module_on_a_line(package: str) -> None:
    page = (ROOT / package / "README.md").read_text("utf-8")
    lines = page.splitlines()
    assert len(lines) <= 15
    modules = {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__"}
    assert not [module for module in sorted(modules) if not re.search(rf"\b{module}\b", page)]


def test_no_path_of_a_machine_stands_in_the_tree() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    machine = re.compile(rb"/" + rb"work/(?:main|shared)|/" + rb"root/\.")
    found = []
    for name in filter(None, listed.decode().split("\0")):
        path = ROOT / name
        if path.is_file() and name != "tests/test_structure.py" and machine.search(path.read_bytes()):
            found.append(name)
    assert not found
