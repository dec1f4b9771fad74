"""The renderer: a prompt's parts as messages within a limit of tokens. Pure: equal prompts and layouts render equally.

What changes rarely stands first and stays where it is, byte for byte, so that a server's prefix cache holds from turn to turn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from agents.models import Message, Role, ToolCall
from agents.prompts.errors import PromptTooLong
from agents.prompts.fence import fenced, neutral
from agents.prompts.fit import Fitted, Kept, fit_log, fit_tail
from agents.prompts.part import Node, Part, Prompt, Unit, Zone, units
from agents.prompts.rendered import LeftOut, Placed, Rendered, ZoneState
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
class _Piece:
    """A part as text, and where in that its own text stands."""

    name: str
    zone: Zone
    part: Part
    text: str
    body: int
    body_end: int
    tokens: int
    instead: bool = False


@dataclass(slots=True)
class _Made:
    """A unit as pieces, and what may stand instead of it."""

    name: str
    priority: int
    pieces: list[_Piece]
    tokens: int
    instead: _Piece | None = None
    instead_tokens: int = 0


def render(prompt: Prompt, layout: Layout, count: Count) -> Rendered:
    """Render a prompt; `count` is asked for texts without lone surrogates. Raises `PromptTooLong` where its prefix does not fit."""
    writer = _Writer(layout, count)
    prefix = [piece for made in writer.zone(Zone.PREFIX, prompt.prefix) for piece in made.pieces]
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

    def zone(self, zone: Zone, nodes: Sequence[Node]) -> list[_Made]:
        """Return the units of a zone as pieces."""
        return [self._unit(zone, unit) for unit in units(nodes)]

    def _unit(self, zone: Zone, unit: Unit) -> _Made:
        pieces = [self._piece(zone, name, part) for name, part in unit.parts]
        tokens = self._layout.message * len(pieces)
        for piece in pieces:
            tokens += piece.tokens
        made = _Made(unit.name, unit.priority, pieces, tokens)
        if unit.instead:
            lone = unit.parts[0][1] if len(unit.parts) == 1 else Part(unit.name, "")
            shown = Part(unit.name, unit.instead, lone.role, answers=lone.answers)
            made.instead = self._piece(zone, unit.name, shown)
            made.instead.instead = True
            made.instead_tokens = made.instead.tokens + self._layout.message
        return made

    def _piece(self, zone: Zone, name: str, part: Part) -> _Piece:
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
        return _Piece(name, zone, part, written, body, body + len(text), tokens)


def call_tokens(calls: Sequence[ToolCall], count: Count) -> int:
    """Return about what the calls of a message cost: templates write them as JSON with a frame."""
    return sum(count(neutral(f"{call.name} {call.arguments}")) + _CALL_TOKENS for call in calls)


def _fit(prefix: list[_Piece], log: list[_Made], tail: list[_Made], layout: Layout, count: Count) -> Rendered:
    """Choose what is kept, and assemble that."""
    taken = sum(piece.tokens for piece in prefix) + layout.message * len(prefix)
    if layout.limit < 0 or (prefix and sum(piece.tokens for piece in prefix) + layout.message > layout.limit):
        raise _too_long(prefix, layout)
    free = max(0, layout.limit - taken)
    log_room = free - int(free * layout.tail_share)
    of_log = fit_log(log, log_room, layout.step)
    of_tail = fit_tail(tail, free - of_log.tokens)
    pieces = [*prefix, *_kept(log, of_log), *_kept(tail, of_tail)]
    steps = range(of_log.steps + 1)
    of_step = [
        f"the log outgrew its {log_room} tokens: the lowest priorities, then the oldest, went at step {n}"
        for n in steps
    ]
    of_room = f"the tail had {free - of_log.tokens} tokens, and higher priorities took them"
    left_out = (
        *_left_out(log, of_log, Zone.LOG, of_step),
        *_left_out(tail, of_tail, Zone.TAIL, ["", of_room]),
    )
    messages, placed = _assemble(pieces)
    tokens = _tokens(pieces, placed, messages, count) + layout.message * len(messages)
    return Rendered(messages, tokens, placed, left_out, _zones(pieces), of_log.steps)


def _too_long(prefix: Sequence[_Piece], layout: Layout) -> PromptTooLong:
    largest = sorted(prefix, key=lambda piece: -piece.tokens)[:_SHOWN]
    shown = ", ".join(f"{piece.name} ({piece.tokens})" for piece in largest)
    tokens = sum(piece.tokens for piece in prefix)
    return PromptTooLong(
        f"the prompt's frozen prefix has {tokens} tokens and there is room for {layout.limit}; nothing in it may be left "
        f"out: use a model with a longer context, or shorten its largest parts: {shown}"
    )


def _kept(made: Sequence[_Made], fitted: Fitted) -> Iterator[_Piece]:
    for each, kept in zip(made, fitted.kept, strict=True):
        if kept is Kept.WHOLE:
            yield from each.pieces
        elif kept is Kept.INSTEAD and each.instead is not None:
            yield each.instead


def _left_out(made: Sequence[_Made], fitted: Fitted, zone: Zone, why: Sequence[str]) -> Iterator[LeftOut]:
    for each, kept, step in zip(made, fitted.kept, fitted.at, strict=True):
        if kept is not Kept.WHOLE:
            yield LeftOut(each.name, zone, each.tokens, why[step])


def _assemble(pieces: Sequence[_Piece]) -> tuple[tuple[Message, ...], tuple[Placed, ...]]:
    """Join neighbours of one role into messages; a call, and an answer to one, has a message to itself."""
    messages: list[Message] = []
    placed: list[Placed] = []
    texts: list[str] = []
    first: Part | None = None
    start = 0
    for piece in pieces:
        part = piece.part
        if first is None or part.role is not first.role or part.calls or part.answers or first.calls or first.answers:
            if first is not None:
                messages.append(_message(first, texts))
            first, texts, start = part, [], 0
        end = start + len(piece.text)
        body, body_end = start + piece.body, start + piece.body_end
        placed.append(
            Placed(piece.name, piece.zone, len(messages), start, end, body, body_end, piece.tokens, piece.instead)
        )
        texts.append(piece.text)
        start = end
    if first is not None:
        messages.append(_message(first, texts))
    return tuple(messages), tuple(placed)


def _tokens(pieces: Sequence[_Piece], placed: Sequence[Placed], messages: Sequence[Message], count: Count) -> int:
    """Return the tokens of all messages' texts and calls."""
    if not isinstance(count, TokenCounter):
        return sum(count(each.text) + call_tokens(each.calls, count) for each in messages)
    of_message: list[list[tuple[str, int]]] = [[] for _ in messages]
    for piece, place in zip(pieces, placed, strict=True):
        of_message[place.message].append((piece.text, piece.tokens))
    return sum(map(count.together, of_message))


def _message(part: Part, texts: Sequence[str]) -> Message:
    calls = tuple(replace(call, arguments=neutral(call.arguments)) for call in part.calls)
    return Message(part.role, "".join(texts), calls, part.answers)


def _zones(pieces: Sequence[_Piece]) -> dict[Zone, ZoneState]:
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
