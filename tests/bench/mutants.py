"""Our candidates beside mutmut's mutants, by CPU second: one library, its whole suite, the tests that reach a function until one fails."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agents.repair.index import Function
from agents.repair.source import Source, read_source
from agents.repair.variants import Module, Variants
from sandbox import Command, Limits
from tests.agents.repair.folder import FolderWorkspace
from tests.bench import repair_libraries
from tests.bench.repair_libraries import TUNED, Library
from tests.bench.target import Target
from verifier import Candidate, Coverage, Ending, ForkServers

LIBRARY = "inflection"
MODULE = "inflection/__init__.py"
PEER = "mutmut"
_ONE = "inflection.x_dasherize__mutmut_1"
# mutmut changes what runs when a test does: what runs at the import only (`_irregular`) would let every mutant live, tested by one test.
_FULL, _QUICK = "inflection.x_[!_]*", "inflection.x_[!_]*[37]"
_CONFIGURATION = """[mutmut]
source_paths=inflection
pytest_add_cli_args_test_selection={tests}
pytest_add_cli_args=
  -p
  no:cacheprovider
"""
_LIMITS = Limits(wall_s=600.0)
# The meter of a sandbox looks now and then: what it has not seen yet is not lost.
_METER_S = 0.6


@dataclass(frozen=True, slots=True)
class Tested:
    """How many mutants or candidates were tested, how many of them the tests noticed, and the CPU seconds from start to end."""

    count: int
    noticed: int
    cpu_s: float


def measure(quick: bool) -> Iterator[Target]:
    """Yield the figure; one mutant and one candidate are tested apart, to tell a start's cost from that of each."""
    library = next(each for each in TUNED if each.name == LIBRARY)
    what = f"candidates beside {PEER}'s mutants in {LIBRARY}"
    try:
        theirs = [_mutmut(library, names) for names in (_ONE, _QUICK if quick else _FULL)]
    except (OSError, subprocess.SubprocessError) as error:
        yield Target(what, "per CPU s", None, None, why=f"{PEER}: {error}")
        return
    count = 400 if quick else 1500
    one, ours, alone = _candidates(library, 1), _candidates(library, count), _candidates(library, count, most_tests=1)
    beside = {
        f"{PEER}'s mutants, in the same way, each in a fork that starts pytest": _beyond(*theirs),
        "candidates, each against one test alone that reaches its function": _beyond(one, alone),
        "candidates, with the start and a traced run of the suite": ours.count / ours.cpu_s,
        f"{PEER}'s mutants, with the start and its runs of the suite": theirs[1].count / theirs[1].cpu_s,
        "candidates": float(ours.count),
        "noticed by a test, %": 100 * ours.noticed / ours.count,
        f"{PEER}'s mutants": float(theirs[1].count),
        f"noticed by a test, % of {PEER}'s": 100 * theirs[1].noticed / theirs[1].count,
    }
    each = "of the repair agent's operators, each against all tests that reach its function, until one fails"
    yield Target(f"{what}: {each}", "per CPU s", None, _beyond(one, ours), beside)


def _beyond(one: Tested, all: Tested) -> float:
    return (all.count - one.count) / max(0.001, all.cpu_s - one.cpu_s)


@contextmanager
def _copied(library: Library, *shown: Path) -> Iterator[FolderWorkspace]:
    """Open a workspace on a copy of the library."""
    source = repair_libraries.sources(library)
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as place:
        folder = Path(place) / library.name
        shutil.copytree(source, folder)
        with repair_libraries.opened(folder, shown=shown) as space:
            yield space


def _mutmut(library: Library, names: str) -> Tested:
    """Let mutmut test the mutants that a pattern names, from nothing, and count them. Raises `OSError` where it tests none."""
    environment = repair_libraries.environment(PEER, ("mutmut>=3.8,<4",))
    with _copied(library, environment) as space:
        (space.root / "setup.cfg").write_text(_CONFIGURATION.format(tests=" ".join(library.tests)))
        plain = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        words = (str(environment / "bin" / "python"), "-m", PEER, "run", names)
        done = space.sandbox.run(Command(words, environment=plain), _LIMITS)
        told = space.root / "mutants" / f"{MODULE}.meta"
        if not told.is_file():
            raise OSError(f"it tested nothing: {done.ended}, {(done.stderr or done.stdout)[-400:]!r}")
        statuses = json.loads(told.read_text())["exit_code_by_key"].values()
    tested = [status for status in statuses if status is not None]
    if not tested:
        raise OSError(f"it tested nothing: {done.ended}, {done.stdout[-400:]!r}")
    return Tested(len(tested), sum(status != 0 for status in tested), done.usage.cpu_s)


def _candidates(library: Library, count: int, most_tests: int | None = None) -> Tested:
    """Test candidates, drawn at random among all of the module, in a fork server, from its start to its end."""
    own = time.process_time()
    with _copied(library) as space:
        suite = repair_libraries.suite(space.root, library.tests)
        with ForkServers().start(space.sandbox, suite, _LIMITS) as trials:
            seconds = {test.id: test.seconds for test in trials.baseline().tests}
            coverage = trials.coverage(trials.collected, (), _LIMITS.wall_s or 0.0)
            source = read_source(MODULE, (space.root / MODULE).read_bytes())
            assert isinstance(source, Source), source
            endings: list[Ending] = []
            for tests, candidates in _drawn(source, coverage, count).items():
                asked = tests[:most_tests]
                cpu_s = 0.4 + 8.0 * sum(seconds[test] for test in asked)
                endings += [trial.ending for trial in trials.run(candidates, asked, cpu_s=cpu_s)]
            time.sleep(_METER_S)
        used = space.sandbox.used().cpu_s
    tested = [ending for ending in endings if ending is not Ending.INAPPLICABLE]
    noticed = sum(ending is not Ending.PASSED for ending in tested)
    return Tested(len(tested), noticed, used + time.process_time() - own)


def _drawn(source: Source, coverage: Coverage, count: int) -> dict[tuple[str, ...], list[Candidate]]:
    """Return candidates inside functions, by the tests that reach their function."""
    module, variants = Module.of(source), Variants()
    found: list[tuple[tuple[str, ...], Candidate]] = []
    for block in module.index.blocks:
        function = module.index.function_of(block)
        tests = _reaching(coverage, source, function) if function else ()
        if tests:
            found += [(tests, variant.candidate) for variant in variants.of(module, block)]
    drawn: dict[tuple[str, ...], list[Candidate]] = {}
    for tests, candidate in random.Random(0).sample(found, min(count, len(found))):
        drawn.setdefault(tests, []).append(candidate)
    return drawn


def _reaching(coverage: Coverage, source: Source, function: Function) -> tuple[str, ...]:
    """Return the tests that execute a line of a function's body."""
    body = range(function.body[0].lineno, (function.end_lineno or function.lineno) + 1)
    return tuple(
        test for test, lines in coverage.lines.items() if not lines.get(source.path, frozenset()).isdisjoint(body)
    )
