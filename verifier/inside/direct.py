"""Call a plain test function without pytest's protocol around it, where that protocol would add nothing.

In a process just forked, the protocol's cost is not its work but the memory it touches: every page is copied.
"""

from __future__ import annotations

import inspect
import os
import unittest
import warnings
from typing import Any

import pytest

from . import words

_HOOKS = (
    "pytest_runtest_protocol",
    "pytest_runtest_setup",
    "pytest_runtest_call",
    "pytest_runtest_teardown",
    "pytest_runtest_makereport",
    "pytest_runtest_logstart",
    "pytest_runtest_logreport",
    "pytest_runtest_logfinish",
    "pytest_pyfunc_call",
    "pytest_fixture_setup",
)
_MARKS = {"skip", "skipif", "xfail", "usefixtures", "filterwarnings"}
_SKIPS = (pytest.skip.Exception, unittest.SkipTest)


def only_known_hooks(config: Any, own: Any) -> bool:
    """Say whether nobody but pytest itself (and `own`) takes part in running a test."""
    for name in _HOOKS:
        for implementation in getattr(config.hook, name).get_hookimpls():
            plugin = implementation.plugin
            module = getattr(plugin, "__name__", None) or type(plugin).__module__
            if plugin is not own and not str(module).startswith("_pytest."):
                return False
    return True


def arguments(item: Any) -> dict[str, Any] | None:
    """Return what to call the item's function with; None where it needs more than a call."""
    if type(item) is not pytest.Function or any(mark.name in _MARKS for mark in item.iter_markers()):
        return None
    function, parent = item.function, getattr(item.parent, "obj", None)
    if (
        inspect.iscoroutinefunction(function)
        or inspect.isgeneratorfunction(function)
        or hasattr(function, "hypothesis")
    ):
        return None
    # Set-up in the manner of nose, which older pytest runs.
    if hasattr(parent, "setup") or hasattr(parent, "teardown"):
        return None
    callspec = getattr(item, "callspec", None)
    known = {} if callspec is None else {**getattr(callspec, "funcargs", {}), **callspec.params}
    if any(name not in known or _is_fixture(item, name) for name in item.fixturenames):
        return None
    return {name: known[name] for name in item._fixtureinfo.argnames}


def _is_fixture(item: Any, name: str) -> bool:
    """Say whether an argument comes from a fixture; newer pytest makes definitions up for plain parameters too."""
    definitions = item._fixtureinfo.name2fixturedefs.get(name, ())
    return any(definition.func.__name__ != "get_direct_param_fixture_func" for definition in definitions)


def warn_as(config: Any) -> None:
    """Set the warning filters that pytest would set around each test, for good: this process only runs tests from here on."""
    from _pytest.config import apply_warning_filters

    warnings.filterwarnings("always", category=DeprecationWarning)
    warnings.filterwarnings("always", category=PendingDeprecationWarning)
    apply_warning_filters(config.getini("filterwarnings"), config.known_args_namespace.pythonwarnings or [])


def call(item: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Call the test and return its result, without frames and output."""
    os.environ["PYTEST_CURRENT_TEST"] = item.nodeid.replace("\x00", "(null)") + " (call)"
    try:
        item.obj(**values)
    except _SKIPS as error:
        return words.result(item.nodeid, "skipped", message=str(error))
    except pytest.xfail.Exception as error:
        return words.result(item.nodeid, "xfailed", message=str(error))
    except (pytest.exit.Exception, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a test raises makes it fail
        return words.result(item.nodeid, "failed", message=words.brief(error))
    return words.result(item.nodeid, "passed")
