"""Receiving webhooks: verified, understood, and remembered together with what is to be done about them. Nothing is asked over the network here."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from orchestrator.errors import StoreError
from orchestrator.forges.forge import Hooks
from orchestrator.forges.records import (
    COLLABORATORS,
    TRACKERS,
    Checked,
    Entry,
    Filed,
    Heard,
    Hook,
    Nothing,
    Person,
    Receipt,
    Said,
    Thread,
)
from orchestrator.forges.steps import Kind, NewStep, new_step
from orchestrator.forges.store import KEPT_S, ForgeStore
from orchestrator.plain import one_line
from orchestrator.records import Remark

LIMIT_BYTES = 4 << 20
"""Of a webhook's body. What asks for work is far smaller."""
SETTLE_S = 20.0
"""How long the remarks of one review are waited for, which come one by one."""
_TEXT_CHARACTERS = 100_000
_NUMBER = re.compile(r"!?[0-9A-Za-z][0-9A-Za-z.-]{0,62}")
_CHANNEL = re.compile(r"[0-9A-Za-z]{0,64}")
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_COMMENT = re.compile(r"[a-z]*:?[0-9A-Za-z.-]{0,64}")


@dataclass(frozen=True, slots=True)
class Side:
    """One configured forge or tracker, as far as receiving needs it."""

    entry: Entry
    hooks: Hooks


class Receiver:
    """Takes webhooks for all entries."""

    def __init__(self, sides: Mapping[str, Side], store: ForgeStore, clock: Callable[[], float] = time.time) -> None:
        self._sides = sides
        self._store = store
        self._clock = clock

    def receive(self, name: str, headers: Mapping[str, str], body: bytes) -> Receipt:
        """Take one webhook that came to the address of the entry `name`. Whatever it is, this answers and does not raise."""
        side = self._sides.get(name)
        if side is None:
            return Receipt(404, "no such forge is configured")
        if len(body) > LIMIT_BYTES:
            return Receipt(413, f"the body has more than {LIMIT_BYTES >> 20} MB")
        if not side.entry.secret:
            return Receipt(
                503, f"the variable {side.entry.secret_env or '(secret_env)'} holds no secret: nothing is taken"
            )
        hook = Hook({key.lower(): value for key, value in headers.items()}, body)
        if not side.hooks.genuine(hook):
            return Receipt(401, "the signature is wrong")
        if self._stale(side.hooks.sent_at(hook), side.hooks.age_s):
            return Receipt(401, "it was sent long ago, or will be: is a clock wrong?")
        challenge = side.hooks.challenge(hook)
        if challenge:
            return Receipt(200, "answered a challenge", challenge)
        try:
            return self._take(side, hook)
        except StoreError as error:
            return Receipt(503, str(error))

    def _take(self, side: Side, hook: Hook) -> Receipt:
        heard = self._admitted(side.entry, side.hooks.parse(hook))
        if isinstance(heard, Nothing):
            return Receipt(200, heard.why)
        # A signature is over the body alone: whoever sends one again may give it another id.
        ids = [f"sha256:{hashlib.sha256(hook.body).hexdigest()}"]
        if delivery := side.hooks.delivery(hook):
            ids.append(f"id:{hashlib.sha256(delivery.encode('utf-8', 'surrogatepass')).hexdigest()}")
        step = _step(heard, ids[0])
        if not self._store.accept(side.entry.name, ids, [step]):
            return Receipt(200, "this was delivered before")
        return Receipt(202, f"taken: {step.kind} {step.thread.repository} {step.thread.number}".strip())

    def _admitted(self, entry: Entry, heard: Heard) -> Heard:
        """Return what was heard, made safe to keep, or `Nothing` where nobody asked for it who may."""
        if isinstance(heard, Nothing):
            return heard
        if heard.at is not None and self._clock() - heard.at > KEPT_S:
            return Nothing("it is about what happened so long ago that nobody remembers whether it came before")
        if isinstance(heard, Checked):
            return self._admitted_check(entry, heard)
        known = _named(entry, heard.thread.repository)
        if known is None:
            return Nothing("the repository is none of those that are configured")
        if not _NUMBER.fullmatch(heard.thread.number) or not _COMMENT.fullmatch(heard.comment):
            return Nothing("it names no thread")
        who = replace(heard.who, name=one_line(heard.who.name, 100))
        if why := _unwelcome(entry, who):
            return Nothing(why)
        thread = Thread(entry.name, known, heard.thread.number)
        if isinstance(heard, Filed):
            return self._admitted_filed(replace(heard, thread=thread, who=who))
        pull = self._store.pull_at(thread)
        if pull is None:
            return Nothing("it is no pull request of ours")
        remarks = tuple(map(_cleaned, heard.remarks))
        return replace(heard, thread=thread, who=who, remarks=remarks)

    def _admitted_filed(self, heard: Filed) -> Heard:
        if self._store.pull_at(heard.thread) is not None:
            # On a pull request of ours a mention is a remark on it.
            return Said(heard.thread, heard.who, (_cleaned(Remark(heard.said or heard.text)),), heard.comment, heard.at)
        return replace(heard, text=_storable(heard.text), said="", url=one_line(heard.url, 500))

    def _admitted_check(self, entry: Entry, heard: Checked) -> Heard:
        known = _named(entry, heard.repository)
        if known is None:
            return Nothing("the repository is none of those that are configured")
        if heard.green:
            return Nothing("the CI run is green")
        if not _COMMIT.fullmatch(heard.commit):
            return Nothing("it names no commit")
        branch = one_line(heard.branch, 255)
        if self._store.pull_on(entry.name, known, branch, heard.commit) is None:
            return Nothing("the CI run is on no branch of ours")
        return replace(heard, repository=known, branch=branch, text=_storable(heard.text)[:4000])

    def _stale(self, at: float | None, age_s: float) -> bool:
        return bool(age_s) and (at is None or abs(self._clock() - at) > age_s)


def _step(heard: Filed | Said | Checked, id: str) -> NewStep:
    if isinstance(heard, Filed):
        return new_step(Kind.FILE, f"file:{heard.thread.forge}:{id}", heard.thread, heard)
    if isinstance(heard, Said):
        return new_step(Kind.REMARK, f"remark:{heard.thread.forge}:{id}", heard.thread, heard, in_s=SETTLE_S)
    # One red commit is one round, however many runs say so.
    key = f"checked:{heard.forge}:{heard.repository}:{heard.commit}"
    return new_step(Kind.CHECKED, key, Thread(heard.forge, heard.repository, ""), heard, in_s=SETTLE_S)


def _unwelcome(entry: Entry, who: Person) -> str:
    """Return why somebody is not listened to, "" where that is so, or where only the forge knows."""
    if who.bot:
        return "a bot did it"
    if not who.name:
        return "nobody did it"
    if who.name.casefold() in map(str.casefold, entry.allow) and who.name.casefold() != COLLABORATORS:
        return ""
    if COLLABORATORS in entry.allow and who.insider is not False:
        return ""
    return "somebody did it who is not on the allow-list"


def _named(entry: Entry, repository: str) -> str | None:
    """Return a repository's name as it is configured, None for one that is not. A tracker's are channels, of which there are any."""
    if entry.kind in TRACKERS:
        return repository if _CHANNEL.fullmatch(repository) else None
    return next((each for each in entry.repositories if each.casefold() == repository.casefold()), None)


def _cleaned(remark: Remark) -> Remark:
    path = None if remark.path is None else one_line(remark.path, 500)
    return Remark(_storable(remark.text), path, remark.line)


def _storable(text: str) -> str:
    """Return a text that every database and every file takes, and not more of it than anybody reads."""
    return text[:_TEXT_CHARACTERS].replace("\0", "\ufffd").encode("utf-8", "replace").decode()
