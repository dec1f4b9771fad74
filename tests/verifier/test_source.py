"""A function compiled alone has the very code that it has in its module, or a candidate would cost a new import."""

from __future__ import annotations

from types import FunctionType

from verifier.inside.live import _same
from verifier.inside.source import Module

TEXT = b"""\
from __future__ import absolute_import, annotations

import os.path
from datetime import datetime as moment

try:
    import json
except ImportError:
    json = None


def imported(text):
    return os.path.join(text, moment.strptime(text, "%Y").isoformat(), json.dumps(text))


class Thing:
    def method(self):
        return [moment.now() for _ in "ab"]
"""


def test_a_function_compiled_alone_has_the_code_of_its_module() -> None:
    names: dict[str, object] = {}
    exec(compile(TEXT, "module.py", "exec", 0, True), names)
    module = Module("module.py", TEXT)
    live = {"imported": names["imported"], "method": vars(names["Thing"])["method"]}
    assert [function.name for function in module.functions] == list(live)
    for function in module.functions:
        running = live[function.name]
        assert isinstance(running, FunctionType)
        assert _same(running.__code__, module.compile(function).code)
