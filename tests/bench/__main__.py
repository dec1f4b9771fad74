"""Run a benchmark: `make bench NAME=main [QUICK=1] [DATA=dir] [PAGE=1]`. The last line is one JSON document."""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path

from tests.bench.page import write
from tests.bench.target import document

BENCHMARKS = {
    "durable": "tests.bench.durable",
    "main": "tests.bench.main",
    "model": "tests.bench.model",
    "pool": "tests.bench.pool",
    "repair": "tests.bench.repair",
    "review": "tests.bench.review",
    "sandbox": "tests.bench.sandbox",
    "shadowfs": "tests.bench.shadowfs",
    "simulation": "tests.bench.simulation",
    "verifier": "tests.bench.verifier",
}
"""Each benchmark and the module whose `measure(quick, data)` returns its targets."""


def main() -> int:
    """Run the benchmark that is named, and print its document."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("name", nargs="?", default="main", choices=sorted(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="a coarse answer in under five minutes")
    parser.add_argument("--data", type=Path, help="a directory with what no registry has")
    parser.add_argument("--page", action="store_true", help="write the figures to docs/measured/ too")
    parser.add_argument(
        "--only",
        help="some parts, with commas between, of `model` (edits,index,prompts,compare) or `pool` (beside,tickets,spend,capacity,drafts,real)",
    )
    parser.add_argument("--solvers", help="of `model`'s part `compare`: some of mini,aider,baseline,nightcrew")
    given = parser.parse_args()
    chosen = {
        name: tuple(value.split(",")) for name, value in (("parts", given.only), ("solvers", given.solvers)) if value
    }
    if given.only and given.name not in ("model", "pool"):
        parser.error("--only is for the benchmarks `model` and `pool`")
    if given.solvers and given.name != "model":
        parser.error("--solvers is for the benchmark `model`")
    made = document(given.name, import_module(BENCHMARKS[given.name]).measure(given.quick, given.data, **chosen))
    if given.page:
        write(made, f"make bench NAME={given.name}{' QUICK=1' * given.quick} PAGE=1")
    print(json.dumps(made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
