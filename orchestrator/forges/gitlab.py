"""GitLab, spoken to over its REST API, version 4. Issues are `5`, merge requests `!5`."""

from __future__ import annotations

from orchestrator.forges.calls import Caller, part
from orchestrator.forges.errors import ForgeRefused, ForgeUnavailable
from orchestrator.forges.github import JOBS, LOG_BYTES
from orchestrator.forges.mentions import is_marked, marked
from orchestrator.forges.payload import Payload
from orchestrator.forges.records import Entry, Issue, Pull, Said, Thread, Wanted
from orchestrator.records import Remark

_DEVELOPER = 30
"""The least access level that may push a branch."""


class Gitlab:
    """GitLab.com, or a server of one's own."""

    def __init__(self, entry: Entry, caller: Caller) -> None:
        self._entry = entry
        self._caller = caller

    @staticmethod
    def headers(token: str) -> dict[str, str]:
        """Return the headers of every call."""
        return {"PRIVATE-TOKEN": token} if token else {}

    def look(self) -> str:
        return self._caller.ask("GET", "/user").data.text("username")

    def may(self, repository: str, who: str) -> bool:
        users = self._caller.ask("GET", "/users", query={"username": who}).data.each()
        for user in users:
            if user.text("username").casefold() == who.casefold():
                path = f"{self._of(repository)}/members/all/{user.text('id')}"
                member = self._caller.ask("GET", path, fine=(404,))
                return member.status == 200 and (member.data.number("access_level") or 0) >= _DEVELOPER
        return False

    def react(self, thread: Thread, comment: str) -> None:
        _, _, id = comment.partition(":")
        place = f"{self._at(thread)}/notes/{id}" if id else self._at(thread)
        # A second one is refused as if there were no such comment.
        self._caller.ask("POST", f"{place}/award_emoji", {"name": "eyes"}, fine=(400, 404, 409))

    def tell(self, thread: Thread, text: str, mark: str, since: float) -> None:  # noqa: ARG002 - newest first is enough
        path = f"{self._at(thread)}/notes"
        newest = self._caller.pages(path, {"sort": "desc", "order_by": "created_at"})
        if not any(is_marked(each.text("body"), mark) for each in newest):
            self._caller.ask("POST", path, {"body": marked(text, mark)})

    def remarks(self, thread: Thread, said: Said) -> tuple[Remark, ...]:  # noqa: ARG002 - each comes by itself
        return said.remarks

    def failures(self, repository: str, commit: str) -> str:
        asked = {"sha": commit, "status": "failed", "order_by": "id", "sort": "desc"}
        pipelines = self._caller.ask("GET", f"{self._of(repository)}/pipelines", query=asked).data.each()
        if not pipelines:
            return ""
        path = f"{self._of(repository)}/pipelines/{part(pipelines[0].text('id'))}/jobs"
        jobs = self._caller.ask("GET", path, query={"scope[]": "failed"}).data.each()
        red = [job for job in jobs if not job.flag("allow_failure")][:JOBS]
        return "\n\n".join(f"{job.text('name')}\n{self._log(repository, job)}" for job in red)

    def _log(self, repository: str, job: Payload) -> str:
        return self._caller.tail(f"{self._of(repository)}/jobs/{part(job.text('id'))}/trace", LOG_BYTES)

    def issue(self, thread: Thread) -> Issue:
        found = self._caller.ask("GET", self._at(thread)).data
        author = found.text("author", "username")
        return Issue(thread, found.text("title"), found.text("description"), found.text("web_url"), author)

    def pull(self, thread: Thread) -> Pull:
        return self._pull(thread.repository, self._caller.ask("GET", self._at(thread)).data)

    def default_branch(self, repository: str) -> str:
        name = self._caller.ask("GET", self._of(repository)).data.text("default_branch")
        if not name:
            raise ForgeUnavailable(f"{self._entry.name} names no default branch of {repository}: has it a commit?")
        return name

    def offer(self, wanted: Wanted) -> Pull:
        found = self._find(wanted)
        path = f"{self._of(wanted.repository)}/merge_requests"
        said = {"title": wanted.title, "description": wanted.body}
        if found is None:
            body = {**said, "source_branch": wanted.branch, "target_branch": wanted.base, "remove_source_branch": True}
            answer = self._caller.ask("POST", path, body, fine=(400, 409, 422))
            if answer.status < 300:
                return self._pull(wanted.repository, answer.data)
            # Somebody was faster; or it is refused, which the second look tells.
            found = self._find(wanted)
            if found is None:
                raise ForgeRefused(
                    f"{self._entry.name} opens no merge request from {wanted.branch} into {wanted.base}:"
                    f" {answer.data.text('message')[:200] or answer.status}"
                )
        if found.open:
            self._caller.ask("PUT", f"{path}/{found.thread.number.lstrip('!')}", said)
        return found

    def address(self, repository: str) -> str:
        return self._entry.address(repository)

    @property
    def git_user(self) -> str:
        return self._entry.git_user

    def _find(self, wanted: Wanted) -> Pull | None:
        asked = {"source_branch": wanted.branch, "state": "all"}
        items = [
            each
            for each in self._caller.pages(f"{self._of(wanted.repository)}/merge_requests", asked)
            # A fork's branch may have the same name.
            if each.text("source_branch") == wanted.branch
            and each.text("source_project_id") == each.text("target_project_id")
        ]
        pulls = [self._pull(wanted.repository, each) for each in items]
        return next((each for each in pulls if each.open), None) or (pulls[0] if pulls else None)

    def _pull(self, repository: str, item: Payload) -> Pull:
        number = item.text("iid")
        if not number:
            raise ForgeUnavailable(f"{self._entry.name} answered with what is no merge request")
        return Pull(
            Thread(self._entry.name, repository, f"!{number}"),
            item.text("source_branch"),
            item.text("sha"),
            item.text("target_branch"),
            item.text("web_url"),
            item.text("state") == "opened",
            f"refs/merge-requests/{number}/head",
        )

    def _of(self, repository: str) -> str:
        return f"/projects/{part(repository)}"

    def _at(self, thread: Thread) -> str:
        kind = "merge_requests" if thread.number.startswith("!") else "issues"
        return f"{self._of(thread.repository)}/{kind}/{part(thread.number.lstrip('!'))}"
