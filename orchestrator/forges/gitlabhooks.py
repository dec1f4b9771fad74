"""What GitLab's webhooks say, as its documentation shows them."""

from __future__ import annotations

import re

from orchestrator.forges.mentions import is_marked, mentions
from orchestrator.forges.payload import Payload, read_json
from orchestrator.forges.records import (
    Checked,
    Entry,
    Filed,
    Heard,
    Hook,
    Nothing,
    Person,
    Said,
    Thread,
    ticket_text,
)
from orchestrator.forges.signing import alike
from orchestrator.records import Remark

_BOT = re.compile(r"(?:project|group)_\d+_bot(?:_\w+)?|.*\[bot\]|ghost|alert-bot|support-bot", re.IGNORECASE)
"""The names that GitLab gives the users of access tokens, and its own."""


class GitlabHooks:
    """GitLab's webhooks, for one entry. Its token is a shared secret and no signature: it says nothing of the body."""

    age_s = 0.0

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def genuine(self, hook: Hook) -> bool:
        return alike(self._entry.secret, hook.headers.get("x-gitlab-token", "")) and bool(self._entry.secret)

    def delivery(self, hook: Hook) -> str:
        return hook.headers.get("idempotency-key") or hook.headers.get("x-gitlab-event-uuid", "")

    def sent_at(self, hook: Hook) -> float | None:  # noqa: ARG002 - nothing that is signed says so
        return None

    def challenge(self, hook: Hook) -> str:  # noqa: ARG002 - there is none
        return ""

    def parse(self, hook: Hook) -> Heard:
        data = read_json(hook.body)
        if data is None:
            return Nothing("the body is no JSON")
        kind = data.text("object_kind")
        if kind in ("issue", "work_item"):
            return self._issue(data)
        if kind == "note":
            return self._note(data)
        if kind == "pipeline":
            return self._pipeline(data)
        return Nothing(f"nothing is asked by {kind[:60] or 'no kind'!r}")

    def _issue(self, data: Payload) -> Heard:
        issue = data.inner("object_attributes")
        action = issue.text("action")
        if action not in ("open", "update"):
            return Nothing(f"nothing is asked by an issue's {action[:60]!r}")
        labels = data.each("labels")
        if action == "update":
            before = {label.text("title") for label in data.each("changes", "labels", "previous")}
            labels = tuple(
                each for each in data.each("changes", "labels", "current") if each.text("title") not in before
            )
        asked = any(label.text("title").casefold() == self._entry.label.casefold() for label in labels)
        title, body = issue.text("title"), issue.text("description")
        said = action == "open" and mentions(f"{title}\n{body}", self._entry.mention)
        if not said and not (asked and self._entry.label):
            return Nothing("the issue has neither our label nor a mention, or had it before")
        thread = self._thread(data, issue.text("iid"))
        return Filed(
            thread, self._person(data), ticket_text(title, body), issue.text("url"), at=issue.time("updated_at")
        )

    def _note(self, data: Payload) -> Heard:
        note = data.inner("object_attributes")
        text = note.text("note")
        if note.text("action") not in ("", "create") or note.flag("system"):
            return Nothing("only new comments of people ask for work")
        if is_marked(text):
            return Nothing("it is our own comment")
        if note.text("noteable_type") == "MergeRequest":
            return self._on_request(data, note, text)
        if note.text("noteable_type") != "Issue" or not mentions(text, self._entry.mention):
            return Nothing("the comment does not mention us, or is on no issue")
        issue = data.inner("issue")
        return Filed(
            self._thread(data, issue.text("iid")),
            self._person(data),
            ticket_text(issue.text("title"), issue.text("description"), text),
            note.text("url"),
            f"comment:{note.text('id')}",
            note.time("updated_at"),
            text,
        )

    def _on_request(self, data: Payload, note: Payload, text: str) -> Heard:
        request = data.inner("merge_request")
        thread, person = self._thread(data, f"!{request.text('iid')}"), self._person(data)
        comment, at = f"comment:{note.text('id')}", note.time("updated_at")
        if note.text("type") == "DiffNote":
            position = note.inner("position")
            remark = Remark(text, position.text("new_path") or None, position.number("new_line"))
            return Said(thread, person, (remark,), comment, at)
        if not mentions(text, self._entry.mention):
            return Nothing("the comment does not mention us")
        filed = ticket_text(request.text("title"), request.text("description"), text)
        return Filed(thread, person, filed, note.text("url"), comment, at, text)

    def _pipeline(self, data: Payload) -> Heard:
        run = data.inner("object_attributes")
        status = run.text("status")
        if status not in ("failed", "success") or run.flag("tag"):
            return Nothing("the pipeline has not ended, or says neither red nor green")
        failed = [
            f"{build.text('stage')}: {build.text('name')} failed ({build.text('failure_reason') or 'no reason given'})"
            for build in data.each("builds")
            if build.text("status") == "failed" and not build.flag("allow_failure")
        ]
        told = "\n".join([f"the pipeline {run.text('id')} ended in {status}", *failed[:20], run.text("url")])
        return Checked(
            self._entry.name,
            data.text("project", "path_with_namespace"),
            run.text("ref"),
            run.text("sha"),
            status == "success",
            told.strip(),
            run.time("finished_at"),
        )

    def _thread(self, data: Payload, number: str) -> Thread:
        return Thread(self._entry.name, data.text("project", "path_with_namespace"), number)

    def _person(self, data: Payload) -> Person:
        name = data.text("user", "username")
        return Person(name, bool(_BOT.fullmatch(name)))
