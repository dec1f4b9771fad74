"""Does in a workspace what a model calls for. Whatever goes wrong with a call is told to the model, never raised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agents import shown
from agents.agent import Task, Workspace
from agents.conversation.applying import Applier
from agents.conversation.ledger import Contents, Ledger
from agents.editing import Files
from agents.edits import Applied, Edit, Replace, Whole, apply
from agents.errors import BadPattern, OutOfBudget
from agents.patch import patch
from agents.wording import plain
from sandbox import Command, Limits
from shadowfs import RepoPath
from verifier import Position, ServerRefused

Arguments = Mapping[str, object]
_COMMAND_S = 120.0
_UNDERSTOOD = "These lines stand nowhere just so. It was done as another model understood it: look whether that is what you meant."
_MOST_MATCHES = 1_000


@dataclass(frozen=True, slots=True)
class Hands:
    """Carries out calls by their names."""

    task: Task
    workspace: Workspace
    ledger: Ledger
    applier: Applier | None = None

    def once(self, turn: int, name: str, given: Arguments) -> str:
        """Carry out one call of a turn, or say again what came of it in an earlier life."""
        progress = f"turn {turn}: {name} {given.get('path') or given.get('pattern') or given.get('command') or ''}"
        return self.ledger.once(lambda: self.do(name, given), plain(progress)[:120])

    def do(self, name: str, given: Arguments) -> str:
        """Carry out one call of a tool that neither ends the work nor is unknown, and return what came of it."""
        does: dict[str, Callable[[Arguments], str]] = {
            "search": self._search,
            "locate": self._locate,
            "read": self._read,
            "edit": self._edit,
            "write": self._write,
            "diagnostics": self._diagnostics,
            "definition": self._definition,
            "references": self._references,
            "run": self._run,
            "test": self._test,
        }
        try:
            return does[name](given)
        except OutOfBudget:
            # It is a `TimeoutError`, and no word on the call.
            raise
        except (OSError, ServerRefused, BadPattern) as error:
            return f"That did not work: {error}"

    def _search(self, given: Arguments) -> str:
        below = str(given.get("path", "")).strip("/")
        found = (
            each
            for each in self.workspace.search(str(given["pattern"]))
            if below in ("", ".") or each[0] == below or each[0].startswith(f"{below}/")
        )
        return shown.places(each for each, _ in zip(found, range(_MOST_MATCHES), strict=False))

    def _locate(self, given: Arguments) -> str:
        return shown.hits(self.workspace.locate(str(given["text"]))) or "Nothing was found: `search` for words."

    def _read(self, given: Arguments) -> str:
        first, last = given.get("first", 1), given.get("last")
        data = self.workspace.read(str(given["path"]))
        return shown.lines(data, first if isinstance(first, int) else 1, last if isinstance(last, int) else None)

    def _edit(self, given: Arguments) -> str:
        old, new = (tuple(str(given[name]).splitlines()) for name in ("old", "new"))
        return self._applied(Replace(str(given["path"]), old, new))

    def _write(self, given: Arguments) -> str:
        return self._applied(Whole(str(given["path"]), tuple(str(given["content"]).splitlines())))

    def _applied(self, edit: Edit) -> str:
        done = ["Done."]

        def plan() -> Contents | str:
            files = Files(self.workspace)
            made = apply([edit], files, protected=self.task.protected)
            if not isinstance(made, Applied):
                understood = self._understood(edit, files)
                if understood is None:
                    return made.why
                done[:] = [_UNDERSTOOD, *(_diff(path, files[path], data) for path, data in understood.files.items())]
                made = understood
            return {path: data for path, data in made.files.items() if data is not None}

        written = self.ledger.written(plan)
        if isinstance(written, str):
            return written
        # The path that was written: a model may have named it otherwise.
        told = [shown.after_edit(self.workspace.diagnose(path)) for path in written]
        return "\n".join(filter(None, [*done, *told]))

    def _understood(self, edit: Edit, files: Files) -> Applied | None:
        if self.applier is None or not isinstance(edit, Replace):
            return None
        return self.applier.place(edit, files, self.task.protected)

    def _diagnostics(self, given: Arguments) -> str:
        found = self.workspace.inspect(str(given["path"]))
        if not found.asked:
            return "No language server is here for this file."
        return shown.diagnostics(found.found, found.failures)

    def _definition(self, given: Arguments) -> str:
        return shown.locations(self.workspace.definition(str(given["path"]), self._at(given)))

    def _references(self, given: Arguments) -> str:
        return shown.locations(self.workspace.references(str(given["path"]), self._at(given)))

    def _at(self, given: Arguments) -> Position:
        line, name = int(str(given["line"])), str(given["name"])
        text = self.workspace.read(str(given["path"])).decode("utf-8", "replace").splitlines()
        column = text[line - 1].find(name) if 1 <= line <= len(text) else -1
        if column < 0:
            raise ServerRefused(f"line {line} of {given['path']} does not hold {name!r}")
        return Position(line, column)

    def _run(self, given: Arguments) -> str:
        limits = Limits(wall_s=min(_COMMAND_S, max(1.0, self.workspace.remaining_s())))
        return shown.completed(self.workspace.run(Command(("sh", "-c", str(given["command"]))), limits))

    def _test(self, given: Arguments) -> str:
        ids = given.get("ids")
        return shown.report(self.workspace.test([str(each) for each in ids] if isinstance(ids, list) and ids else None))


def _diff(path: RepoPath, before: bytes, after: bytes | None) -> str:
    return patch(path, before, after or b"").decode("utf-8", "replace")
