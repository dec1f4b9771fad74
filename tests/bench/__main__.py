"""Run a benchmark: `make bench NAME=main [QUICK=1] [DATA=dir]`. The last line is one JSON document."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

from tests.bench.target import document

BENCHMARKS = {
    "main": "tests.bench.main",
    "repair": "tests.bench.repair",
    "sandbox": "tests.bench.sandbox",
    "shadowfs": "tests.bench.shadowfs",
    "verifier": "tests.bench.verifier",
}
"""Each benchmark and the module whose `measure(quick, data)` returns its targets."""


def main() -> int:
    """Run the benchmark that is named, and print its document."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("name", nargs="?", default="main", choices=sorted(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="a coarse answer in under five minutes")
    parser.add_argument("--data", type=Path, help="a directory with what no registry has")
    given = parser.parse_args()
    targets = import_module(BENCHMARKS[given.name]).measure(given.quick, given.data)
    print(document(given.name, targets))
    return 0


if __name__ == "__main__":
    sys.exit(main())
