"""The account of one door: each call is reserved and journaled before it goes out, settled and journaled after it.

It belongs to the thread that serves the door; only `check` and `told` are asked by others.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from agents.agent import Workspace
from agents.door.again import ASKED, REPLIED, WHOLE, Again
from agents.door.asked import Asked
from agents.door.limits import DoorLimits
from agents.door.refused import Refused
from agents.errors import OutOfBudget
from agents.models import Endpoint, Reply, Request, Usage
from agents.models.record import reply_data
from agents.models.wire import Assembly

_DIGITS = 32


class Account:
    """Pays for calls out of the workspace's budget and writes them down there; remembers what the job is to end with."""

    def __init__(self, endpoint: Endpoint, workspace: Workspace, limits: DoorLimits) -> None:
        self._endpoint = endpoint
        self._workspace = workspace
        self._limits = limits
        self._calls = self._written = 0
        self._again = Again(workspace.journal())
        self._reused = 0
        self._trouble = ""
        self._ending: Exception | None = None
        self._ending_since = 0.0

    @property
    def told(self) -> str:
        """Return in words how many calls there were, and what went wrong last."""
        calls = (
            f"{self._calls} calls of {self._endpoint.model}"
            if self._calls != 1
            else f"a call of {self._endpoint.model}"
        )
        told = f"{calls}, {self._reused} answered as before" if self._reused else calls
        return f"{told}; {self._trouble}" if self._trouble else told

    def check(self, grace_s: float) -> None:
        """Raise what the job is to end with: `OutOfBudget` after `grace_s` seconds, anything else at once."""
        error = self._ending
        if isinstance(error, OutOfBudget) and time.monotonic() - self._ending_since < grace_s:
            return
        if error is not None:
            raise error

    def end(self, error: Exception) -> Refused:
        """Remember what the job is to end with, and return what the program is told."""
        if self._ending is None:
            self._ending, self._ending_since = error, time.monotonic()
        if isinstance(error, OutOfBudget):
            return Refused(402, "insufficient_quota", f"the job's budget is spent, end here: {error}")
        return Refused(503, "job_ending", "the job is ending: ask nothing more")

    def note_trouble(self, refused: Refused) -> None:
        """Remember why the last call got no reply."""
        self._trouble = f"the last one that failed: {refused}"

    def reply_before(self, asked: Asked) -> Reply | None:
        """Return what an earlier life was told when it asked this, which costs nothing; None where it is to be asked."""
        reply = self._again.take(_digest(asked))
        self._reused += reply is not None
        return reply

    @contextmanager
    def call(self, asked: Asked) -> Iterator[Call]:
        """Pay for a call, whatever comes of it. Raises `Refused` before one that may cost more than is left."""
        if self._ending is not None:
            raise self.end(self._ending)
        if self._calls >= self._limits.calls:
            raise Refused(429, "too_many_calls", f"this program asked {self._calls} times, which is all it may")
        try:
            tokens = asked.most.tokens_in + asked.most.tokens_out
            reservation = self._workspace.reserve(self._endpoint.cost_usd(asked.most), tokens)
        except OutOfBudget as error:
            raise self.end(error) from None
        self._calls += 1
        call = Call(self._calls, asked)
        sent = False
        try:
            self._workspace.note(ASKED, self._asked(call))
            sent = True
            yield call
        finally:
            usage = call.usage if sent else Usage()
            self._workspace.settle(reservation, usage.tokens_in, usage.tokens_out, self._endpoint.cost_usd(usage))
            if sent:
                self._workspace.note(REPLIED, self._replied(call), progress=f"call {call.number}: {call.words}")

    def _asked(self, call: Call) -> Mapping[str, object]:
        """Return a request as JSON values; a message that was written down before is named by its hash."""
        messages, rest, left_out = call.asked.body["messages"], _rest(call.asked), list(call.asked.left_out)
        told = {"call": call.number, "request": _digest(call.asked)}
        hashes = [_hash(message) for message in messages]
        if not self._fits([hashes, left_out]):
            return told
        new = {}
        for key, message in zip(hashes, messages, strict=True):
            if key not in self._again.messages and self._fits(message):
                self._again.messages.add(key)
                new[key] = message
        if not self._fits(rest):
            rest = {"model": call.asked.body["model"]}
        return {**told, "messages": hashes, "new": new, "rest": rest, "left_out": left_out}

    def _replied(self, call: Call) -> Mapping[str, object]:
        """Return what came of a call as JSON values; a reply that is not written down is asked for again after a crash."""
        reply = call.reply(self._endpoint)
        return {**call.outcome(), **({"reply": reply} if self._fits(reply) else {})}

    def _fits(self, value: object) -> bool:
        """Say whether there is room in the journal for a value, which is taken then."""
        size = len(json.dumps(value))
        fits = self._written + size <= self._limits.journal_bytes
        self._written += size if fits else 0
        return fits


class Call:
    """One call that is paid for: what has come of its reply by now."""

    def __init__(self, number: int, asked: Asked) -> None:
        self.number = number
        self.asked = asked
        self.whole = False
        self._assembly = Assembly(Request(()))
        self._refused: Refused | None = None
        self._sent = False

    def goes_out(self) -> None:
        """Note that the server is about to be sent the request: from here on it may cost something, whoever goes away."""
        self._sent = True

    def take(self, chunk: Mapping[str, Any]) -> str:
        """Take in one event of the reply; return what it adds to it."""
        return self._assembly.take(chunk)[1]

    def refused(self, refused: Refused) -> None:
        """Note that there is no reply, or no whole one, and why."""
        self._refused = refused
        self._sent = self._sent and not refused.free

    @property
    def usage(self) -> Usage:
        """Return what it cost by now. Where the server told nothing, that is the most it can be until some of the reply has come."""
        if not self._sent:
            return Usage()
        most, come = self.asked.most, self._assembly.reply().usage
        if come.told:
            return come
        # What was said by then is known, what a server thought before it, or said to nobody, is not.
        tokens_out = come.tokens_out if self.whole or self._assembly.begun else most.tokens_out
        return Usage(most.tokens_in, tokens_out, told=False)

    @property
    def words(self) -> str:
        """Return how it ended, in a few words."""
        if self._refused is not None:
            return f"refused with {self._refused.status}"
        return WHOLE if self.whole else "broken off"

    def outcome(self) -> dict[str, object]:
        """Return how it ended as JSON values."""
        why = {} if self._refused is None else {"status": self._refused.status, "why": str(self._refused)}
        return {"call": self.number, "ended": self.words, **why}

    def reply(self, endpoint: Endpoint) -> object:
        """Return the reply as JSON values, as far as it came."""
        reply = replace(self._assembly.reply(), usage=self.usage)
        return json.loads(endpoint.scrub(json.dumps(reply_data(reply))))


def _rest(asked: Asked) -> dict[str, object]:
    """Return all of a request but its messages."""
    return {name: value for name, value in asked.body.items() if name != "messages"}


def _digest(asked: Asked) -> str:
    """Return what tells requests apart."""
    return _hash([asked.body["messages"], _rest(asked)])


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:_DIGITS]
