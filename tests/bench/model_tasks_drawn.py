"""Draws the tasks of the comparison by rule, before anybody works on them: `python -m tests.bench.model_tasks_drawn` writes them.

Seeded: bugs that `seed_bugs`, the engine of `nightcrew seed`, makes in the libraries that the repair benchmark reports, in files of at most
`MOST_BYTES`, so that the file and its whole answer fit into 16,384 tokens; half of them in files of at most `SMALL_BYTES`, which can be written whole
within the time. Real: one place of a file of a release as a release before had it, under the tests of the release.
"""

from __future__ import annotations

import ast
import hashlib
import json
import random
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from agents import Wanted, seed_bugs
from agents.patch import patch
from agents.repair.diagnosis import is_test
from sandbox import Limits
from tests.bench import repair_libraries
from tests.bench.model_tasks import CACHE, FILE, Task, changed, fill, passed, prepare, read, released, run, unit
from tests.bench.repair_libraries import REPORTED, Library, sources
from verifier import ForkServers, Ran

SEED = 20261122
SEEDED, REAL = 14, 6
SMALL_BYTES, MOST_BYTES = 5_000, 24_000
SUITE_S = 15.0
BUGS = 8
_SEEDING_S = 240.0
_LINES, _NEAR = 14, 2

RELEASES = (
    (Library("aniso8601", "10.0.1", ("aniso8601",)), "10.0.0"),
    (Library("boltons", "26.2.0", ("tests",)), "26.1.0"),
    (Library("boltons", "26.1.0", ("tests",)), "26.0.0"),
    (Library("boltons", "26.0.0", ("tests",)), "25.0.0"),
    (Library("cachetools", "8.0.1", ("tests",)), "8.0.0"),
    (Library("funcy", "2.1", ("tests",)), "2.0"),
    (Library("itsdangerous", "2.2.0", ("tests",)), "2.1.2"),
    (Library("parse", "1.22.4", ("tests",)), "1.22.2"),
    (Library("portion", "2.6.3", ("tests",)), "2.6.2"),
    (Library("sqlparse", "0.6.1", ("tests",)), "0.6.0"),
    (Library("sqlparse", "0.6.0", ("tests",)), "0.5.5"),
    (Library("voluptuous", "0.16.0", ("voluptuous",)), "0.15.2"),
    (Library("webcolors", "25.10.0", ("tests",)), "24.11.1"),
    (Library("xmltodict", "1.0.4", ("tests",)), "1.0.3"),
)
"""A release and one shortly before it, of which the changed files are looked at: small libraries of the repair benchmark and the end-to-end tests."""


def drawn() -> Iterator[Task]:
    """Yield the tasks: the libraries take turns in an order that `SEED` draws, each giving its next bug that will do, of small files and of others."""
    order = random.Random(SEED).sample(REPORTED, len(REPORTED))
    found: dict[bool, list[Task]] = {True: [], False: []}
    bugs: dict[str, dict[bool, Iterator[Task]]] = {}
    for library in order * BUGS:
        wanted = [small for small in found if len(found[small]) < SEEDED // 2]
        if wanted and library.name not in bugs:
            bugs[library.name] = {small: _of_bugs(library, small) for small in found}
        for small in wanted:
            if (task := next(bugs[library.name][small], None)) is not None:
                print(f"{task.name}: {task.path}, {task.file_bytes} bytes, {task.made}", file=sys.stderr, flush=True)
                found[small].append(task)
    yield from (*found[True], *found[False])
    yield from real()


def _of_bugs(library: Library, small: bool) -> Iterator[Task]:
    """Yield the bugs of a library, in small files or in others, that will do, in the order in which they were drawn."""
    for number, bug in enumerate(_kept(f"bugs {library}", lambda: seeded(library))):
        task = Task(kind="seeded", library=library.name, version=library.version, tests=library.tests, **bug,
                    name=f"{library.name}-{number}", broken=(), seen=(), failing=())  # fmt: skip
        if (task.file_bytes <= SMALL_BYTES) == small and (whole := complete(task, least=2)) is not None:
            yield whole


def seeded(library: Library) -> list[dict[str, Any]]:
    """Return bugs that `seed_bugs` makes in a library, in files that are not too large; none where its suite takes too long."""
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as place:
        folder = Path(place) / "original"
        shutil.copytree(sources(library), folder)
        if run(folder, library.tests).cpu_s > SUITE_S:
            return []
        with repair_libraries.opened(folder) as space:
            suite = repair_libraries.suite(folder, library.tests)
            files = {
                path: data for path, data in space.files.items() if path.endswith(".py") and len(data) <= MOST_BYTES
            }
            ends = time.monotonic() + _SEEDING_S
            with ForkServers().start(space.sandbox, suite, Limits(wall_s=None), _SEEDING_S) as trials:
                wanted = Wanted(BUGS, SEED + zlib.crc32(library.name.encode()))
                bugs = seed_bugs(trials, files, wanted, lambda: ends - time.monotonic()).seeded
    return [
        {
            "path": bug.path,
            "file_bytes": len(files[bug.path]),
            "diff": bug.patch.decode(),
            "made": f"seeded: {bug.family}, in {bug.function}",
        }
        for bug in bugs
    ]


def _kept(what: str, make: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return what a run that was cut short has made of `what` already, else make it."""
    path = CACHE / "drawn" / f"{hashlib.sha256(f'{SEED} {what}'.encode()).hexdigest()[:20]}.json"
    if not path.exists():
        found = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found), "utf-8")
    given: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return given


def real() -> Iterator[Task]:
    """Yield bugs that were there: of places in an order that `SEED` draws, those that will do, at most two of a library in the first turn."""
    candidates = [each for library, before in RELEASES for each in _reverted(library, before)]
    random.Random(SEED).shuffle(candidates)
    count: dict[str, int] = {}
    found: list[Task] = []
    for most in (2, REAL):
        for task in candidates:
            if len(found) >= REAL or task.name in {each.name for each in found} or count.get(task.library, 0) >= most:
                continue
            if (whole := complete(task, least=1)) is not None:
                print(f"{task.name}: {task.path}, {task.made}", file=sys.stderr, flush=True)
                count[task.library] = count.get(task.library, 0) + 1
                found.append(whole)
    yield from found


def _reverted(library: Library, before: str) -> Iterator[Task]:
    """Yield a task for each place of source code that a release changed: the lines there as they were before, the rest as released."""
    old, new = sources(replace(library, version=before)), sources(library)
    for path in sorted(new.rglob("*.py")):
        name = str(path.relative_to(new))
        if is_test(name) or not (old / name).exists() or path.stat().st_size > MOST_BYTES:
            continue
        right = path.read_bytes()
        for line, wrong in _places(right, (old / name).read_bytes()):
            at = f"{library.name}-{library.version}-{Path(name).stem}-{line}"
            made = f"real: {name} from line {line} as in {before}, fixed in {library.version}"
            diff = patch(name, right, wrong).decode()
            yield Task(
                at, "real", library.name, library.version, library.tests, name, len(right), diff, made, (), (), ()
            )


def _places(right: bytes, wrong: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield for each place in which two versions of a file differ in few lines its line, and the first version with that place as in the second."""
    ours, theirs = right.split(b"\n"), wrong.split(b"\n")
    codes = [code for code in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes() if code[0] != "equal"]
    merged: list[tuple[int, int, int, int]] = []
    for _, first, end, other_first, other_end in codes:
        if merged and first - merged[-1][1] <= _NEAR:
            merged[-1] = (merged[-1][0], end, merged[-1][2], other_end)
        else:
            merged.append((first, end, other_first, other_end))
    for first, end, other_first, other_end in merged:
        made = b"\n".join([*ours[:first], *theirs[other_first:other_end], *ours[end:]])
        if end - first + other_end - other_first <= _LINES and _other_program(right, made):
            yield first + 1, made


def _other_program(one: bytes, other: bytes) -> bool:
    """Say whether both are Python, and differ in more than comments and docstrings."""
    try:
        return _bare(one) != _bare(other)
    except (SyntaxError, ValueError):
        return False


def _bare(data: bytes) -> str:
    tree = ast.parse(data)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            node.body = body[1:]  # type: ignore[attr-defined]
    return ast.dump(tree)


def complete(task: Task, least: int) -> Task | None:
    """Return a task with its tests, or None where it will not do; once for each."""
    found = _kept(
        f"task {task} {least}", lambda: [asdict(each) for each in (_complete(task, least),) if each is not None]
    )
    return read(found[0]) if found else None


def _complete(task: Task, least: int) -> Task | None:
    """Return a task with its tests: half of the functions that it breaks are seen, at least one. None where it will not do.

    It breaks at least `least` functions and at most a third of all tests; agents see a suite that passes without the bug, and that fails with it.
    """
    stable = released(task.source)
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as place:
        folder = Path(place) / "wrong"
        fill(task, folder)
        report = run(folder, task.tests)
        if report.ran is not Ran.COMPLETED or not stable.passing:
            return None
        broken = stable.passing - passed(report)
        functions = sorted({unit(id) for id in broken})
        if len(functions) < least or len(broken) > max(2, len(stable.passing) // 3) or _only_names(report, broken):
            return None
        functions.sort(key=lambda function: hashlib.sha256(f"{task.name} {function}".encode()).digest())
        seen = functions[: max(1, len(functions) // 2)]
        failing = tuple(sorted(id for id in broken if unit(id) in seen))
        whole = replace(task, broken=tuple(functions), seen=tuple(seen), failing=failing)
        return whole if _shows(whole, Path(place)) else None


def _only_names(report: object, broken: frozenset[str]) -> bool:
    """Say whether what fails only misses a name: something new that is asked for, not a bug."""
    missing = ("ImportError", "has no attribute", "unexpected keyword", "ModuleNotFoundError")
    messages = [test.message for test in getattr(report, "tests", ()) if test.id in broken]
    return bool(messages) and all(any(word in message for word in missing) for message in messages)


def _shows(task: Task, place: Path) -> bool:
    """Say whether the suite that agents see passes without the bug, fails by it as `failing` says, and lacks what is hidden."""
    ids = set(task.failing)
    right = prepare(task, place / "seen-right", wrong=False)
    first = run(place / "seen-right", task.tests)
    wrong = prepare(task, place / "seen-wrong")
    second = run(place / "seen-wrong", task.tests)
    hidden = {id for id in released(task.source).passing if unit(id) in set(task.broken) - set(task.seen)}
    return (
        changed(right, wrong).keys() == {task.path}
        and first.ran is Ran.COMPLETED
        and not first.bad()
        and ids <= passed(first)
        and set(second.bad()) == ids
        and not hidden & passed(first)
    )


def main() -> None:
    """Draw the tasks and write them."""
    CACHE.mkdir(parents=True, exist_ok=True)
    found = [asdict(task) for task in drawn()]
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps({"seed": SEED, "tasks": found}, indent=1) + "\n", "utf-8")
    print(f"{len(found)} tasks in {FILE}")


if __name__ == "__main__":
    main()
