"""GitHub, spoken to over its REST API."""

from __future__ import annotations

from datetime import UTC, datetime

from orchestrator.forges.calls import Caller, part
from orchestrator.forges.errors import ForgeRefused, ForgeUnavailable
from orchestrator.forges.githubhooks import RED
from orchestrator.forges.mentions import is_marked, marked
from orchestrator.forges.payload import Payload
from orchestrator.forges.records import Entry, Issue, Pull, Said, Thread, Wanted
from orchestrator.records import Remark

JOBS = 3
"""Of how many red jobs it is told why."""
LOG_BYTES = 2_000
"""Of the end of each one's log."""
_EYES = {"content": "eyes"}


class Github:
    """GitHub, or a GitHub Enterprise server."""

    _rights = ("admin", "maintain", "write")

    def __init__(self, entry: Entry, caller: Caller) -> None:
        self._entry = entry
        self._caller = caller

    @staticmethod
    def headers(token: str) -> dict[str, str]:
        """Return the headers of every call."""
        known = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        return {**known, "Authorization": f"Bearer {token}"} if token else known

    def look(self) -> str:
        answer = self._caller.ask("GET", "/user", fine=(403,))
        # An app's token is nobody's.
        return answer.data.text("login") if answer.status == 200 else "an app"

    def may(self, repository: str, who: str) -> bool:
        path = f"{self._of(repository)}/collaborators/{part(who)}/permission"
        answer = self._caller.ask("GET", path, fine=(404,))
        return answer.status == 200 and answer.data.text("permission") in self._rights

    def react(self, thread: Thread, comment: str) -> None:
        kind, _, id = comment.partition(":")
        place = {"comment": f"issues/comments/{id}", "remark": f"pulls/comments/{id}"}.get(
            kind, f"issues/{thread.number}"
        )
        # What is gone needs no reaction.
        self._caller.ask("POST", f"{self._of(thread.repository)}/{place}/reactions", _EYES, fine=(404, 410, 422))

    def tell(self, thread: Thread, text: str, mark: str, since: float) -> None:
        path = f"{self._of(thread.repository)}/issues/{thread.number}/comments"
        asked = {"since": datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
        if not any(is_marked(each.text("body"), mark) for each in self._caller.pages(path, asked)):
            self._caller.ask("POST", path, {"body": marked(text, mark)})

    def remarks(self, thread: Thread, said: Said) -> tuple[Remark, ...]:  # noqa: ARG002 - each comes by itself
        return said.remarks

    def failures(self, repository: str, commit: str) -> str:
        path = f"{self._of(repository)}/commits/{part(commit)}/check-runs"
        runs = self._caller.ask("GET", path, query={"filter": "latest", "per_page": "100"}).data.each("check_runs")
        red = [each for each in runs if each.text("conclusion") in RED][:JOBS]
        return "\n\n".join(filter(None, (self._why(repository, each) for each in red)))

    def _why(self, repository: str, run: Payload) -> str:
        output = run.inner("output")
        parts = [run.text("name"), output.text("title"), output.text("summary")[:LOG_BYTES]]
        if run.text("app", "slug") == "github-actions":
            # There a job and its check run have one id.
            parts.append(
                self._caller.tail(f"{self._of(repository)}/actions/jobs/{part(run.text('id'))}/logs", LOG_BYTES)
            )
        return "\n".join(filter(None, parts))

    def issue(self, thread: Thread) -> Issue:
        found = self._caller.ask("GET", f"{self._of(thread.repository)}/issues/{thread.number}").data
        user = found.text("user", "login")
        return Issue(thread, found.text("title"), found.text("body"), found.text("html_url"), user)

    def pull(self, thread: Thread) -> Pull:
        return self._pull(
            thread.repository, self._caller.ask("GET", f"{self._of(thread.repository)}/pulls/{thread.number}").data
        )

    def default_branch(self, repository: str) -> str:
        name = self._caller.ask("GET", self._of(repository)).data.text("default_branch")
        if not name:
            raise ForgeUnavailable(f"{self._entry.name} names no default branch of {repository}: has it a commit?")
        return name

    def offer(self, wanted: Wanted) -> Pull:
        found = self._find(wanted)
        if found is None:
            body = {"title": wanted.title, "body": wanted.body, "head": wanted.branch, "base": wanted.base}
            answer = self._caller.ask("POST", f"{self._of(wanted.repository)}/pulls", body, fine=(409, 422))
            if answer.status in (409, 422):
                # Somebody was faster; or it is refused, which the second look tells.
                found = self._find(wanted)
                if found is None:
                    raise ForgeRefused(
                        f"{self._entry.name} opens no pull request from {wanted.branch} into {wanted.base}:"
                        f" {answer.data.text('message')[:200]}"
                    )
            else:
                return self._pull(wanted.repository, answer.data)
        if found.open:
            path = f"{self._of(wanted.repository)}/pulls/{found.thread.number}"
            self._caller.ask("PATCH", path, {"title": wanted.title, "body": wanted.body})
        return found

    def address(self, repository: str) -> str:
        return self._entry.address(repository)

    @property
    def git_user(self) -> str:
        return self._entry.git_user

    def _find(self, wanted: Wanted) -> Pull | None:
        """Return the pull request of a branch: an open one, else the newest that is closed."""
        owner = wanted.repository.partition("/")[0]
        asked = {"head": f"{owner}:{wanted.branch}", "state": "all"}
        items = self._caller.pages(f"{self._of(wanted.repository)}/pulls", asked)
        return _first([self._pull(wanted.repository, each) for each in items if self._is_of(wanted, each)])

    def _is_of(self, wanted: Wanted, item: Payload) -> bool:
        # A fork's branch may have the same name.
        home = item.text("head", "repo", "full_name").casefold() == wanted.repository.casefold()
        return home and item.text("head", "ref") == wanted.branch

    def _pull(self, repository: str, item: Payload) -> Pull:
        number = item.text("number")
        if not number:
            raise ForgeUnavailable(f"{self._entry.name} answered with what is no pull request")
        return Pull(
            Thread(self._entry.name, repository, number),
            item.text("head", "ref"),
            item.text("head", "sha"),
            item.text("base", "ref"),
            item.text("html_url"),
            item.text("state") == "open",
            f"refs/pull/{number}/head",
        )

    def _of(self, repository: str) -> str:
        return "/repos/" + "/".join(map(part, repository.split("/")))


def _first(pulls: list[Pull]) -> Pull | None:
    return next((each for each in pulls if each.open), None) or (pulls[0] if pulls else None)
