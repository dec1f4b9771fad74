"""A forge in memory: for tests, and for whoever writes an adapter. Nothing of it outlives the process, and git finds nothing there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from orchestrator.forges.errors import ForgeRefused
from orchestrator.forges.mentions import is_marked, marked
from orchestrator.forges.records import Issue, Pull, Said, Thread, Wanted
from orchestrator.records import Remark


@dataclass(slots=True)
class MemoryForge:
    """A forge in dictionaries. `writers` may write to every repository."""

    name: str = "memory"
    git_user: str = "nightcrew"
    writers: set[str] = field(default_factory=set)
    issues: dict[Thread, Issue] = field(default_factory=dict)
    pulls: dict[Thread, Pull] = field(default_factory=dict)
    wanted: dict[Thread, Wanted] = field(default_factory=dict)
    comments: dict[Thread, list[str]] = field(default_factory=dict)
    reactions: set[tuple[Thread, str]] = field(default_factory=set)
    red: dict[str, str] = field(default_factory=dict)

    def look(self) -> str:
        return "nightcrew"

    def may(self, repository: str, who: str) -> bool:  # noqa: ARG002 - whoever may write here may write everywhere
        return who in self.writers

    def react(self, thread: Thread, comment: str) -> None:
        self.reactions.add((thread, comment))

    def tell(self, thread: Thread, text: str, mark: str, since: float) -> None:  # noqa: ARG002 - all are looked through
        said = self.comments.setdefault(thread, [])
        if not any(is_marked(each, mark) for each in said):
            said.append(marked(text, mark))

    def remarks(self, thread: Thread, said: Said) -> tuple[Remark, ...]:  # noqa: ARG002 - nothing is left out
        return said.remarks

    def failures(self, repository: str, commit: str) -> str:  # noqa: ARG002 - commits have one name everywhere
        return self.red.get(commit, "")

    def issue(self, thread: Thread) -> Issue:
        if thread not in self.issues:
            raise ForgeRefused(f"{self.name} has no issue {thread.number} of {thread.repository}: name another")
        return self.issues[thread]

    def pull(self, thread: Thread) -> Pull:
        if thread not in self.pulls:
            raise ForgeRefused(f"{self.name} has no pull request {thread.number} of {thread.repository}: name another")
        return self.pulls[thread]

    def default_branch(self, repository: str) -> str:  # noqa: ARG002 - all have the same
        return "main"

    def offer(self, wanted: Wanted) -> Pull:
        known = [
            each
            for each in self.pulls.values()
            if (each.thread.repository, each.branch) == (wanted.repository, wanted.branch)
        ]
        found = next((each for each in known if each.open), None) or next(iter(known), None)
        if found is None:
            number = f"{1 + len(self.issues) + len(self.pulls)}"
            thread = Thread(self.name, wanted.repository, number)
            found = Pull(thread, wanted.branch, "", wanted.base, f"memory:{number}", True, f"refs/pull/{number}/head")
        if found.open:
            self.wanted[found.thread] = wanted
        self.pulls[found.thread] = found
        return found

    def close_pull(self, thread: Thread) -> None:
        """Close a pull request."""
        self.pulls[thread] = replace(self.pulls[thread], open=False)

    def address(self, repository: str) -> str:
        return f"http://{self.name}.invalid/{repository}.git"
