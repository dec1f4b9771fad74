"""How well the repair agent does on seeded bugs: copies of standard modules, each with a suite of its own and one operator reversed.

A mutant is made by the operators themselves, kept when a test fails on it. An answer is right when its syntax tree is
the original's, or when CPython's own tests of that module (`test.test_…`) pass on it, where this Python has them.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from agents import NoFix, Proposal, RepairAgent, Task
from agents.repair.operators import OPERATORS
from agents.repair.source import Source, read_source
from agents.repair.variants import Draft, Module, Variant, Variants
from tests.agents.repair.folder import FolderWorkspace, opened
from verifier import Ending, Suite, Trials
from verifier.forkserver import ForkServers

BUDGET_S = 150.0
SUITES = Path(__file__).parent / "repair_suites"
SEEDED = (
    "comparison and boundary", "swapped operands", "number literal", "off by one", "slice bound", "arithmetic operator", "and/or",
    "negation", "conjunct dropped", "another name in scope", "paired method", "paired function", "another attribute",
    "swapped arguments", "argument dropped", "constant", "freed of a call", "method call dropped", "string literal",
    "operand dropped", "index dropped", "lookup with a default", "return value", "statement moved out", "statement dropped",
    "self", "wrapped in a call", "result kept", "missing return", "loop exit",
)  # fmt: skip
"""The operators that make bugs here: those whose reverse people really write."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One seeded bug: its module, the operator that made it, and the module's text with it."""

    module: str
    operator: str
    line: int
    text: bytes
    failing: tuple[str, ...]


def modules() -> list[str]:
    return sorted(path.stem for path in SUITES.glob("*.suite"))


def original(name: str) -> bytes:
    """Return a standard module's source without its C accelerator, which would hide every edit."""
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).read_bytes().replace(f"from _{name} import".encode(), b"from _none import")


def files(name: str, text: bytes) -> dict[str, str | bytes]:
    suite = (SUITES / f"{name}.suite").read_bytes()
    return {"lib/__init__.py": b"", f"lib/{name}.py": text, f"test_{name}.py": suite}


def mutants(name: str, count: int, draw: random.Random) -> Iterator[Mutant]:
    """Yield mutants of a module that its suite kills, each by another operator while there are enough."""
    path = f"lib/{name}.py"
    source = read_source(path, original(name))
    assert isinstance(source, Source)
    module = Module.of(source)
    chosen = [each for each in OPERATORS if each.name in SEEDED]
    pools: dict[str, list[Draft]] = {}
    blocks = [block for block in module.index.blocks if module.index.function_of(block) is not None]
    for operator in chosen:
        made = Variants((operator,))
        pools[operator.name] = [draft for block in blocks for draft in made.drafts(module, block)]
        draw.shuffle(pools[operator.name])
    order = [name for name in draw.sample(SEEDED, len(SEEDED)) if pools[name]]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        workspace, suite = stack.enter_context(opened(folder, files(name, source.data)))
        trials = stack.enter_context(ForkServers().start(workspace.sandbox, suite))
        trials.baseline()
        while count and order:
            operator_name = order.pop(0)
            found = _killed(trials, pools[operator_name][:12])
            if found is not None:
                variant, failing = found
                yield Mutant(name, operator_name, variant.line, source.apply(variant.candidate.edits), failing)
                count -= 1


def _killed(trials: Trials, drafts: list[Draft]) -> tuple[Variant, tuple[str, ...]] | None:
    """Return the first draft that some tests fail on; one that most of them meet is seen at once by whoever makes it."""
    checked = (Variants().check(draft) for draft in drafts)
    pool = [variant for variant in checked if variant is not None]
    judged = trials.run((variant.candidate for variant in pool), trials.collected, all_failures=True, cpu_s=1.0)
    most = max(2, len(trials.collected) // 3)
    for variant, trial in zip(pool, list(judged), strict=True):
        if trial.ending is Ending.FAILED and 0 < len(trial.failed) <= most:
            return variant, trial.failed
    return None


def repaired(mutant: Mutant, seed: int) -> dict[str, object]:
    """Let the agent work on a mutant and say what came of it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        opened(Path(folder), files(mutant.module, mutant.text)) as (space, suite),
    ):
        began = time.monotonic()
        result = RepairAgent(ForkServers()).work(Task("", suite, mutant.failing, seed=seed), space)
        seconds = time.monotonic() - began
        found = _facts(space, suite, mutant)
        answer = space.files[f"lib/{mutant.module}.py"]
        right = isinstance(result, Proposal) and is_right(mutant, answer)
    said = result.title if isinstance(result, Proposal) else result.why
    return {
        "module": mutant.module, "seeded": mutant.operator, "line": mutant.line, "seconds": round(seconds, 1), **found,
        "plausible": not isinstance(result, NoFix), "right": right, "said": said,
    }  # fmt: skip


def _facts(space: FolderWorkspace, suite: Suite, mutant: Mutant) -> dict[str, object]:
    batches = [step.data for step in space.journal() if step.kind == "note:batch"]
    first = next((min(data["plausible"]) for data in batches if data["plausible"]), None)  # type: ignore[call-overload]
    tried = batches[-1]["done"] if batches else 0
    return {"candidates": tried, "first_plausible": first, "kind": suite.kind, "failing": len(mutant.failing)}


def is_right(mutant: Mutant, answer: bytes) -> bool:
    """Say whether an answer is the original again, or does as the original in CPython's own tests where the mutant does not."""
    before = original(mutant.module)
    if ast.dump(ast.parse(answer)) == ast.dump(ast.parse(before)):
        return True
    return judged(mutant.module, answer) == judged(mutant.module, before) != judged(mutant.module, mutant.text)


def judged(name: str, text: bytes) -> str:
    """Return what CPython's own tests of a module say of a text: the ids that fail, or that they did not run."""
    script = (
        "import sys, unittest, importlib, test.support\n"
        f"sys.path.insert(0, sys.argv[1]); sys.modules.pop('{name}', None)\n"
        f"t = importlib.import_module('test.test_{name}')\n"
        "r = unittest.TextTestRunner(stream=open('/dev/null', 'w')).run(unittest.defaultTestLoader.loadTestsFromModule(t))\n"
        "print(r.testsRun, sorted(each.id() for each, _ in r.failures + r.errors))"
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f"{name}.py").write_bytes(text)
        command = [sys.executable, "-B", "-c", script, folder]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        except subprocess.TimeoutExpired:
            return "did not end"
    return done.stdout.strip() or "did not run"


def main() -> None:
    """Print one line for each mutant to standard error, and the figures as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--each", type=int, default=7, help="mutants of each module")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=modules(), help="modules")
    options = parser.parse_args()
    draw = random.Random(options.seed)
    rows = []
    for name in options.only:
        for mutant in mutants(name, options.each, draw):
            rows.append(repaired(mutant, options.seed))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    plausible = [row for row in rows if row["plausible"]]
    right = sum(bool(row["right"]) for row in rows)
    figures = {
        "mutants": len(rows),
        "plausible": round(len(plausible) / len(rows), 3),
        "right first answer": round(right / len(rows), 3),
        "wrong among answers": round(1 - right / max(len(plausible), 1), 3),
        "median candidates to the first plausible": statistics.median(row["first_plausible"] or 0 for row in plausible),  # type: ignore[type-var]
        "median seconds": statistics.median(row["seconds"] for row in rows),  # type: ignore[type-var]
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
