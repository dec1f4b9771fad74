"""Slack, as its documentation describes requests (`v0=` and an HMAC-SHA256 over version, time and body) and its Web API. A thread's ticket is filed by `@` it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from orchestrator.forges.calls import Caller
from orchestrator.forges.errors import ForgeRefused, ForgeUnavailable
from orchestrator.forges.payload import Payload, read_json
from orchestrator.forges.records import Entry, Filed, Heard, Hook, Nothing, Person, Thread
from orchestrator.forges.signing import signed

_EVENT = "nightcrew_answer"
_ADDRESSED = re.compile(r"^\s*<@[A-Z0-9]+(?:\|[^>]*)?>\s*")
_TEXT_CHARACTERS = 12_000
_TRY_LATER = ("ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout")


class SlackHooks:
    """Slack's Events API, for one entry."""

    age_s = 300.0

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def genuine(self, hook: Hook) -> bool:
        version, _, digest = hook.headers.get("x-slack-signature", "").partition("=")
        at = hook.headers.get("x-slack-request-timestamp", "").encode("utf-8", "surrogatepass")
        return signed(self._entry.secret, b"v0:" + at + b":" + hook.body, digest) and version == "v0"

    def delivery(self, hook: Hook) -> str:
        data = read_json(hook.body)
        return "" if data is None else data.text("event_id")

    def sent_at(self, hook: Hook) -> float | None:
        at = hook.headers.get("x-slack-request-timestamp", "")
        return float(at) if at.isascii() and at.isdecimal() and len(at) < 12 else None

    def challenge(self, hook: Hook) -> str:
        data = read_json(hook.body)
        return data.text("challenge")[:200] if data is not None and data.text("type") == "url_verification" else ""

    def parse(self, hook: Hook) -> Heard:
        data = read_json(hook.body)
        if data is None:
            return Nothing("the body is no JSON: nightcrew takes Slack's Events API, not its commands")
        event = data.inner("event")
        if event.text("type") != "app_mention":
            return Nothing("nothing is asked by that: subscribe the app to app_mention alone")
        if event.has("bot_id") or event.has("subtype"):
            return Nothing("a bot said it, or nobody did")
        text = _ADDRESSED.sub("", event.text("text"))
        at = event.text("ts")
        thread = Thread(self._entry.name, event.text("channel"), event.text("thread_ts") or at)
        return Filed(thread, Person(event.text("user")), text, comment=f"comment:{at}")


class Slack:
    """Slack, spoken to over its Web API."""

    def __init__(self, entry: Entry, caller: Caller) -> None:
        self._entry = entry
        self._caller = caller

    @staticmethod
    def headers(token: str) -> dict[str, str]:
        """Return the headers of every call."""
        return {"Authorization": f"Bearer {token}"} if token else {}

    def look(self) -> str:
        return self._ask("auth.test", {}).text("user")

    def react(self, thread: Thread, comment: str) -> None:
        _, _, at = comment.partition(":")
        what = {"channel": thread.repository, "timestamp": at or thread.number, "name": "eyes"}
        self._ask("reactions.add", what, ("already_reacted", "message_not_found"))

    def tell(self, thread: Thread, text: str, mark: str, since: float) -> None:
        # What reads takes no JSON.
        asked = {"channel": thread.repository, "ts": thread.number, "oldest": f"{since:.6f}", "limit": "200"}
        answer = self._caller.ask("GET", "/conversations.replies", query={**asked, "include_all_metadata": "true"})
        said = self._checked("conversations.replies", answer.data)
        if any(each.text("metadata", "event_payload", "mark") == mark for each in said.each("messages")):
            return
        metadata = {"event_type": _EVENT, "event_payload": {"mark": mark}}
        shown = text[:_TEXT_CHARACTERS].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        place = {"channel": thread.repository, "thread_ts": thread.number}
        self._ask("chat.postMessage", {**place, "text": shown, "metadata": metadata})

    def _ask(self, method: str, arguments: Mapping[str, object], fine: tuple[str, ...] = ()) -> Payload:
        return self._checked(method, self._caller.ask("POST", f"/{method}", arguments).data, fine)

    def _checked(self, method: str, data: Payload, fine: tuple[str, ...] = ()) -> Payload:
        """Return an answer that says yes: Slack says no with the status 200."""
        error = data.text("error")
        if data.flag("ok") or error in fine:
            return data
        told = f"{self._entry.name} answered {method} with {error[:100] or 'nothing known'}"
        if not error or error in _TRY_LATER:
            raise ForgeUnavailable(f"{told}; it is asked again", 30.0)
        raise ForgeRefused(f"{told}: give the app the rights that docs/forges.md lists")
