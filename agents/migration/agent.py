"""The migration agent: does to the rest of a repository what examples did to a part of it. Needs no model, and guesses nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from agents.agent import NoFix, Proposal, Result, Task, Workspace
from agents.migration import language
from agents.migration.account import Account
from agents.migration.bisection import culprits
from agents.migration.places import Other, Place, Survey, edited, survey
from agents.migration.rule import Learnt, Rule, learn
from shadowfs import RepoPath
from verifier import Ran, Severity, SuiteReport, is_test

_NEEDS = "Another example: a commit or a diff that changes one thing to another, as it is to be done elsewhere."
_LEFT_OUT = "left_out"


@dataclass(frozen=True, slots=True)
class Settings:
    """How many places are changed at most, and how often what still breaks tests is searched for."""

    places: int = 1_000
    rounds: int = 3


@dataclass(frozen=True, slots=True)
class MigrationAgent:
    """Learns rules from the task's examples, applies them everywhere, and takes back what breaks something."""

    settings: Settings = Settings()
    name: str = "migrate"

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Change the places that are like the examples; propose those that break nothing, and list all others."""
        learnt = learn(task.examples)
        data = {"rules": [str(rule) for rule in learnt.rules], "refused": list(learnt.refused)}
        workspace.note("rules", data, progress=f"{len(learnt.rules)} rules learnt from {len(task.examples)} examples")
        if learnt.contradictions or not learnt.rules:
            return NoFix(Account(task.examples, learnt).why_nothing(), _NEEDS)
        work = _Migration(task, workspace, learnt, dict(_surveyed(workspace, learnt.rules)))
        return work.done(self.settings)


def _surveyed(workspace: Workspace, rules: Sequence[Rule]) -> Iterator[tuple[RepoPath, Survey | Other]]:
    """Yield what there is in each file as it was before this attempt, in an earlier life too."""
    families = {rule.family for rule in rules}
    change = workspace.change()
    changed = set(change.paths())
    for path in sorted({*workspace.paths(), *changed}):
        if language.family_of(path) in families:
            data = change.before(path) if path in changed else workspace.read(path)
            found = survey(path, data, rules) if data is not None else None
            if found is not None:
                yield path, found


@dataclass(slots=True)
class _Migration:
    """One migration from its rules on. What was `left_out` in an earlier life stays so."""

    task: Task
    workspace: Workspace
    learnt: Learnt
    found: Mapping[RepoPath, Survey | Other]
    left_out: list[tuple[Place, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def done(self, settings: Settings) -> Result:
        places = self._candidates(settings.places)
        unlike = [each for each in self.found.values() if isinstance(each, Other)]
        unlike += [other for each in self.found.values() if isinstance(each, Survey) for other in each.unlike]
        counts = {"places": [place.key for place in places], "unlike": [str(other) for other in unlike]}
        progress = f"{len(places)} places like the examples, {len(unlike)} unlike"
        self.workspace.note("found", counts, progress=progress)
        if places:
            # An earlier life may have left some of them edited.
            self._put_all(places, ())
            before = self.workspace.test()
            places = self._tested(self._written(places), before, settings.rounds)
        others = [Other(place.path, place.line, place.text, why) for place, why in self.left_out]
        account = Account(self.task.examples, self.learnt, places, others, unlike, self.notes)
        change = self.workspace.change()
        if not change:
            return NoFix(account.why_nothing(), _NEEDS)
        return Proposal(change, account.title(), account.text())

    def _candidates(self, most: int) -> list[Place]:
        """Return the places to try: none in tests, none that an earlier life left out."""
        known = {
            str(step.data["place"]): str(step.data["why"])
            for step in self.workspace.journal()
            if step.kind == f"note:{_LEFT_OUT}"
        }
        candidates: list[Place] = []
        for place in (place for each in self.found.values() if isinstance(each, Survey) for place in each.places):
            why = known.get(place.key, "")
            if is_test(place.path):
                why = "it is a test, and what judges the change is not changed"
            elif place.path in self.task.protected:
                why = "it is protected"
            elif not why and len(candidates) >= most:
                why = f"{most:,} places are as many as are changed at once"
            if why:
                self.left_out.append((place, why))
            else:
                candidates.append(place)
        return candidates

    def _written(self, places: Sequence[Place]) -> list[Place]:
        """Write the files of places, and return those that stay: they may be written, parse, and bring no new error."""
        kept: list[Place] = []
        for path in dict.fromkeys(place.path for place in places):
            mine = self._parsing(path, [place for place in places if place.path == path])
            try:
                self._put(path, mine)
            except PermissionError as error:
                self._leave_out(mine, f"it may not be written: {error}")
                continue
            if mine and self._errors(path):
                bad = culprits(mine, partial(self._brings_errors, path))
                mine = [place for place in mine if place not in bad]
                self._brings_errors(path, bad)
                self._leave_out(bad, f"a new error is found with it: {(self._errors(path) or ['in the file'])[0]}")
                self._put(path, mine)
            kept += mine
        return kept

    def _parsing(self, path: RepoPath, places: Sequence[Place]) -> list[Place]:
        if self._parses(path, places):
            return list(places)
        kept: list[Place] = []
        for place in places:
            if self._parses(path, [*kept, place]):
                kept.append(place)
            else:
                self._leave_out([place], "the file would no longer parse")
        return kept

    def _parses(self, path: RepoPath, places: Sequence[Place]) -> bool:
        return not isinstance(language.read(path, edited(self._survey(path), places)), str)

    def _survey(self, path: RepoPath) -> Survey:
        found = self.found[path]
        assert isinstance(found, Survey)
        return found

    def _put(self, path: RepoPath, places: Sequence[Place]) -> None:
        """Let a file have these places edited and no others."""
        data = edited(self._survey(path), places)
        if self.workspace.read(path) != data:
            self.workspace.write(path, data)

    def _brings_errors(self, path: RepoPath, places: Sequence[Place]) -> bool:
        self._put(path, places)
        return bool(self._errors(path))

    def _errors(self, path: RepoPath) -> list[str]:
        """Return the new errors that language servers find in a file as it is now."""
        introduced = self.workspace.diagnose(path).delta.introduced
        return [str(found) for found in introduced if found.severity is Severity.ERROR]

    def _tested(self, places: list[Place], before: SuiteReport, rounds: int) -> list[Place]:
        """Return the places with which no test breaks that holds without them."""
        if not places:
            return places
        if before.ran is not Ran.COMPLETED:
            self.notes.append(f"The tests say nothing: {before.why or before.ran}. Nothing here was run.")
            return places
        for _ in range(rounds):
            broken = self._broken(before, None)
            if not broken:
                return places
            bad = culprits(places, partial(self._breaks, places, before, broken))
            places = self._without(places, bad, f"{broken[0]} breaks with it")
            self._put_all([*places, *bad], places)
            if not places:
                return places
        if self._broken(before, None):
            self._put_all(places, ())
            self._leave_out(places, "tests break, and it was not found by which places")
            return []
        return places

    def _breaks(
        self, all_places: Sequence[Place], before: SuiteReport, tests: Sequence[str], some: Sequence[Place]
    ) -> bool:
        self._put_all(all_places, some)
        return bool(self._broken(before, None if tests == [_SUITE] else tests))

    def _broken(self, before: SuiteReport, tests: Sequence[str] | None) -> list[str]:
        """Return the tests that fail now and did not before."""
        report = self.workspace.test(tests)
        if report.ran is not Ran.COMPLETED:
            return [_SUITE]
        known = set(before.bad())
        gone = {test.id for test in before.tests} - {test.id for test in report.tests} if tests is None else set[str]()
        broken = [test for test in report.bad() if test not in known]
        return broken or sorted(gone)

    def _put_all(self, all_places: Sequence[Place], some: Sequence[Place]) -> None:
        chosen = set(map(id, some))
        for path in dict.fromkeys(place.path for place in all_places):
            self._put(path, [place for place in some if place.path == path and id(place) in chosen])

    def _without(self, places: Sequence[Place], bad: Sequence[Place], why: str) -> list[Place]:
        self._leave_out(bad, why)
        return [place for place in places if place not in bad]

    def _leave_out(self, places: Sequence[Place], why: str) -> None:
        for place in places:
            self.left_out.append((place, why))
            data = {"place": place.key, "why": why}
            self.workspace.note(_LEFT_OUT, data, progress=f"{place.path}:{place.line} is left out: {why}")


_SUITE = "the whole suite"
"""Stands for a test where the suite does not run to its end."""
