"""What candidates do on the inputs that tests give: recorded in one fork of the warm server, called in a fork of that for each.

All see the very same objects, copied before they are forked; what one does to them no other sees.
"""

from __future__ import annotations

import gc
import math
import mmap
import sys
from collections import deque
from types import CodeType
from typing import TYPE_CHECKING, Any, Iterator, Sequence

from . import live, nursery, source, words
from .attempt import Late, Watch, attempt
from .channel import _select
from .inputs import Input
from .mutation import mutations
from .outcome import Harmless, outcome
from .recorder import Recorder, record
from .shown import call_text

if TYPE_CHECKING:
    from .channel import Message

_SLOT_BYTES = 1024
_DIGEST_BYTES = 32
_CALLS = 25


class Asked:
    """The candidates of a job: how each is put in place, or why it cannot be, and what they edit."""

    def __init__(self, patcher: live.Patcher, candidates: Sequence[Any]) -> None:
        self.plans: list[live.Plan | None] = []
        self.refused: dict[int, str] = {}
        functions: dict[source.Function, list[CodeType]] = {}
        for at, edits in enumerate(candidates):
            try:
                self.plans.append(patcher.plan(edits))
                functions.update(patcher.edited(edits))
            except (source.Cold, source.Inapplicable) as error:
                self.plans.append(None)
                self.refused[at] = str(error)
        self.of_one = len(functions) == 1
        self.codes = [code for codes in functions.values() for code in codes]
        self._spans = [
            (code.co_filename, function.first, function.last) for function, codes in functions.items() for code in codes
        ]

    def edits(self, code: CodeType) -> bool:
        """Say whether a code object is one that candidates edit, or is nested in one."""
        line = code.co_firstlineno
        return any(code.co_filename == path and first <= line <= last for path, first, last in self._spans)


class Slots:
    """What one process found out about each input, in memory that outlives it."""

    def __init__(self, count: int) -> None:
        self._memory = mmap.mmap(-1, max(1, count) * _SLOT_BYTES)

    def put(self, at: int, digest: str, text: str) -> None:
        """Keep a digest, which may be empty, and a text, which may not."""
        data = digest.encode("ascii").ljust(_DIGEST_BYTES) + text.encode("utf-8", "replace")
        self._memory[at * _SLOT_BYTES : at * _SLOT_BYTES + min(len(data), _SLOT_BYTES)] = data[:_SLOT_BYTES]

    def get(self, at: int) -> tuple[str, str]:
        """Return the digest and the text; two empty ones where nothing was put."""
        data = self._memory[at * _SLOT_BYTES : (at + 1) * _SLOT_BYTES]
        digest, text = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:].rstrip(b"\0")
        return digest.decode("ascii", "replace").strip(" \0"), text.decode("utf-8", "replace")


class Observer:
    """Does one job in a child of the warm server."""

    def __init__(self, job: Message, asked: Asked, engine: Any, tree: words.Tree, index: live.Index) -> None:
        self._job = job
        self._asked = asked
        self._engine = engine
        self._tree = tree
        self._index = index
        self._call_s = job["cpu_s"] / _CALLS

    def family_s(self, room: int) -> float:
        """Return how long it may take with all children it forks itself, in seconds of wall clock."""
        rounds = math.ceil((len(self._asked.plans) + 3) / room)
        return rounds * 2 * nursery.wall_s(2 * self._job["cpu_s"])

    def work(self, scratch: str, pipe: int) -> Message:
        """Record, mutate, fork for each candidate, and tell what all did."""
        inputs, twins = self._inputs(scratch)
        calls = [call_text(each) for each in inputs]
        gc.freeze()
        count = len(self._asked.plans)
        before, again = Slots(len(inputs)), Slots(2 * len(inputs))
        of_each = [Slots(len(inputs)) for _ in range(count)]
        works = [self._calling(None, inputs, before)]
        tried = [at for at in range(count) if at not in self._asked.refused]
        works += [self._calling(self._asked.plans[at], inputs, of_each[at]) for at in tried]
        # Last, so that what goes by the clock is seen to differ.
        works.append(self._calling(None, [each for pair in zip(inputs, twins) for each in pair], again))
        ended = self._run(works, pipe) if inputs else {}
        silent = {at: "is not tried: " + why for at, why in self._asked.refused.items()}
        for number, at in enumerate(tried, 1) if inputs else ():
            silent[at] = "does not come so far: {}".format(ended[number].get("message", ""))
        rows = []
        for at, each in enumerate(inputs):
            found = [slots.get(at) for slots in of_each]
            if _lasting(before.get(at), again.get(2 * at), again.get(2 * at + 1)) and any(one for one, _ in found):
                rows.append(
                    {
                        "t": "behaviour",
                        "call": calls[at],
                        "size": each.size,
                        "outcomes": [digest for digest, _ in found],
                        "shown": [text or silent[one] for one, (_, text) in enumerate(found)],
                        "before": before.get(at)[0],
                        "before_shown": before.get(at)[1],
                        "mutated": each.mutated,
                        "failing": each.failing,
                    }
                )
        return {"ending": "passed", "behaviours": rows}

    def _inputs(self, scratch: str) -> tuple[list[Input], list[Input]]:
        """Return what the tests gave, and mutations of it, smaller ones first; twice, so that each can be called with twice."""
        job, most = self._job, self._job["most"]
        if not self._asked.codes:
            return [], []
        recorder = Recorder(self._tree, self._index, self._asked.codes, self._asked.of_one)

        def run(test: str) -> None:
            self._engine.run([test], _hear_nothing, False, False, scratch)

        recorded = _varied(record(recorder, run, job["failing"], job["passing"], job["cpu_s"] / 2, 2 * most))
        watch = Watch()
        mutated: list[Input] = []
        watch.limited(lambda: mutated.extend(mutations(recorded[:most], job["seed"], most)), job["cpu_s"] / 4)
        kept = recorded[: max((most + 1) // 2, most - len(mutated))]
        wanted = sorted([*kept, *mutated[: most - len(kept)]], key=lambda each: (each.size, each.mutated, each.digest))
        copies: list[tuple[Input, Input]] = []
        watch.limited(lambda: copies.extend(_twice(wanted)), job["cpu_s"] / 2)
        return [one for one, _ in copies], [other for _, other in copies]

    def _calling(self, plan: live.Plan | None, inputs: Sequence[Input], slots: Slots) -> nursery.Work:
        def work(scratch: str) -> Message:
            del scratch
            harmless, watch = Harmless(), Watch()
            sys.addaudithook(harmless)
            if plan is not None:
                plan()
            for at, each in enumerate(inputs):
                harmless.on = each.mutated
                said, error = watch.limited(lambda each=each: outcome(each, self._asked.edits), self._call_s)  # type: ignore[misc]
                harmless.on = False
                if error is None:
                    slots.put(at, *said)
                else:
                    slots.put(at, "", "takes too long" if isinstance(error, Late) else "cannot be compared")
            return {"ending": "passed"}

        return work

    def _run(self, works: Sequence[nursery.Work], pipe: int) -> dict[int, Message]:
        """Do each work in a child of its own; return how these ended."""
        nest = nursery.Nursery(lambda: [pipe])
        waiting = deque(enumerate(works))
        ended: dict[int, Message] = {}
        while len(ended) < len(works):
            while waiting and not nest.full:
                number, work = waiting.popleft()
                last = number == len(works) - 1
                nest.spawn(number, (2 if last else 1) * self._job["cpu_s"], work)
            for message in nest.finished(_select(nest.pipes(), [], [], 1.0)[0]):
                ended[message["n"]] = message
        return ended


def chosen(engine: Any, asked: Sequence[str]) -> list[str]:
    """Return the tests that `asked` choose, in that order; what chooses none is left out."""
    known = set(engine.ids)
    # Looked at all at once, for what the engine learns of each.
    engine.choose([test_id for test_id in asked if test_id in known])
    found: list[str] = []
    for test_id in asked:
        found += [test_id] if test_id in known else engine.choose([test_id]) or []
    return found


def _varied(recorded: Sequence[Input]) -> list[Input]:
    """Return inputs in an order in which each kind of them comes before the second of any kind; those of failing tests first."""
    met: dict[tuple[int, str], int] = {}
    order = []
    for at, each in enumerate(recorded):
        kind = (id(each.function), each.shape())
        order.append((met.setdefault(kind, 0), not each.failing, at))
        met[kind] += 1
    return [recorded[at] for _, _, at in sorted(order)]


def _twice(inputs: Sequence[Input]) -> Iterator[tuple[Input, Input]]:
    """Yield two copies of each input that can be copied."""
    for each in inputs:
        pair, error = attempt(lambda each=each: (each.copied(), each.copied()))  # type: ignore[misc]
        if error is None:
            yield pair


def _lasting(before: tuple[str, str], again: tuple[str, str], once_more: tuple[str, str]) -> bool:
    """Say whether the code as it is did the same three times; where it took too long each time, that is the same too."""
    if before[0]:
        return before[0] == again[0] == once_more[0]
    return bool(before[1]) and before == again == once_more


def _hear_nothing(message: Message) -> None:
    del message
