"""Linear, as its documentation describes webhooks (HMAC-SHA256 in `Linear-Signature`, `webhookTimestamp` in the body) and its GraphQL API."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from orchestrator.forges.calls import Caller
from orchestrator.forges.errors import ForgeRefused, ForgeUnavailable
from orchestrator.forges.mentions import is_marked, marked, mentions
from orchestrator.forges.payload import Payload, read_json
from orchestrator.forges.records import Entry, Filed, Heard, Hook, Nothing, Person, Thread, ticket_text
from orchestrator.forges.signing import signed

_COMMENT = "mutation($input: CommentCreateInput!) { commentCreate(input: $input) { success } }"
_REACTION = "mutation($input: ReactionCreateInput!) { reactionCreate(input: $input) { success } }"
_SPACE = uuid.UUID("5a2d4c6e-8f10-4b7a-9c3d-1e5f70829ab4")
"""Marks of ours become the ids of comments in this space, so that a comment can be made once only."""


class LinearHooks:
    """Linear's webhooks, for one entry."""

    age_s = 60.0

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def genuine(self, hook: Hook) -> bool:
        return signed(self._entry.secret, hook.body, hook.headers.get("linear-signature", ""))

    def delivery(self, hook: Hook) -> str:
        return hook.headers.get("linear-delivery", "")

    def sent_at(self, hook: Hook) -> float | None:
        data = read_json(hook.body)
        sent_ms = None if data is None else data.number("webhookTimestamp")
        return None if sent_ms is None else sent_ms / 1000

    def challenge(self, hook: Hook) -> str:  # noqa: ARG002 - there is none
        return ""

    def parse(self, hook: Hook) -> Heard:
        data = read_json(hook.body)
        if data is None:
            return Nothing("the body is no JSON")
        if data.text("type") == "Issue" and data.text("action") in ("create", "update"):
            return self._issue(data, data.inner("data"))
        if data.text("type") == "Comment" and data.text("action") == "create":
            return self._comment(data, data.inner("data"))
        return Nothing("nothing is asked by that")

    def _issue(self, data: Payload, issue: Payload) -> Heard:
        update = data.text("action") == "update"
        labels = [
            label for label in issue.each("labels") if label.text("name").casefold() == self._entry.label.casefold()
        ]
        before = [each.text() for each in data.each("updatedFrom", "labelIds")]
        # Of an update it says what was before, where that changed.
        new = [
            each
            for each in labels
            if not update or (data.has("updatedFrom", "labelIds") and each.text("id") not in before)
        ]
        body = issue.text("description")
        said = not update and mentions(f"{issue.text('title')}\n{body}", self._entry.mention)
        if not new and not said:
            return Nothing("the issue has neither our label nor a mention, or had it before")
        text = ticket_text(issue.text("title"), body)
        thread = Thread(self._entry.name, "", issue.text("id"))
        return Filed(thread, _person(data), text, data.text("url"), at=issue.time("updatedAt"))

    def _comment(self, data: Payload, comment: Payload) -> Heard:
        body = comment.text("body")
        if is_marked(body) or not mentions(body, self._entry.mention):
            return Nothing("the comment does not mention us, or is our own")
        issue = comment.inner("issue")
        text = ticket_text(issue.text("title"), issue.text("description"), body)
        thread = Thread(self._entry.name, "", issue.text("id") or comment.text("issueId"))
        return Filed(
            thread, _person(data), text, data.text("url"), f"comment:{comment.text('id')}", comment.time("updatedAt")
        )


class Linear:
    """Linear, spoken to in GraphQL."""

    def __init__(self, entry: Entry, caller: Caller) -> None:
        self._entry = entry
        self._caller = caller

    @staticmethod
    def headers(token: str) -> dict[str, str]:
        """Return the headers of every call: keys of persons stand alone, those of applications as bearers."""
        return {"Authorization": token if token.startswith("lin_api_") else f"Bearer {token}"} if token else {}

    def look(self) -> str:
        return self._ask("query { viewer { name } }", {}).text("viewer", "name")

    def react(self, thread: Thread, comment: str) -> None:
        _, _, id = comment.partition(":")
        about = {"commentId": id} if id else {"issueId": thread.number}
        self._ask(_REACTION, {"input": {**about, "emoji": "eyes", "id": _id(f"react {thread.number} {comment}")}})

    def tell(self, thread: Thread, text: str, mark: str, since: float) -> None:  # noqa: ARG002 - its id says whether it is there
        comment = {"issueId": thread.number, "body": marked(text, mark), "id": _id(mark)}
        self._ask(_COMMENT, {"input": comment})

    def _ask(self, query: str, variables: Mapping[str, object]) -> Payload:
        data = self._caller.ask("POST", "/graphql", {"query": query, "variables": variables}, fine=(400,)).data
        errors = data.each("errors")
        if not errors:
            return data.inner("data")
        said = errors[0].text("message")
        kind = errors[0].text("extensions", "code") or errors[0].text("extensions", "type")
        if "already exists" in said.lower() or "duplicate" in said.lower() or "unique" in said.lower():
            # It was made before.
            return Payload({})
        if kind.upper() in ("RATELIMITED", "INTERNAL_SERVER_ERROR"):
            raise ForgeUnavailable(f"{self._entry.name} answered {kind}: {said[:200]}", 60.0)
        raise ForgeRefused(f"{self._entry.name} answered: {said[:200] or kind}; look at its entry in config.toml")


def _id(mark: str) -> str:
    """Return the same id for the same mark, in the form of version 4, which Linear wants."""
    return str(uuid.UUID(bytes=uuid.uuid5(_SPACE, mark).bytes, version=4))


def _person(data: Payload) -> Person:
    actor = data.inner("actor")
    kind = actor.text("type").lower()
    return Person(actor.text("email") or actor.text("name"), kind not in ("user", ""))
