"""Readings of a ticket: changes that were built one after the other, each checked, among which a person picks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agents.agent import Option, Proposal, Question, Workspace
from agents.conversation.ledger import Ledger
from agents.wording import plain, title

MOST = 4
_PAGE = "\f"
_FILES = frozenset({0o100644, 0o100755})
_MOVING = (
    "The files move with what the user saves, so there is no going back to what they were: go on with one reading, the likeliest,"
    " or `ask` which is meant."
)
_WHICH = "The ticket can be read in several ways. Each of these changes was built and passes the tests: which is meant?"


@dataclass(frozen=True, slots=True)
class Reading:
    """A change, by its tree, and what is said about it."""

    tree: str
    title: str
    explanation: str
    shows: str

    @classmethod
    def of(cls, tree: str, given: Mapping[str, object]) -> Reading:
        """Return what a call of `alternative` or `done` says about a tree."""
        name, explanation = title(str(given["title"])), plain(str(given["explanation"])).strip()
        return cls(tree, name, explanation, plain(str(given.get("reading", ""))).strip() or name)


@dataclass(slots=True)
class Readings:
    """Keeps changes by their trees, which outlive the process; `wrong` says what is wrong with the one in the workspace.

    Where the files are `moving` none is kept: put back, it would undo what moved them.
    """

    workspace: Workspace
    ledger: Ledger
    wrong: Callable[[], str]
    moving: bool = False
    kept: list[Reading] = field(default_factory=list)

    def keep(self, given: Mapping[str, object]) -> str:
        """Keep the change as it is as one reading, go back to the files as they were, and return what to tell the model."""
        if len(self.kept) == MOST - 1:
            return f"{len(self.kept)} readings are kept, and one more is all that a person is asked about: build it and call `done`."
        tree, _, wrong = self.ledger.once(self._look, "checking one reading of the ticket").partition(_PAGE)
        if wrong:
            return f"It is not kept. {wrong}"
        # Its tree is in the journal by now: a life that ends here goes back to the base, and loses nothing.
        self.ledger.once(self._begin_again)
        self.kept.append(Reading.of(tree, given))
        return (
            f"Kept as reading {len(self.kept)}. The files are as they were before any change: build the next reading. The last one"
            " is ended with `done`."
        )

    def add(self, given: Mapping[str, object]) -> None:
        """Keep the change as it is as the last reading; it was checked, and a tree that is kept already is no other reading."""
        tree = self.ledger.once(lambda: self.workspace.change().tree)
        if all(each.tree != tree for each in self.kept):
            self.kept.append(Reading.of(tree, given))

    def offered(self) -> Proposal | Question:
        """Return what is kept, at least one, for a person to pick from. The workspace ends with the last."""
        options = []
        for each in self.kept:
            self.workspace.restore(each.tree)
            proposal = Proposal(self.workspace.change(), each.title, each.explanation)
            options.append(Option(proposal, each.shows))
        return Question(_WHICH, tuple(options)) if len(options) > 1 else options[0].proposal

    def _look(self) -> str:
        """Return the tree of the change and what is wrong with it, as one text for the ledger."""
        if self.moving:
            return f"{_PAGE}{_MOVING}"
        wrong, change = self.wrong(), self.workspace.change()
        same = next((at for at, each in enumerate(self.kept, 1) if each.tree == change.tree), 0)
        modes = {entry.mode for file in change.files for entry in (file.before, file.after) if entry is not None}
        if not wrong and same:
            wrong = f"It is the same as reading {same}."
        if not wrong and not modes <= _FILES:
            wrong = "It changes links: readings may change files alone."
        return f"{change.tree}{_PAGE}{wrong}"

    def _begin_again(self) -> str:
        self.workspace.restore(self.workspace.change().base)
        return ""
