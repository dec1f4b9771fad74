"""The renderer: a prompt's parts as messages within a limit of tokens. Pure: equal prompts and layouts render equally.

What changes rarely stands first and stays where it is, byte for byte, so that a server's prefix cache holds from turn to turn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from agents.models import Message, Role, ToolCall
from agents.prompts.errors import PromptTooLong
from agents.prompts.fence import fenced, neutral
from agents.prompts.fit import Fitted, Kept, Sizes, fit_log, fit_tail
from agents.prompts.part import Node, Part, Prompt, Zone, units
from agents.prompts.rendered import LeftOut, Piece, Rendered, ZoneState
from agents.prompts.tokens import Count, TokenCounter

_CALL_TOKENS = 8
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Layout:
    """How much room there is: `limit` tokens in all, of which `reply` are kept for the answer and for what is sent beside the messages.

    `tail_share` of what the prefix leaves is the tail's, whatever the log would take; `step` of the log's room is made free at once;
    each message costs `message` tokens beside its text.
    """

    limit: int
    reply: int = 0
    tail_share: float = 0.2
    step: float = 0.3
    message: int = 4

    def __post_init__(self) -> None:
        if not (0 <= self.tail_share <= 1 and 0 < self.step <= 1):
            raise ValueError(
                f"tail_share is {self.tail_share} and step is {self.step}: both are shares of 1, and step is not 0"
            )

    @property
    def room(self) -> int:
        """Return the tokens that messages may have."""
        return self.limit - self.reply


@dataclass(slots=True)
class _Made:
    """The units of a zone: of each its name, its sizes and where its pieces end, and of some what may stand instead."""

    zone: Zone
    pieces: list[Piece] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    sizes: Sizes = field(default_factory=lambda: Sizes([], [], []))
    instead: dict[int, Piece] = field(default_factory=dict)


def render(prompt: Prompt, layout: Layout, count: Count) -> Rendered:
    """Render a prompt; `count` is asked for texts without lone surrogates. Raises `PromptTooLong` where its prefix does not fit."""
    writer = _Writer(layout, count)
    prefix = writer.zone(Zone.PREFIX, prompt.prefix).pieces
    prefix.sort(key=lambda piece: (piece.part.role is not Role.SYSTEM, piece.part.pace))
    log, tail = writer.zone(Zone.LOG, prompt.log), writer.zone(Zone.TAIL, prompt.tail)
    room = layout.room
    while True:
        rendered = _fit(prefix, log, tail, replace(layout, limit=room, reply=0), count)
        if rendered.tokens <= layout.room:
            return rendered
        # Texts that stand together may have more tokens than each alone, by a few.
        room -= rendered.tokens - layout.room


class _Writer:
    """Makes pieces of parts."""

    def __init__(self, layout: Layout, count: Count) -> None:
        self._layout = layout
        self._count = count

    def zone(self, zone: Zone, nodes: Sequence[Node]) -> _Made:
        """Return the units of a zone as pieces."""
        made = _Made(zone)
        for priority, parts, name, instead in units(nodes):
            tokens = 0
            for part_name, part in parts:
                piece = self._piece(zone, part_name, part)
                made.pieces.append(piece)
                tokens += piece.tokens + self._layout.message
            shown = 0
            if instead:
                lone = parts[0][1] if len(parts) == 1 else Part(name, "")
                piece = self._piece(zone, name, Part(name, instead, lone.role, answers=lone.answers))
                made.instead[len(made.names)] = piece._replace(instead=True)
                shown = piece.tokens + self._layout.message
            made.names.append(name)
            made.ends.append(len(made.pieces))
            made.sizes.priorities.append(priority)
            made.sizes.tokens.append(tokens)
            made.sizes.instead.append(shown)
        return made

    def _piece(self, zone: Zone, name: str, part: Part) -> Piece:
        text, body = neutral(part.text), 0
        if part.untrusted:
            written, body = fenced(name, text)
        elif text and text[-1] != "\n":
            written = f"{text}\n"
        else:
            written = text
        tokens = self._count(written)
        if part.calls:
            tokens += call_tokens(part.calls, self._count)
        return Piece(name, zone, part, written, body, body + len(text), tokens)


def call_tokens(calls: Sequence[ToolCall], count: Count) -> int:
    """Return about what the calls of a message cost: templates write them as JSON with a frame."""
    return sum(count(neutral(f"{call.name} {call.arguments}")) + _CALL_TOKENS for call in calls)


def _fit(prefix: list[Piece], log: _Made, tail: _Made, layout: Layout, count: Count) -> Rendered:
    """Choose what is kept, and assemble that."""
    taken = sum(piece.tokens for piece in prefix) + layout.message * len(prefix)
    if layout.limit < 0 or (prefix and sum(piece.tokens for piece in prefix) + layout.message > layout.limit):
        raise _too_long(prefix, layout)
    free = max(0, layout.limit - taken)
    log_room = free - int(free * layout.tail_share)
    of_log = fit_log(log.sizes, log_room, layout.step)
    of_tail = fit_tail(tail.sizes, free - of_log.tokens)
    pieces = [*prefix, *_kept(log, of_log), *_kept(tail, of_tail)]
    steps = range(of_log.steps + 1)
    of_step = [
        f"the log outgrew its {log_room} tokens: the lowest priorities, then the oldest, went at step {n}"
        for n in steps
    ]
    of_room = f"the tail had {free - of_log.tokens} tokens, and higher priorities took them"
    left_out = (
        *_left_out(log, of_log, of_step),
        *_left_out(tail, of_tail, ["", of_room]),
    )
    firsts = tuple(_firsts(pieces))
    ends = (*firsts[1:], len(pieces))
    messages = tuple(_message(pieces[first:end]) for first, end in zip(firsts, ends, strict=False))
    tokens = _tokens(pieces, zip(firsts, ends, strict=False), messages, count) + layout.message * len(messages)
    return Rendered(messages, tokens, tuple(pieces), firsts, left_out, _zones(pieces), of_log.steps)


def _too_long(prefix: Sequence[Piece], layout: Layout) -> PromptTooLong:
    largest = sorted(prefix, key=lambda piece: -piece.tokens)[:_SHOWN]
    shown = ", ".join(f"{piece.name} ({piece.tokens})" for piece in largest)
    tokens = sum(piece.tokens for piece in prefix)
    return PromptTooLong(
        f"the prompt's frozen prefix has {tokens} tokens and there is room for {layout.limit}; nothing in it may be left "
        f"out: use a model with a longer context, or shorten its largest parts: {shown}"
    )


def _kept(made: _Made, fitted: Fitted) -> Iterator[Piece]:
    start = 0
    for number, (end, kept) in enumerate(zip(made.ends, fitted.kept, strict=True)):
        if kept is Kept.WHOLE:
            yield from made.pieces[start:end]
        elif kept is Kept.INSTEAD:
            yield made.instead[number]
        start = end


def _left_out(made: _Made, fitted: Fitted, why: Sequence[str]) -> Iterator[LeftOut]:
    for name, tokens, kept, step in zip(made.names, made.sizes.tokens, fitted.kept, fitted.at, strict=True):
        if kept is not Kept.WHOLE:
            yield LeftOut(name, made.zone, tokens, why[step])


def _firsts(pieces: Sequence[Piece]) -> Iterator[int]:
    """Yield where messages begin: neighbours of one role are one; a call, and an answer to one, has a message to itself."""
    before: Part | None = None
    for number, piece in enumerate(pieces):
        part = piece.part
        if (
            before is None
            or part.role is not before.role
            or part.calls
            or part.answers
            or before.calls
            or before.answers
        ):
            yield number
        before = part


def _tokens(
    pieces: Sequence[Piece], spans: Iterable[tuple[int, int]], messages: Sequence[Message], count: Count
) -> int:
    """Return the tokens of all messages' texts and calls."""
    if not isinstance(count, TokenCounter):
        return sum(count(each.text) + call_tokens(each.calls, count) for each in messages)
    texts, tokens = [piece.text for piece in pieces], [piece.tokens for piece in pieces]
    return sum(tokens) + sum(count.joined(texts[first:last], tokens[first:last]) for first, last in spans)


def _message(pieces: Sequence[Piece]) -> Message:
    part = pieces[0].part
    calls = tuple(replace(call, arguments=neutral(call.arguments)) for call in part.calls)
    return Message(part.role, "".join([piece.text for piece in pieces]), calls, part.answers)


def _zones(pieces: Sequence[Piece]) -> dict[Zone, ZoneState]:
    said: dict[Zone, list[str]] = {zone: [] for zone in Zone}
    tokens = dict.fromkeys(Zone, 0)
    for piece in pieces:
        part = piece.part
        said[piece.zone] += (part.role, str(len(piece.text)), piece.text)
        if part.calls or part.answers:
            said[piece.zone] += (repr(part.calls), part.answers)
        tokens[piece.zone] += piece.tokens
    digests = {zone: hashlib.sha256("\0".join(each).encode("utf-8", "replace")) for zone, each in said.items()}
    return {zone: ZoneState(tokens[zone], digests[zone].hexdigest()) for zone in Zone}
