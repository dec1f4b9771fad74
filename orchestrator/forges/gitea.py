"""Gitea and Forgejo: GitHub's API in the main, with headers and a few ways of their own."""

from __future__ import annotations

from orchestrator.forges.calls import part
from orchestrator.forges.errors import ForgeRefused
from orchestrator.forges.github import JOBS, Github
from orchestrator.forges.githubhooks import RED
from orchestrator.forges.payload import Payload
from orchestrator.forges.records import Said, Thread
from orchestrator.records import Remark

_REVIEW = "review:"


class Gitea(Github):
    """A Gitea or Forgejo server."""

    _rights = ("owner", "admin", "write")

    @staticmethod
    def headers(token: str) -> dict[str, str]:
        return {"Authorization": f"token {token}"} if token else {}

    def react(self, thread: Thread, comment: str) -> None:
        if comment != _REVIEW:
            super().react(thread, comment)

    def remarks(self, thread: Thread, said: Said) -> tuple[Remark, ...]:
        """Return what was said, and the remarks on lines of that person's newest review, which no webhook has."""
        if said.comment != _REVIEW:
            return said.remarks
        path = f"{self._of(thread.repository)}/pulls/{thread.number}/reviews"
        reviews = [each for each in self._caller.pages(path) if each.text("user", "login") == said.who.name]
        if not reviews:
            return said.remarks
        newest = max(reviews, key=lambda each: each.number("id") or 0)
        lines = self._caller.ask("GET", f"{path}/{newest.text('id')}/comments").data.each()
        return (*said.remarks, *(_remark(line) for line in lines if line.text("body").strip()))

    def failures(self, repository: str, commit: str) -> str:
        """Return what the statuses of a commit say; there are no logs of other people's CI."""
        path = f"{self._of(repository)}/commits/{part(commit)}/statuses"
        red = [each for each in self._caller.ask("GET", path).data.each() if each.text("status") in RED]
        return "\n".join(f"{each.text('context')}: {each.text('description')}" for each in red[:JOBS])

    def look(self) -> str:
        found = self._caller.ask("GET", "/user").data.text("login")
        if not found:
            raise ForgeRefused(
                f"{self._entry.name} does not say whose the token is: has the token the scope read:user?"
            )
        return found


def _remark(line: Payload) -> Remark:
    return Remark(line.text("body"), line.text("path") or None, line.number("position") or None)
