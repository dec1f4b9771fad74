"""What GitHub's webhooks say. Gitea's are the same in the main, and say where they differ."""

from __future__ import annotations

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
from orchestrator.forges.signing import signed
from orchestrator.records import Remark

INSIDERS = ("OWNER", "MEMBER", "COLLABORATOR")
RED = ("failure", "timed_out", "startup_failure", "error")
_ASKED = ("opened", "labeled", "label_updated")
"""What asks for work of an issue: who edits or opens again what a stranger wrote, or labelled by a template, asks for nothing."""
_NO_JSON = "the body is no JSON: choose the content type application/json for the webhook"


class GithubHooks:
    """GitHub's webhooks, for one entry."""

    age_s = 0.0
    _event = "x-github-event"
    _delivery = "x-github-delivery"

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def genuine(self, hook: Hook) -> bool:
        kind, _, digest = hook.headers.get("x-hub-signature-256", "").partition("=")
        return signed(self._entry.secret, hook.body, digest) and kind == "sha256"

    def delivery(self, hook: Hook) -> str:
        return hook.headers.get(self._delivery, "")

    def sent_at(self, hook: Hook) -> float | None:  # noqa: ARG002 - the signature is over the body alone, which does not say
        return None

    def challenge(self, hook: Hook) -> str:  # noqa: ARG002 - it sends a ping, which any answer satisfies
        return ""

    def parse(self, hook: Hook) -> Heard:
        data = read_json(hook.body)
        if data is None:
            return Nothing(_NO_JSON)
        return self.understand(self.event(hook), data)

    def event(self, hook: Hook) -> str:
        """Return what kind of event it is."""
        return hook.headers.get(self._event, "")

    def understand(self, event: str, data: Payload) -> Heard:
        """Return what an event says."""
        if event == "issues":
            return self._issue(data)
        if event == "issue_comment":
            return self._comment(data)
        if event == "pull_request_review_comment":
            return self._line(data)
        if event == "pull_request_review":
            return self._review(data)
        if event in ("check_suite", "workflow_run"):
            return self._run(data, data.inner(event))
        if event == "status":
            return self._status(data)
        return Nothing(f"nothing is asked by {event[:60] or 'no event'!r}")

    def _issue(self, data: Payload) -> Heard:
        action, issue = data.text("action"), data.inner("issue")
        if action not in _ASKED:
            return Nothing(f"nothing is asked by an issue that is {action[:60]!r}")
        labels = [data.inner("label")] if action == "labeled" else _labels(data, issue)
        body = issue.text("body")
        asked = self._entry.label.casefold() in (label.text("name").casefold() for label in labels)
        said = action == "opened" and mentions(f"{issue.text('title')}\n{body}", self._entry.mention)
        if not said and not (asked and self._entry.label):
            return Nothing("the issue has neither our label nor a mention")
        return Filed(
            self._thread(data, issue),
            self._person(data.inner("sender"), issue),
            ticket_text(issue.text("title"), body),
            issue.text("html_url"),
            at=issue.time("updated_at"),
        )

    def _comment(self, data: Payload) -> Heard:
        issue, comment = data.inner("issue"), data.inner("comment")
        body = comment.text("body")
        if data.text("action") != "created":
            return Nothing("only new comments ask for work")
        if is_marked(body):
            return Nothing("it is our own comment")
        if not mentions(body, self._entry.mention):
            return Nothing("the comment does not mention us")
        return Filed(
            self._thread(data, issue),
            self._person(comment.inner("user"), comment),
            ticket_text(issue.text("title"), issue.text("body"), body),
            comment.text("html_url"),
            f"comment:{comment.text('id')}",
            comment.time("updated_at"),
            body,
        )

    def _line(self, data: Payload) -> Heard:
        comment = data.inner("comment")
        if data.text("action") != "created":
            return Nothing("only new remarks count")
        if is_marked(comment.text("body")):
            return Nothing("it is our own remark")
        return Said(
            self._thread(data, data.inner("pull_request")),
            self._person(comment.inner("user"), comment),
            (self._remark(comment),),
            f"remark:{comment.text('id')}",
            comment.time("updated_at"),
        )

    def _remark(self, comment: Payload) -> Remark:
        # A remark on a line that the change took away is one on the file.
        line = comment.number("line") if comment.text("side") != "LEFT" else None
        return Remark(comment.text("body"), comment.text("path") or None, line)

    def _review(self, data: Payload) -> Heard:
        review = data.inner("review")
        body = review.text("body")
        if data.text("action") != "submitted" or review.text("state").lower() not in ("changes_requested", "commented"):
            return Nothing("the review asks for nothing")
        if not body.strip() or is_marked(body):
            return Nothing("the review says nothing of its own: its remarks come by themselves")
        return Said(
            self._thread(data, data.inner("pull_request")),
            self._person(review.inner("user"), review),
            (Remark(body),),
            at=review.time("submitted_at"),
        )

    def _run(self, data: Payload, run: Payload) -> Heard:
        conclusion = run.text("conclusion")
        if data.text("action") != "completed" or conclusion not in (*RED, "success"):
            return Nothing("the CI run has not ended, or says neither red nor green")
        name = run.text("name") or run.text("app", "name") or "CI"
        told = "\n".join(filter(None, (f"{name} ended in {conclusion}", run.text("html_url"))))
        return Checked(
            self._entry.name,
            data.text("repository", "full_name"),
            run.text("head_branch"),
            run.text("head_sha"),
            conclusion == "success",
            told,
            run.time("updated_at"),
        )

    def _status(self, data: Payload) -> Heard:
        state, url = data.text("state"), data.text("target_url")
        if state not in (*RED, "success"):
            return Nothing("the status says neither red nor green")
        told = "\n".join(filter(None, (f"{data.text('context')}: {data.text('description') or state}", url)))
        return Checked(
            self._entry.name,
            data.text("repository", "full_name"),
            # A commit is on any number of branches: which is ours, the commit says.
            "",
            data.text("sha"),
            state == "success",
            told,
            data.time("updated_at"),
        )

    def _thread(self, data: Payload, issue: Payload) -> Thread:
        return Thread(self._entry.name, data.text("repository", "full_name"), issue.text("number"))

    def _person(self, user: Payload, wrote: Payload) -> Person:
        """Return who did it; what `wrote` says of its author counts where that is the same."""
        name = user.text("login")
        bot = user.text("type") == "Bot" or name.endswith("[bot]")
        association = wrote.text("author_association") if wrote.text("user", "login") == name else ""
        return Person(name, bot, association in INSIDERS if association else None)


class GiteaHooks(GithubHooks):
    """Gitea's webhooks, and Forgejo's."""

    _event = "x-gitea-event"
    _delivery = "x-gitea-delivery"

    def genuine(self, hook: Hook) -> bool:
        return signed(self._entry.secret, hook.body, hook.headers.get("x-gitea-signature", ""))

    def understand(self, event: str, data: Payload) -> Heard:
        if event in ("issues", "issue_label"):
            return self._issue(data)
        if event in ("issue_comment", "pull_request_comment") and not data.has("review"):
            return self._comment(data)
        if event.startswith(("pull_request_review", "pull_request_rejected")) or event == "pull_request_comment":
            return self._reviewed(data)
        if event in ("status", "workflow_run"):
            return super().understand(event, data)
        return Nothing(f"nothing is asked by {event[:60]!r}")

    def _comment(self, data: Payload) -> Heard:
        if not data.has("issue") and data.has("pull_request"):
            # Since 1.23 a comment on a pull request comes with that alone.
            data = Payload({**_fields(data), "issue": data.inner("pull_request").value})
        return super()._comment(data)

    def _reviewed(self, data: Payload) -> Heard:
        """Return a review; its remarks on lines are in none of Gitea's webhooks, so they are fetched when it is worked on."""
        kind, text = data.text("review", "type"), data.text("review", "content")
        if not kind.endswith(("rejected", "comment")) or is_marked(text):
            return Nothing("the review asks for nothing")
        pull = data.inner("pull_request")
        remarks = (Remark(text),) if text.strip() else ()
        person = self._person(data.inner("sender"), Payload(None))
        return Said(self._thread(data, pull), person, remarks, "review:", pull.time("updated_at"))


def _labels(data: Payload, issue: Payload) -> tuple[Payload, ...]:
    """Return the labels that an issue has got, as far as Gitea says which are new."""
    if data.has("changes", "added_labels"):
        return data.each("changes", "added_labels")
    return issue.each("labels")


def _fields(data: Payload) -> dict[str, object]:
    return dict(data.value) if isinstance(data.value, dict) else {}
