"""Whether an answer is right. The rule: its syntax tree is the original's; or the library's whole suite passes on it and each
function in which it differs from the original does the same on at least five inputs: recorded from the suite, and mutated.
What cannot be compared (outside of functions, never called, not to be copied) counts as wrong.
"""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from sandbox import Command, Limits, Sandbox
from tests.agents.repair.folder import FolderWorkspace
from verifier import InsideRunner, Ran, Suite

PROGRAM = Path(__file__).parent / "repair_inputs.py"
LEAST_INPUTS = 5
LIMITS = Limits(wall_s=300.0)


def is_right(space: FolderWorkspace, suite: Suite, originals: Mapping[str, bytes], bad_before: frozenset[str]) -> bool:
    """Say whether the files of `space`, which an agent has left, do as `originals`. The workspace ends with the originals."""
    answer = {path: space.read(path) for path in originals}
    if all(_dump(answer[path]) == _dump(originals[path]) for path in originals):
        return True
    report = InsideRunner().run(space.sandbox, suite, None, LIMITS)
    for path, data in originals.items():
        space.write(path, data)
    if report.ran is not Ran.COMPLETED or set(report.bad()) - bad_before:
        return False
    return _agrees(space, suite, originals, answer)


def _agrees(space: FolderWorkspace, suite: Suite, originals: Mapping[str, bytes], answer: Mapping[str, bytes]) -> bool:
    functions = []
    for path, data in originals.items():
        found = list(_differing(data, answer[path]))
        if None in found:
            return False
        file = os.path.realpath(space.root / path)
        functions += [(file, *each, answer[path].decode("utf-8", "replace")) for each in found if each is not None]
    asked = space.sandbox.put("functions.json", json.dumps({"functions": functions, "tests": suite.args}).encode())
    return _said(space.sandbox, suite, asked, {f"{each[0]} {each[3]}" for each in functions})


def _said(sandbox: Sandbox, suite: Suite, asked: str, functions: set[str]) -> bool:
    program = sandbox.put("compare.py", PROGRAM.read_bytes())
    done = sandbox.run(Command((str(suite.python), "-B", program, asked), environment=suite.environment), LIMITS)
    try:
        told = json.loads(done.stdout.decode("utf-8", "replace").rstrip().rpartition("\n")[2])
    except ValueError:
        return False
    agreed = told["agreed"]
    return not told["differs"] and all(agreed.get(name, 0) >= LEAST_INPUTS for name in functions)


def _differing(before: bytes, after: bytes) -> Iterator[tuple[int, str, str] | None]:
    """Yield first line, name and qualified name of the outermost functions that differ; None for a difference elsewhere."""
    old, new = dict(_functions(ast.parse(before))), dict(_functions(ast.parse(after)))
    for name, node in old.items():
        other = new.get(name)
        if other is None:
            yield None
        elif ast.dump(node) != ast.dump(other):
            same = ast.dump(node.args) == ast.dump(other.args)
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            yield (first, node.name, name) if same and isinstance(node, ast.FunctionDef) else None
    if _dump(before, bodies=False) != _dump(after, bodies=False):
        yield None


def _functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from _functions(node, prefix)


def _dump(data: bytes, *, bodies: bool = True) -> str:
    tree = ast.parse(data)
    for _, node in () if bodies else list(_functions(tree)):
        node.body = []
    return ast.dump(tree)
