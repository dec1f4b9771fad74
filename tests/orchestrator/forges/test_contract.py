"""What every forge does, over all adapters: speaking may be repeated, and there is one of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.forges.errors import ForgeRefused
from orchestrator.forges.forge import Forge
from orchestrator.forges.memory import MemoryForge
from orchestrator.forges.records import Issue, Thread, Wanted
from tests.orchestrator.forges.desk import desk

REPOSITORY = "team/sums"
WANTED = Wanted(REPOSITORY, "nightcrew/x", "main", "a title", "a body")


@dataclass(frozen=True, slots=True)
class Known:
    """A forge with issue 5, the number of its comments, of its reactions and pull requests, and how one is closed."""

    forge: Forge
    name: str
    counts: Callable[[], tuple[int, int, int]]
    close: Callable[[], None]


@contextmanager
def real(folder: Path, kind: str) -> Iterator[Known]:
    with desk(folder, kind) as at:
        at.fake.issue()
        at.fake.git("branch", "nightcrew/x", "main")

        def counts() -> tuple[int, int, int]:
            talk = at.fake.talks["#5"]
            return len(talk.comments), len(talk.reactions), len(at.fake.pulls())

        def close() -> None:
            at.fake.pulls()[0].state = "closed"

        yield Known(at.forges.office.forge("hub"), "hub", counts, close)


@contextmanager
def in_memory() -> Iterator[Known]:
    forge, thread = MemoryForge("hub", writers={"alice"}), Thread("hub", REPOSITORY, "5")
    forge.issues[thread] = Issue(thread, "total() forgets the first number", "", "memory:5", "alice")

    def counts() -> tuple[int, int, int]:
        return len(forge.comments.get(thread, [])), len(forge.reactions), len(forge.pulls)

    yield Known(forge, "hub", counts, lambda: forge.close_pull(next(iter(forge.pulls))))


@pytest.fixture(params=["memory", "github", "gitlab", "gitea"])
def known(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Known]:
    with in_memory() if request.param == "memory" else real(tmp_path, request.param) as made:
        yield made


def test_what_is_said_twice_is_there_once(known: Known) -> None:
    thread = Thread(known.name, REPOSITORY, "5")
    for _ in range(2):
        known.forge.react(thread, "")
        known.forge.tell(thread, "hello", "a mark", 0.0)
    known.forge.tell(thread, "hello", "another mark", 0.0)
    assert known.counts() == (2, 1, 0)


def test_a_branch_has_one_pull_request(known: Known) -> None:
    first = known.forge.offer(WANTED)
    assert (first.branch, first.base, first.open) == ("nightcrew/x", "main", True)
    assert known.forge.offer(WANTED).thread == first.thread
    assert known.forge.pull(first.thread).branch == "nightcrew/x"
    assert known.counts() == (0, 0, 1)
    known.close()
    assert not known.forge.offer(WANTED).open
    assert known.counts() == (0, 0, 1)


def test_issues_branches_and_rights_are_told(known: Known) -> None:
    issue = known.forge.issue(Thread(known.name, REPOSITORY, "5"))
    assert (issue.title, issue.author) == ("total() forgets the first number", "alice")
    with pytest.raises(ForgeRefused):
        known.forge.issue(Thread(known.name, REPOSITORY, "99"))
    assert known.forge.default_branch(REPOSITORY) == "main"
    assert known.forge.may(REPOSITORY, "alice")
    assert not known.forge.may(REPOSITORY, "nobody")
    assert known.forge.look()
    assert known.forge.address(REPOSITORY).endswith("/team/sums.git")
    assert known.forge.failures(REPOSITORY, "a" * 40) == ""
