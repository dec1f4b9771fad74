"""How well the repair agent does: bugs that `nightcrew seed` makes in released libraries with their own suites, and HumanEvalFix.

The libraries, those that were tuned on kept apart, are named in `repair_libraries`; `repair_judging` says when an answer is right.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from agents import NoFix, OutOfBudget, Proposal, Question, RepairAgent, Result, Seeded, Task, Wanted, seed_bugs
from sandbox import Limits
from shadowfs import Change
from tests.agents.repair.folder import FolderWorkspace
from tests.bench import mutants, repair_libraries
from tests.bench.kept import Kept
from tests.bench.repair_judging import is_right
from tests.bench.repair_libraries import REPORTED, TUNED, Library
from tests.bench.target import Target
from verifier import ForkServers, InsideRunner, Outcome, OutOfTime, Suite, VerifierError

LIMITS = Limits(wall_s=600.0)
# For judging an answer, however much the agent has used up.
JUDGING_S = 600.0
# The meter of a sandbox looks now and then: what it has not seen yet is not lost.
_METER_S = 0.6
OUT_OF_TIME = "out of time"
HUMAN_TASKS = 164
# What the rows depend on, beside the libraries.
CODE = ("agents/repair", "agents/seeding", "verifier", "sandbox")


@dataclass(frozen=True, slots=True)
class Size:
    """How many bugs of how many libraries, the seconds for seeding a library and for repairing a bug, and when no further one is begun."""

    libraries: int
    bugs: int
    seeding_s: float
    repair_s: float
    last_s: float = math.inf


QUICK, FULL = Size(len(REPORTED), 1, 30.0, 45.0, 200.0), Size(len(REPORTED), 17, 900.0, 120.0)


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one bug. `cpu_s` is beyond one run of the suite; `candidates` were tried.

    A question is `asked` and no answer: `right` says then whether the right one was among its options.
    """

    where: str
    bug: str
    plausible: bool
    right: bool
    cpu_s: float
    candidates: int
    said: str
    asked: bool = False


def measure(quick: bool, data: Path | None) -> list[Target]:
    """Take all figures."""
    size = QUICK if quick else FULL
    libraries = random.Random(0).sample(REPORTED, size.libraries)
    repair_libraries.environment()
    past = Kept.of(repair_libraries.CACHE / f"rows-{'quick' if quick else 'full'}.jsonl", *CODE)
    with _workers() as pool:
        done = list(pool.map(_repaired, libraries, repeat(size), repeat(time.monotonic() + size.last_s), repeat(past)))
    rows = [row for found, _ in done for row in found]
    why = "; ".join(reason for _, reason in done if reason)
    what = f"{len(rows)} seeded bugs in {len({row.where.split()[0] for row in rows})} libraries"
    found = [
        *_targets(what, rows, why or "no bug was seeded"),
        *_human_eval_fix(data, quick, past),
        *mutants.measure(quick),
    ]
    past.done()
    return found


def _workers() -> ProcessPoolExecutor:
    """Return a process for each core: each counts its own CPU time, so neither they nor threads may share one."""
    return ProcessPoolExecutor(len(os.sched_getaffinity(0)), get_context("spawn"), max_tasks_per_child=1)


def _repaired(library: Library, size: Size, last: float, past: Kept) -> tuple[list[Row], str]:
    """Repair the bugs of a library that a run of the same code has not repaired before, and keep each."""
    what = f"{library.name} {library.version} {size.bugs}"
    rows = [Row(**row) for row in past.rows(what)]
    if len(rows) >= size.bugs:
        return rows, ""
    more, why = _shown(library, size, last, skip=len(rows), put=partial(past.add, what))
    return rows + more, why


def _shown(
    library: Library,
    size: Size,
    last: float,
    seed: int = 0,
    skip: int = 0,
    put: Callable[[Mapping[str, Any]], None] = lambda _: None,
) -> tuple[list[Row], str]:
    """Repair the bugs of a library but the first `skip`, printing each, unless it is past `last`; return them, and why there are no more."""
    rows: list[Row] = []
    try:
        for row in repaired(library, size, seed, skip) if time.monotonic() < last else ():
            rows.append(row)
            put(asdict(row))
            print(json.dumps(asdict(row)), file=sys.stderr, flush=True)
    except (OSError, subprocess.SubprocessError, tarfile.TarError, VerifierError) as error:
        return rows, f"{library.name}: {error}"
    return rows, ""


def _targets(what: str, rows: Sequence[Row], why: str) -> Iterator[Target]:
    """Yield the figures of seeded bugs; `why` says what is missing."""
    if not rows:
        yield Target(f"seeded bugs: {what}", "%", None, None, why=why)
        return
    plausible = [row for row in rows if row.plausible]
    answered = [row for row in plausible if not row.asked]
    right = sum(row.right for row in answered)
    wrong = len(answered) - right
    late = sum(row.said.startswith(OUT_OF_TIME) for row in rows)
    beside = {
        "bugs": float(len(rows)),
        "plausible": float(len(plausible)),
        "right": float(right),
        "questions": float(len(plausible) - len(answered)),
        "questions with the right one among the options": float(sum(row.right for row in plausible if row.asked)),
        "out of time": float(late),
    }
    yield Target(f"{what}: a plausible patch", "%", 65.0, 100 * len(plausible) / len(rows), beside, least=True)
    yield Target(f"{what}: first answer equal in behaviour", "%", 50.0, 100 * right / len(rows), least=True)
    share = 100 * wrong / len(answered) if answered else None
    yield Target(f"{what}: wrong first answers", "% of answers", 10.0, share, why="" if answered else "no answer")
    cpu_s = statistics.median(row.cpu_s for row in rows)
    yield Target(f"{what}: median beyond one run of the suite", "CPU s", 20.0, cpu_s)
    yield Target(f"{what}: candidates", "per CPU s", None, _rate(rows))


def _rate(rows: Sequence[Row]) -> float:
    return sum(row.candidates for row in rows) / max(0.001, sum(row.cpu_s for row in rows))


def repaired(library: Library, size: Size, seed: int = 0, skip: int = 0) -> Iterator[Row]:
    """Seed bugs in a library and let the agent work on each but the first `skip`, in a copy of its own."""
    source = repair_libraries.sources(library)
    repair_libraries.environment()
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as place:
        folder = Path(place) / "original"
        shutil.copytree(source, folder)
        with repair_libraries.opened(folder) as space:
            suite = repair_libraries.suite(folder, library.tests)
            first = InsideRunner().run(space.sandbox, suite, None, LIMITS)
            # Under one seed the first bugs of all libraries would be of one family.
            bugs = _seeded(space, suite, size, seed + zlib.crc32(library.name.encode()))
        bad = frozenset(test.id for test in first.tests if test.outcome is not Outcome.PASSED)
        for number, bug in enumerate(bugs[skip:], skip):
            copy = Path(place) / f"bug-{number}"
            shutil.copytree(source, copy)
            with repair_libraries.opened(copy, size.repair_s) as space:
                yield _one(space, library, bug, first.cpu_s, bad, seed)


def _seeded(space: FolderWorkspace, suite: Suite, size: Size, seed: int) -> tuple[Seeded, ...]:
    ends = time.monotonic() + size.seeding_s
    with ForkServers().start(space.sandbox, suite, Limits(wall_s=None), size.seeding_s) as trials:
        files = {path: data for path, data in space.files.items() if path.endswith(".py")}
        return seed_bugs(trials, files, Wanted(size.bugs, seed), lambda: ends - time.monotonic()).seeded


def _one(space: FolderWorkspace, library: Library, bug: Seeded, suite_s: float, bad: frozenset[str], seed: int) -> Row:
    suite = repair_libraries.suite(space.root, library.tests)
    space.run_with(suite)
    originals = dict(space.files)
    space.write(bug.path, _put(originals[bug.path], bug))
    row, results = _worked(space, suite, bug.failing, seed)
    space.give(JUDGING_S)
    right = any(_is_right(space, suite, originals, change, bad) for change in results)
    where = f"{library.name} {bug.path}:{bug.line}"
    return replace(row, where=where, bug=bug.family, right=right, cpu_s=max(0.0, row.cpu_s - suite_s))


def _is_right(
    space: FolderWorkspace, suite: Suite, originals: Mapping[str, bytes], change: Change, bad: frozenset[str]
) -> bool:
    """Say whether what a proposal or an option makes of the originals is right; it is left there, or the originals are."""
    for path, data in originals.items():
        answer = change.after(path) if path in change.paths() else data
        if answer is not None and space.files.get(path) != answer:
            space.write(path, answer)
    return is_right(space, suite, {path: originals[path] for path in change.paths() if path in originals}, bad)


def _put(data: bytes, bug: Seeded) -> bytes:
    for edit in sorted(bug.candidate.edits, key=lambda edit: -edit.start):
        data = data[: edit.start] + edit.text.encode() + data[edit.end :]
    return data


def _worked(
    space: FolderWorkspace, suite: Suite, failing: tuple[str, ...], seed: int
) -> tuple[Row, tuple[Change, ...]]:
    """Let the agent work; return what came of it, and the change it proposes or those it offers. Others say whether one is right."""
    own, used = time.process_time(), space.sandbox.used().cpu_s
    try:
        result: Result = RepairAgent(ForkServers()).work(Task("", suite, failing, seed=seed, ask=True), space)
    except (OutOfBudget, OutOfTime) as error:
        result = NoFix(f"{OUT_OF_TIME}: {error}")
    except VerifierError as error:
        result = NoFix(f"failed: {error}")
    time.sleep(_METER_S)
    cpu_s = time.process_time() - own + space.sandbox.used().cpu_s - used
    batches = [step.data for step in space.journal() if step.kind == "note:batch"]
    done = batches[-1]["done"] if batches else 0
    changes: tuple[Change, ...]
    match result:
        case NoFix(why=said):
            changes = ()
        case Proposal(change=change, title=said):
            changes = (change,)
        case Question(text=said, options=options):
            changes = tuple(option.proposal.change for option in options)
    asked = isinstance(result, Question)
    return Row("", "", bool(changes), False, cpu_s, done if isinstance(done, int) else 0, said, asked), changes


def _human_eval_fix(data: Path | None, quick: bool, past: Kept) -> Iterator[Target]:
    """Yield the figures of HumanEvalFix, from `humanevalpack.jsonl` in `data`; never fetched here."""
    file = data / "humanevalpack.jsonl" if data is not None else None
    if file is None or not file.is_file():
        why = "DATA names no directory with humanevalpack.jsonl (octopack, evaluation/create/humaneval-x/data/python/data)"
        for what, limit, least in (("first answer right", 90.0, True), ("first answer wrong", 15.0, False)):
            yield Target(f"HumanEvalFix: {what}", f"of {HUMAN_TASKS}", limit, None, least=least, why=why)
        yield Target("HumanEvalFix: candidates", "per CPU s", 100.0, None, least=True, why=why)
        return
    tasks = [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]
    repair_libraries.environment()
    size = QUICK if quick else FULL
    with _workers() as pool:
        rows = list(pool.map(_human, tasks[:5] if quick else tasks, repeat(size), repeat(past)))
    answered = [row for row in rows if row.plausible and not row.asked]
    right = sum(row.right for row in answered)
    wrong = len(answered) - right
    beside = {
        "questions": float(sum(row.asked for row in rows)),
        "questions with the right one among the options": float(sum(row.right for row in rows if row.asked)),
    }
    # The limits are of all tasks; a part of them is only shown.
    asked, allowed = (90.0, 15.0) if len(rows) == HUMAN_TASKS else (None, None)
    yield Target("HumanEvalFix: first answer right", f"of {len(rows)}", asked, float(right), beside, least=True)
    yield Target("HumanEvalFix: first answer wrong", f"of {len(rows)}", allowed, float(wrong))
    yield Target("HumanEvalFix: candidates", "per CPU s", 100.0, _rate(rows), least=True)


def _human(task: Mapping[str, str], size: Size, past: Kept) -> Row:
    """Repair one function by its weak visible tests, and judge the answer by its strong hidden ones; once for the same code."""
    what = f"{task['task_id']} {size.repair_s:g}"
    for known in past.rows(what):
        return Row(**known)
    row = _judged(task, size)
    past.add(what, asdict(row))
    return row


def _judged(task: Mapping[str, str], size: Size) -> Row:
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as place:
        folder = Path(place) / "task"
        folder.mkdir()
        (folder / "solution.py").write_text(task["declaration"] + task["buggy_solution"], "utf-8")
        (folder / "test_visible.py").write_text(_test(task, "example_test"), "utf-8")
        with repair_libraries.opened(folder, size.repair_s) as space:
            suite = repair_libraries.suite(folder, ("test_visible.py",))
            space.run_with(suite)
            suite_s = InsideRunner().run(space.sandbox, suite, None, LIMITS).cpu_s
            row, changes = _worked(space, suite, ("test_visible.py::test_it",), 0)
            space.give(JUDGING_S)
            space.write("test_hidden.py", _test(task, "test").encode())
            right = any(_passes_hidden(space, folder, change) for change in changes)
    return replace(row, where=task["task_id"], right=right, cpu_s=max(0.0, row.cpu_s - suite_s))


def _passes_hidden(space: FolderWorkspace, folder: Path, change: Change) -> bool:
    for path in change.paths():
        space.write(path, change.after(path) or b"")
    suite = repair_libraries.suite(folder, ("test_hidden.py",))
    hidden = InsideRunner().run(space.sandbox, suite, None, LIMITS)
    return bool(hidden.tests) and not hidden.bad()


def _test(task: Mapping[str, str], key: str) -> str:
    body = "\n".join("    " + line for line in task[key].splitlines())
    return f"from solution import *\n\n\ndef test_it():\n{body}\n"


def main() -> None:
    """Repair the bugs of some libraries and print one line for each: for looking closely, and for tuning (`--tuned`)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tuned", action="store_true", help="the libraries that may be tuned on, not those reported")
    parser.add_argument("--only", nargs="*", help="libraries")
    parser.add_argument("--bugs", type=int, default=FULL.bugs)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    size = Size(0, given.bugs, FULL.seeding_s, FULL.repair_s)
    named = [each for each in (TUNED if given.tuned else REPORTED) if not given.only or each.name in given.only]
    repair_libraries.environment()
    with _workers() as pool:
        done = list(pool.map(_shown, named, repeat(size), repeat(math.inf), repeat(given.seed)))
    rows, why = [row for found, _ in done for row in found], "; ".join(reason for _, reason in done if reason)
    print(json.dumps([target.document() for target in _targets(f"{len(rows)} seeded bugs", rows, why)]))


if __name__ == "__main__":
    main()
