"""What the interpreter tells while code runs, of few code objects: with `sys.monitoring` where there is one, else with a trace function."""

from __future__ import annotations

import opcode
import sys
import threading
from importlib.machinery import SourceFileLoader
from types import CodeType
from typing import TYPE_CHECKING, Any

from . import trace

if TYPE_CHECKING:
    from .observe import Look, Observation

_RETURNS = ("RETURN_VALUE", "RETURN_CONST")


def start(observation: Observation) -> Traced | Monitored:
    """Tell an observation what happens from now on, until the process ends."""
    monitoring = getattr(sys, "monitoring", None)
    tool = None if monitoring is None else trace.free_tool(monitoring)
    return Traced(observation) if tool is None else Monitored(observation, monitoring, tool)


class Looks:
    """What is looked at in each code object, asked once."""

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        # An id is taken again when its code object has gone: so they are kept.
        self._known: dict[int, tuple[CodeType, Look | None]] = {}

    def of(self, code: CodeType) -> Look | None:
        """Return what is looked at in a code object."""
        try:
            return self._known[id(code)][1]
        except KeyError:
            look = self._observation.look(code)
            self._known[id(code)] = code, look
            return look


class Traced:
    """A trace function, set while a test runs and while a module of the repository is imported: it makes every call slower.

    Only frames of code that is looked at have their lines traced.
    """

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._looks = Looks(observation)
        self._returns = frozenset(opcode.opmap[name] for name in _RETURNS if name in opcode.opmap)
        self._exec_module = SourceFileLoader.exec_module
        SourceFileLoader.exec_module = self._imports()  # type: ignore[method-assign]

    def begin(self) -> None:
        """Tell what happens from now on, in all threads."""
        threading.settrace(self._called)
        sys.settrace(self._called)

    def end(self) -> None:
        """Tell nothing until the next beginning: a test has ended, or all are collected."""
        SourceFileLoader.exec_module = self._exec_module  # type: ignore[method-assign]
        threading.settrace(None)
        sys.settrace(None)

    def _imports(self) -> Any:
        def exec_module(loader: Any, module: Any) -> None:
            before = sys.gettrace()
            sys.settrace(self._called if self._observation.inside(loader.path) else None)
            try:
                self._exec_module(loader, module)
            finally:
                sys.settrace(before)

        return exec_module

    def _called(self, frame: Any, event: str, arg: Any) -> Any:
        del event, arg
        look = self._looks.of(frame.f_code)
        if look is None:
            return None
        observation, raised = self._observation, [None]
        observation.entered(look, frame)

        def local(frame: Any, event: str, arg: Any) -> Any:
            if event == "line":
                observation.line(look, frame.f_lineno)
            elif event == "exception":
                raised[0] = arg[1]
            elif event == "return" and look.number >= 0:
                if arg is not None or frame.f_code.co_code[frame.f_lasti] in self._returns:
                    observation.returned(frame, arg)
                else:
                    observation.raised(frame, raised[0])
            return local

        frame.f_trace_lines = bool(look.lines)
        return local


class Monitored:
    """Events of code that is looked at; what else starts is asked about once."""

    def __init__(self, observation: Observation, monitoring: Any, tool: int) -> None:
        self._observation = observation
        self._looks = Looks(observation)
        self._monitoring = monitoring
        self._tool = tool
        events = monitoring.events
        monitoring.use_tool_id(tool, "nightcrew")
        monitoring.register_callback(tool, events.PY_START, self._started)
        monitoring.register_callback(tool, events.LINE, self._line)
        monitoring.register_callback(tool, events.PY_RETURN, self._returned)
        monitoring.register_callback(tool, events.PY_UNWIND, self._unwound)
        monitoring.set_events(tool, events.PY_START | events.PY_UNWIND)

    def begin(self) -> None:
        """Go on: what is looked at is never turned off."""

    def end(self) -> None:
        """Go on."""

    def _started(self, code: CodeType, offset: int) -> Any:
        del offset
        look = self._looks.of(code)
        if look is None:
            return self._monitoring.DISABLE
        events = self._monitoring.events
        self._monitoring.set_local_events(self._tool, code, events.LINE | events.PY_RETURN)
        # Python 3.13 tells no line of a function that lies on one line.
        if look.lines == {code.co_firstlineno}:
            self._observation.line(look, code.co_firstlineno)
        if look.number >= 0:
            self._observation.entered(look, sys._getframe(1))
        return None

    def _line(self, code: CodeType, line: int) -> Any:
        look = self._looks.of(code)
        if look is None or line not in look.lines:
            return self._monitoring.DISABLE
        self._observation.line(look, line)
        return None

    def _returned(self, code: CodeType, offset: int, value: Any) -> Any:
        del offset
        look = self._looks.of(code)
        if look is None or look.number < 0:
            return self._monitoring.DISABLE
        self._observation.returned(sys._getframe(1), value)
        return None

    def _unwound(self, code: CodeType, offset: int, error: BaseException) -> None:
        del offset
        look = self._looks.of(code)
        if look is not None and look.number >= 0:
            self._observation.raised(sys._getframe(1), error)
