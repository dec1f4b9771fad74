"""`make gpu-check MODEL=… [VLLM=PYTHON] [ARGUMENTS=…] [DEVICE=cpu]`: bring real engines up behind a pool on this machine, and print what was seen as one JSON document."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
import time
import urllib.request
from dataclasses import asdict
from pathlib import Path

from tests.gpu import figures
from tests.gpu.machine import Gpu, NoGpu, gpus
from tests.orchestrator.pool import tinymodel
from tests.orchestrator.pool.real import Real, real_pool, real_table

_NAME, _WAIT_S = "checked", 1800.0
_DRAFTS = ("ngram", "original")
_SIZES = {"gpu": figures.Size(600, 256), "cpu": figures.Size(20, 64)}
_ARGUMENTS = ("--max-model-len", "16384")


def main() -> int:
    """Check; return the exit status: 1 where there is no GPU, or something does not work."""
    given = argparse.ArgumentParser(prog="make gpu-check", description=__doc__)
    given.add_argument("--model", help="a folder, or a name that vLLM's cache has")
    given.add_argument("--program", help="the Python of vLLM's environment")
    given.add_argument("--arguments", default="", help="further words for the engine")
    given.add_argument("--device", choices=("gpu", "cpu"), default="gpu")
    asked = given.parse_args()
    found: tuple[Gpu, ...] = ()
    if asked.device == "gpu":
        try:
            found = gpus()
        except NoGpu as error:
            sys.stderr.write(f"{error}\n")
            return 1
        if asked.model is None:
            given.error("name a model: MODEL=a folder, or a name that vLLM's cache has")
    told: dict[str, object] = {"name": "gpu-check", "device": asked.device, "gpus": [asdict(each) for each in found]}
    with tempfile.TemporaryDirectory(prefix="nightcrew-gpu-") as folder:
        told |= _checked(Path(folder), asked)
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


def _checked(folder: Path, asked: argparse.Namespace) -> dict[str, object]:
    """Bring one engine up after the other: a GPU has room for one."""
    model = asked.model or str(tinymodel.make(folder / "tiny"))
    size = _SIZES[asked.device]
    told: dict[str, object] = {"model": asked.model or "a tiny random one"}
    began = time.monotonic()
    with real_pool(folder / "plain", _table(asked, model, ""), _WAIT_S) as real:
        told |= {"vllm": _version(real), "start_s": round(time.monotonic() - began, 1)}
        told |= figures.plain(real, _NAME, size)
        plain = figures.edits(real, _NAME, size)
    speculation: dict[str, object] = {}
    for drafts in _DRAFTS:
        with real_pool(folder / drafts, _table(asked, model, drafts), _WAIT_S) as real:
            speculation[drafts] = figures.compared(plain, figures.edits(real, _NAME, size, drafts=True))
    return told | {"speculation": speculation}


def _table(asked: argparse.Namespace, model: str, drafts: str) -> str:
    """Return the table of the one model, its own arguments last: there the last word counts."""
    more, arguments = f'drafts = "{drafts}"' if drafts else "", shlex.split(asked.arguments)
    if asked.device == "cpu":
        return real_table(_NAME, model, arguments, more, asked.program)
    return (
        f'[models.{_NAME}]\nengine = "vllm"\nprogram = {json.dumps(asked.program or "python3")}\n'
        f"model = {json.dumps(model)}\narguments = {json.dumps([*_ARGUMENTS, *arguments])}\n"
        f"start_s = {_WAIT_S}\n{more}\n"
    )


def _version(real: Real) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{real.port(_NAME)}/version", timeout=30) as answer:
        return str(json.load(answer)["version"])


if __name__ == "__main__":
    sys.exit(main())
