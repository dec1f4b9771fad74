"""The structure rules of the house, checked on the syntax tree: sizes, broad handlers, engines, imports, package pages, paths."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("orchestrator", "agents", "verifier", "sandbox", "shadowfs")

BOUNDARIES: dict[str, int] = {
    "agents/door/server.py": 1,  # what a call of somebody's program runs into ends the attempt, not the server
    "orchestrator/cli/entry.py": 1,  # every error becomes a message and an exit status
    "orchestrator/lsp/boundary.py": 1,  # every error becomes a message in the editor
    "orchestrator/dispatch/rounds.py": 1,  # what is due stays due, and is tried again
    "orchestrator/dispatch/hands.py": 1,  # what one ticket meets ends no other worker
    "orchestrator/working/worker.py": 1,  # a defect ends the job, not the worker
    "shadowfs/operations.py": 2,  # an exception that got out of a handler would end the mount
    "shadowfs/zygote.py": 1,  # a forked child's end: the trace goes to the shadow's log
    "verifier/inside/attempt.py": 1,  # whatever a function raises is what it does on an input
    "verifier/inside/direct.py": 1,  # whatever a test raises makes it fail
    "verifier/inside/nursery.py": 1,  # a forked child's end: what tested code raised becomes its last words
    "verifier/inside/sharing.py": 1,  # whatever came through the runner: that candidate is run alone
    "verifier/inside/words.py": 1,  # tested code says how its exceptions are shown
}
"""Broad handlers that are right, by module: the edges at which anything may arrive and nothing may pass."""

ENGINES: dict[str, str | tuple[str, ...]] = {
    "acp": "agents/acp/wire.py",
    "celery": "orchestrator/cluster/celerybroker.py",
    "kombu": "orchestrator/cluster/celerybroker.py",
    "pyfuse3": "shadowfs",
    "psutil": "sandbox",
    "fastapi": "orchestrator/web",
    "itsdangerous": "orchestrator/web/sessions.py",
    "jinja2": "orchestrator/web/pages.py",
    "jwt": "orchestrator/web/idtoken.py",
    "lsprotocol": ("verifier/language/lsp.py", "orchestrator/lsp"),
    "mcp": "orchestrator/mcp/server.py",
    "openai": "agents/models/client.py",
    "opentelemetry": "orchestrator/telemetry/otlp.py",
    "prometheus_client": "orchestrator/telemetry/metrics.py",
    "pygls": "orchestrator/lsp",
    "pygments": "orchestrator/web/highlight.py",
    "httpx2": (
        "agents/door/upstream.py",
        "agents/models/client.py",
        "orchestrator/forges/calls.py",
        "orchestrator/pool/hub.py",
        "orchestrator/web/issuer.py",
    ),
    "h11": "agents/door/connection.py",
    "quicktok": "agents/prompts/tokens.py",
    "sse_starlette": "orchestrator/web/api.py",
    "starlette": ("orchestrator/web", "orchestrator/telemetry/measured.py"),
    "httptools": "orchestrator/pool/upstream.py",
    "huggingface_hub": "orchestrator/pool/hub.py",
    "uvicorn": ("orchestrator/web/serving.py", "orchestrator/pool/serving.py"),
    "uvloop": "orchestrator/pool/serving.py",
    "ray": ("orchestrator/cluster/rayexecutor.py", "orchestrator/pool/rayplace.py"),
    "rich": "orchestrator/cli/progress.py",
    "tree_sitter": "agents/grammars.py",
    "vllm": "orchestrator/pool/drafting/nightcrew_drafts/plugin.py",
    "yaml": "orchestrator/checkouts/workflow.py",
}
"""Engines and the package or module that alone may import them."""

PROGRAMS = {"git": "shadowfs/git.py", "bwrap": "sandbox/bwrap.py"}
"""Programs and the module that alone starts them."""


@dataclass(frozen=True, slots=True)
class Module:
    """What the rules ask of a module: reading one takes longer than all of them."""

    name: str
    lines: int
    functions: tuple[tuple[str, int], ...]
    broad_handlers: int
    imports: tuple[str, ...]
    programs: frozenset[str]
    """Those that a list or tuple begins with."""


def modules(*folders: str) -> Iterator[Module]:
    for folder in folders:
        yield from read(folder)


@cache
def read(folder: str) -> tuple[Module, ...]:
    return tuple(module(path) for path in sorted((ROOT / folder).rglob("*.py")))


def module(path: Path) -> Module:
    text = path.read_text("utf-8")
    nodes = list(ast.walk(ast.parse(text)))
    return Module(
        str(path.relative_to(ROOT)),
        text.count("\n"),
        tuple(functions(nodes)),
        broad_handlers(nodes),
        tuple(imports(nodes)),
        frozenset(programs(nodes)),
    )


def functions(nodes: Sequence[ast.AST]) -> Iterator[tuple[str, int]]:
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def broad_handlers(nodes: Sequence[ast.AST]) -> int:
    count = 0
    for node in nodes:
        # What cleans up and raises again lets everything pass.
        if isinstance(node, ast.ExceptHandler) and ast.unparse(node.body[-1]) != "raise":
            named = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            count += any(name is None or ast.unparse(name) in ("Exception", "BaseException") for name in named)
    return count


def imports(nodes: Sequence[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def programs(nodes: Sequence[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, (ast.List, ast.Tuple)) and node.elts:
            first = node.elts[0]
            if isinstance(first, ast.Constant) and first.value in PROGRAMS:
                yield str(first.value)


def test_no_module_has_more_than_400_lines() -> None:
    assert not {each.name: each.lines for each in modules(*PACKAGES, "tests", "deploy") if each.lines > 400}


def test_no_function_has_more_than_60_lines() -> None:
    every = [(each.name, *function) for each in modules(*PACKAGES, "tests", "deploy") for function in each.functions]
    assert not [(name, function, lines) for name, function, lines in every if lines > 60]


@pytest.mark.parametrize("package", PACKAGES)
def test_nine_of_ten_functions_have_at_most_25_lines(package: str) -> None:
    lines = [length for each in modules(package) for _, length in each.functions]
    assert statistics.quantiles(lines, n=10)[-1] <= 25


def test_broad_handlers_stand_only_at_boundaries() -> None:
    assert {each.name: each.broad_handlers for each in modules(*PACKAGES) if each.broad_handlers} == BOUNDARIES


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_is_imported_in_its_adapter_alone(engine: str) -> None:
    users = {each.name for each in modules(*PACKAGES) if any(m.partition(".")[0] == engine for m in each.imports)}
    assert {name for name in users if not name.startswith(ENGINES[engine])} == set()


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_is_started_in_its_adapter_alone(program: str) -> None:
    assert {each.name for each in modules(*PACKAGES) if program in each.programs} <= {PROGRAMS[program]}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_imported_through_its_public_names_only(package: str) -> None:
    others = [other for other in PACKAGES if other != package]
    inner = [(each.name, name) for each in modules(*others) for name in each.imports if name.startswith(f"{package}.")]
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
