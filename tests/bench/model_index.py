"""Measures the code index on the bug-fix history of real repositories, and what keeping in step with a commit costs.

Weights were chosen on `DEVELOPMENT` alone; what is reported is `REPORTED`. What counts as a bug fix: `tests/bench/bug_fixes.py`.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agents.index import CodeIndex, Query
from agents.index.paths import Role
from agents.index.ranking import Weights
from shadowfs import Depot, Past
from tests.bench.bug_fixes import BugFix, bug_fixes, git, repository
from tests.bench.target import Target

DEVELOPMENT = ("axios", "black", "marshmallow", "pytest", "werkzeug")
REPORTED = ("aiohttp", "astropy", "celery", "gin", "pylint", "ripgrep", "scrapy", "sphinx")
QUICK = ("aiohttp", "celery", "gin", "ripgrep", "scrapy")
RECALL_LEAST = 0.87
COMMIT_MOST = 1 / 50
CASES = 40
_QUICK_CASES = 8
_FEWEST = 5
_HISTORY = 2_000
_BEST = 5
_COMMITS = 21
_WORDS_ALONE = Weights(dict.fromkeys(Role, 1.0), names=1.0, path=0.0, alike=0.0, together=0.0)


@dataclass(frozen=True, slots=True)
class Way:
    """One way to ask: what of a case goes into the query, and whether anything but words counts."""

    name: str
    tests: bool
    paths: bool = False
    priors: bool = True

    def query(self, case: BugFix) -> Query:
        """Return the query for a case."""
        ids = case.test_ids if self.paths else tuple(id.rpartition("::")[2] for id in case.test_ids)
        return Query(case.text, ids, case.tests) if self.tests else Query(case.text)


WITH_TESTS = Way("the message and the changed tests", True)
ALONE = Way("the message alone", False)
WAYS = (
    WITH_TESTS,
    ALONE,
    Way("with the tests' paths", True, paths=True),
    Way("with tests, words alone", True, priors=False),
    Way("the message, words alone", False, priors=False),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One repository's figures: each way's mean recall, how many cases, how many of them with tests, CPU seconds of two kinds."""

    recall: Mapping[str, float]
    cases: int
    tested: int
    whole_s: float
    commit_s: float


def measure(quick: bool, data: Path | None) -> list[Target]:
    """Return the targets; the repositories are looked for in `data`."""
    names = QUICK if quick else REPORTED
    there = {name: at for name in names if data is not None and (at := repository(data, name))}
    if len(there) < _FEWEST:
        why = f"DATA must hold at least {_FEWEST} of these repositories, with their history: {', '.join(names)}"
        return [*(_recall(way, {}, why) for way in (WITH_TESTS, ALONE)), _commit({}, why)]
    found = {name: _measured(at, _QUICK_CASES if quick else CASES) for name, at in there.items()}
    return [*(_recall(way, found) for way in (WITH_TESTS, ALONE)), _commit(found)]


def _recall(way: Way, found: Mapping[str, Measured], why: str = "") -> Target:
    what = f"code index: file recall@{_BEST} over bug fixes, asked with {way.name}, mean of the repositories"
    others = [other for other in WAYS if other.tests == way.tests and other != way]
    beside = {
        other.name: statistics.mean(each.recall[other.name] for each in found.values()) for other in others if found
    }
    beside |= {name: each.recall[way.name] for name, each in found.items()}
    beside |= {"cases": sum(each.cases for each in found.values())} if found else {}
    beside |= {"cases with tests": sum(each.tested for each in found.values())} if found else {}
    value = statistics.mean(each.recall[way.name] for each in found.values()) if found else None
    return Target(what, "share", RECALL_LEAST, value, beside, least=True, why=why)


def _commit(found: Mapping[str, Measured], why: str = "") -> Target:
    what = "code index: CPU time to follow one commit, by that to index from nothing, median of the repositories"
    ratios = {name: each.commit_s / each.whole_s for name, each in found.items()}
    beside = ratios | {f"{name}, from nothing, s": each.whole_s for name, each in found.items()}
    return Target(what, "ratio", COMMIT_MOST, statistics.median(ratios.values()) if ratios else None, beside, why=why)


def _measured(git_dir: Path, most: int) -> Measured:
    cases = bug_fixes(git_dir, most)
    recall = {way: statistics.mean(each) for way, each in recalls(git_dir, cases).items()}
    return Measured(recall, len(cases), sum(bool(case.tests) for case in cases), *_costs(git_dir))


def recalls(git_dir: Path, cases: list[BugFix]) -> dict[str, list[float]]:
    """Return for each way the recall of each case: the share of the changed files that are among the best five."""
    found: dict[str, list[float]] = {way.name: [] for way in WAYS}
    depot, past = Depot(git_dir), Past(git_dir)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "index.db")
        with CodeIndex(path) as index, CodeIndex(path, weights=_WORDS_ALONE) as plain:
            for case in cases:
                tree = _tree(depot, case.parent)
                index.update(tree, depot)
                plain.update(tree, depot)
                index.learn(past.recent(case.parent, _HISTORY), past.changed)
                for way in WAYS:
                    hits = (index if way.priors else plain).search(way.query(case), files=_BEST, places=1)
                    found[way.name].append(len({hit.path for hit in hits} & set(case.files)) / len(case.files))
    depot.close()
    return found


def _costs(git_dir: Path) -> tuple[float, float]:
    """Return the CPU seconds of this process to index a tree from nothing, and to follow one commit (the median of the last ones)."""
    depot = Depot(git_dir)
    ids = git(git_dir, "log", "--no-merges", f"--max-count={_COMMITS}", "--format=%P %H").splitlines()
    pairs = [id.split() for id in ids[::-1]]
    with tempfile.TemporaryDirectory() as folder, CodeIndex.open(Path(folder, "index.db")) as index:
        whole = _followed_s(index, depot, pairs[0][0])
        each = []
        for parent, commit in pairs:
            index.update(_tree(depot, parent), depot)
            each.append(_followed_s(index, depot, commit))
    depot.close()
    return whole, statistics.median(each)


def _tree(depot: Depot, id: str) -> dict[str, str]:
    return {path: entry.blob for path, entry in depot.entries(id).items() if entry.mode & 0o170000 == 0o100000}


def _followed_s(index: CodeIndex, depot: Depot, id: str) -> float:
    start = time.process_time()
    index.update(_tree(depot, id), depot)
    return time.process_time() - start
