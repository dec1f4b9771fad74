"""The comparison with one small model: nightcrew, other people's agents and a plain baseline on the same tasks, in the same time.

Rows are kept as they come: a run that was cut short goes on, on another machine too, from `data/model_compare.jsonl.xz`. A full run leaves
that journal, with each reply of the model; a quick one goes through nightcrew's and the baseline's again with those replies, and no model.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from agents.patch import patch
from tests.bench.kept import Kept
from tests.bench.model_compare_figures import Figures, targets
from tests.bench.model_proxy import Recorder, Replayer, idle, recorded, serving, written
from tests.bench.model_solvers import SECONDS, TOKENS, Baseline, Nightcrew, Order, Solver
from tests.bench.model_solvers_peers import AIDER, MINI
from tests.bench.model_tasks import CACHE, FILE, Task, prepare, solved, tasks
from tests.bench.target import Target

SOLVERS: dict[str, Solver] = {each.name: each for each in (MINI, AIDER, Baseline(), Nightcrew())}
REPLAYED = ("nightcrew", "baseline")
ROWS = CACHE / "rows.jsonl"
JOURNAL = Path(__file__).parent / "data" / "model_compare.jsonl.xz"
_QUICK_S, _AGAIN_S = 180.0, 600.0
_SAID, _DIFF = 300, 20_000


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one task with one solver. `seconds` are those of its work; `load` is the machine's, when it began and ended.

    `tokens_in` and `tokens_out` are of whole replies, cached ones included; `refused` are requests beyond the limit; `diff` is what it left.
    """

    task: str
    solver: str
    solved: bool
    seconds: float
    tokens_in: int
    tokens_out: int
    requests: int
    refused: int
    starts: int
    load: tuple[float, float]
    said: str
    diff: str
    replies: list[dict[str, Any]] = field(default_factory=list)


def measure(quick: bool, names: Sequence[str] = ()) -> list[Target]:
    """Return the targets: a full run needs a model's address, a quick one the journal of a full run."""
    if quick:
        return _quick()
    base_url, model = os.environ.get("LLM_BASE_URL", ""), os.environ.get("LLM_MODEL", "")
    chosen = [SOLVERS[name] for name in names or SOLVERS]
    if not FILE.exists():
        return targets(Figures((), {}), "no tasks are drawn: `python -m tests.bench.model_tasks_drawn` draws them")
    if not base_url or not model:
        return targets(Figures((), {}), "LLM_BASE_URL and LLM_MODEL name no model")
    for solver in chosen:
        solver.make_ready()
    rows = list(ran(tasks(), chosen, base_url, model))
    if not names:
        pack(tasks(), model)
    return targets(figures(tasks(), rows), f"{model}; {SECONDS:g} s and {TOKENS:,} tokens each")


def ran(
    given: Sequence[Task], chosen: Sequence[Solver], base_url: str, model: str, last: float = float("inf")
) -> Iterator[Row]:
    """Yield the row of each task with each solver, kept or run now; the solvers take turns on a task. None is begun after `last`."""
    for task in given:
        for solver in chosen:
            rows = kept(task, solver, model)
            known = next((read(row) for row in rows.rows("row")), None)
            if known is None:
                if time.monotonic() > last:
                    continue
                known = once(task, solver, base_url, model)
                rows.add("row", asdict(known))
                print(
                    json.dumps({**asdict(known), "replies": len(known.replies), "diff": known.diff[:_SAID]}),
                    file=sys.stderr,
                    flush=True,
                )
            yield known


def kept(task: Task, solver: Solver, model: str) -> Kept:
    """Return the rows of a task with a solver: of the same task, model, limits and edition alone."""
    return Kept(ROWS, " ".join((task.name, task.digest, solver.name, solver.edition, model, f"{SECONDS:g} {TOKENS}")))


def read(row: Mapping[str, Any]) -> Row:
    """Return a row that was kept."""
    return Row(**{**row, "load": tuple(row["load"])})


def once(task: Task, solver: Solver, base_url: str, model: str) -> Row:
    """Let a solver work on a task with the model, and judge what it leaves."""
    idle(base_url, model)
    return _worked(task, solver, model, SECONDS, lambda place: Recorder(base_url, TOKENS, place))


def again(task: Task, solver: Solver, row: Row) -> Row:
    """Let a solver work on a task with the replies that are recorded in a row. What had no reply in time has none now, so the time is ample."""
    return _worked(task, solver, "replayed", _AGAIN_S, lambda place: Replayer(recorded(row.replies), place))


def _worked(
    task: Task, solver: Solver, model: str, limit_s: float, source_of: Callable[[str], Recorder | Replayer]
) -> Row:
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as place:
        # Not beside the socket: what a solver works in is its own.
        repository = Path(place) / "work" / task.library
        repository.parent.mkdir()
        before = prepare(task, repository)
        source = source_of(str(repository))
        load = os.getloadavg()[0]
        with serving(source, Path(place) / "model") as served:
            start = time.monotonic()
            order = Order(task, repository, before, served, model, start + limit_s)
            try:
                outcome = solver.work(order)
            finally:
                source.close()
            seconds = time.monotonic() - start
        return Row(
            task=task.name,
            solver=solver.name,
            solved=solved(task, outcome.change),
            seconds=round(seconds, 1),
            tokens_in=sum(reply.tokens_in for reply in source.replies),
            tokens_out=sum(reply.tokens_out for reply in source.replies),
            requests=len(source.replies),
            refused=source.refused,
            starts=outcome.starts,
            load=(round(load, 2), round(os.getloadavg()[0], 2)),
            said=outcome.said[:_SAID],
            diff="".join(_diff(name, before.get(name, b""), data or b"") for name, data in outcome.change.items())[
                :_DIFF
            ],
            replies=written(source.replies),
        )


def _diff(name: str, before: bytes, after: bytes) -> str:
    return patch(name, before, after).decode("utf-8", "replace")


def figures(given: Iterable[Task], rows: Iterable[Row]) -> Figures:
    """Return the rows of each solver, by task."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row.solver, {})[row.task] = row
    return Figures(tuple(given), found)


def pack(given: Iterable[Task], model: str) -> None:
    """Write the journal, which is committed: the rows there are, with all that says whether they still count."""
    codes = {kept(task, solver, model).code for task in given for solver in SOLVERS.values()}
    lines = [line for line in ROWS.read_text("utf-8").splitlines() if json.loads(line)["code"] in codes]
    JOURNAL.write_bytes(lzma.compress("\n".join(lines).encode(), preset=9 | lzma.PRESET_EXTREME))


def unpack() -> list[Row]:
    """Return the rows of the journal."""
    return [read(json.loads(line)["row"]) for line in _journal().splitlines()]


def go_on() -> None:
    """Keep the journal's rows as this machine's own, where it has none: a run that another machine began goes on."""
    if JOURNAL.exists() and not ROWS.exists():
        ROWS.parent.mkdir(parents=True, exist_ok=True)
        ROWS.write_text(_journal() + "\n", "utf-8")


def _journal() -> str:
    return lzma.decompress(JOURNAL.read_bytes()).decode()


def _quick() -> list[Target]:
    """Go through what was recorded again, as far as there is time; the rest is as it was recorded."""
    if not JOURNAL.exists():
        return targets(Figures((), {}), "no full run has left its journal")
    rows, last = unpack(), time.monotonic() + _QUICK_S
    by_name = {task.name: task for task in tasks()}
    done, other = 0, []
    for number, row in enumerate(rows):
        if row.solver in REPLAYED and row.task in by_name and time.monotonic() < last:
            now = again(by_name[row.task], SOLVERS[row.solver], row)
            done += 1
            if now.solved != row.solved:
                other.append(f"{row.solver} on {row.task}")
            rows[number] = replace(row, solved=now.solved)
    why = f"{done} of {len(rows)} rows gone through again with their recorded replies, the others as recorded"
    differing = f"; otherwise than recorded: {', '.join(other)}" if other else ""
    return targets(figures(by_name.values(), rows), why + differing)


def main() -> None:
    """Run some tasks with some solvers, print each row, and the targets of what there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--solvers", default=",".join(SOLVERS), help=f"of {', '.join(SOLVERS)}")
    parser.add_argument("--tasks", default="", help="names of tasks; all without")
    parser.add_argument("--again", action="store_true", help="go through kept rows with their recorded replies")
    parser.add_argument("--pack", action="store_true", help="write the journal of the rows that are kept")
    parser.add_argument("--go-on", action="store_true", help="begin with the journal's rows, where none are kept here")
    parser.add_argument("--for-s", type=float, default=float("inf"), help="begin no row after so many seconds")
    given = parser.parse_args()
    chosen = [SOLVERS[name] for name in given.solvers.split(",")]
    named = [task for task in tasks() if not given.tasks or task.name in given.tasks.split(",")]
    model = os.environ["LLM_MODEL"]
    for solver in chosen:
        solver.make_ready()
    if given.go_on:
        go_on()
    rows = list(ran(named, chosen, os.environ.get("LLM_BASE_URL", ""), model, time.monotonic() + given.for_s))
    if given.again:
        for row in rows:
            now = again(next(task for task in named if task.name == row.task), SOLVERS[row.solver], row)
            print(json.dumps({**asdict(now), "replies": len(now.replies), "was": row.solved}))
    if given.pack:
        pack(tasks(), model)
    print(json.dumps([target.document() for target in targets(figures(named, rows), model)]))


if __name__ == "__main__":
    main()
