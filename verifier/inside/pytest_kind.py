"""Run a pytest suite in this process and report every test; or collect it and hand over to a server that forks."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from typing import TYPE_CHECKING, Any, Callable, Generator

import pytest

from . import direct, patience, plain, words

if TYPE_CHECKING:
    Send = Callable[[dict[str, Any]], None]
    Serve = Callable[["Engine"], None]


class Part:
    """What is known so far of a test that is running."""

    def __init__(self) -> None:
        self.outcome = "passed"
        self.seconds = 0.0
        self.message = ""
        self.frames: list[list[Any]] = []
        self.output: list[str] = []
        self.sections: dict[str, str] = {}

    def add(self, report: Any, raised: Any) -> None:
        """Take in the report of one phase; `raised` is what its exception said, where this process saw it."""
        self.seconds += getattr(report, "duration", 0.0)
        self.sections.update(report.sections)
        if report.failed:
            if self.outcome != "failed":
                self.outcome = "failed" if report.when in ("call", "???") else "error"
            message, frames = raised or (_first_line(report), _reported_frames(report))
            if not self.message:
                self.message, self.frames = message, frames
            self.output.append(report.longreprtext)
        elif report.skipped and self.outcome == "passed":
            self.outcome = "xfailed" if hasattr(report, "wasxfail") else "skipped"
            reason = getattr(report, "wasxfail", None) or _reason(report)
            self.message = str(reason)
        elif report.when == "call" and hasattr(report, "wasxfail"):
            self.outcome = "xpassed"
            self.message = str(report.wasxfail)

    def result(self, nodeid: str) -> dict[str, Any]:
        """Return the test's result as a message."""
        sections = [f"---- {name} ----\n{text}" for name, text in self.sections.items() if text]
        output = "\n".join(self.output + sections)
        return words.result(nodeid, self.outcome, self.seconds, self.message, self.frames, output)


def _reason(report: Any) -> str:
    return str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext)


def _first_line(report: Any) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash is not None else report.longreprtext)


def _reported_frames(report: Any) -> list[list[Any]]:
    """Return the frames of a report that another process (of pytest-xdist) made."""
    entries = getattr(getattr(report.longrepr, "reprtraceback", None), "reprentries", ())
    places = [place for place in (getattr(entry, "reprfileloc", None) for entry in entries) if place is not None]
    return [[place.path, place.lineno, ""] for place in places]


class Plugin:
    """The pytest plugin that reports, and keeps a suite's own options from cutting the run or littering the tree."""

    def __init__(self, request: dict[str, Any], send: Send, serve: Serve | None) -> None:
        self.send = send
        self.bad: list[str] = []
        self.tbstyle = "auto"
        self.brief = False
        self._ids: list[str] | None = request.get("ids")
        self._choice = words.Choice(self._ids, ":: /")
        self._stop = bool(request.get("stop"))
        self._serve = serve
        self._tree = words.Tree(request["root"])
        self._parts: dict[str, Part] = {}
        self._raised: dict[Any, Any] = {}
        self._cache = os.path.join(tempfile.gettempdir(), f"nightcrew-cache-{os.getpid()}")
        self._nothing = False
        self._each_s = request.get("each_s")
        self._patience: patience.Patience | None = None

    # ---- before collection

    @pytest.hookimpl(hookwrapper=True)
    def pytest_load_initial_conftests(self, early_config: Any) -> Generator[None, Any, None]:
        if hasattr(early_config.known_args_namespace, "no_cov"):
            early_config.known_args_namespace.no_cov = True
        yield

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: Any) -> None:
        options = config.option
        options.maxfail = 0
        options.continue_on_collection_errors = True
        for name in ("lf", "failedfirst", "newfirst", "stepwise", "stepwise_skip", "usepdb", "trace"):
            if hasattr(options, name):
                setattr(options, name, False)
        for name in ("xmlpath", "htmlpath", "report_log", "json_report_file"):
            if hasattr(options, name):
                setattr(options, name, None)
        if (self._serve or self._stop or self._ids is not None) and hasattr(options, "numprocesses"):
            options.numprocesses, options.dist, options.tx = 0, "no", []
        else:
            _tell_workers(config, self._cache)
        # Workers run the tests of a suite that is spread over them: here nothing is to be interrupted.
        if self._each_s and not self._serve and getattr(options, "dist", "no") == "no":
            self.send = self._patience = patience.Patience(self.send, self._each_s)
        self.tbstyle = options.tbstyle
        if self._serve or self._stop:
            # A long traceback is most of the cost of a test that fails.
            options.tbstyle = "line"

    def pytest_configure(self, config: Any) -> None:
        cache = getattr(config, "cache", None)
        if cache is not None:
            cache._cachedir = type(cache._cachedir)(self._cache)
        if self._ids is None:
            return
        root = str(getattr(config, "rootpath", None) or config.rootdir)
        files = {os.path.join(root, name.partition("::")[0]): None for name in self._ids}
        config.args[:] = [path for path in files if os.path.lexists(path)]
        self._nothing = not config.args

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: Any) -> bool | None:
        if self._nothing:
            session.items = []
            return True
        return None

    # ---- collection

    def pytest_collectstart(self, collector: Any) -> None:
        if isinstance(collector, pytest.File):
            self.send({"t": "collecting", "id": words.short_id(collector.nodeid)})

    @pytest.hookimpl(hookwrapper=True)
    def pytest_make_collect_report(self) -> Generator[None, Any, None]:
        report = (yield).get_result()
        excinfo = getattr(getattr(report, "call", None), "excinfo", None)
        if report.failed and excinfo is not None:
            self._raised[report.nodeid, "collect"] = self._said(excinfo)

    def pytest_collectreport(self, report: Any) -> None:
        if report.passed:
            return
        message, frames = self._raised.pop((report.nodeid, "collect"), None) or (_first_line(report), [])
        outcome = "error" if report.failed else "skipped"
        message = message if report.failed else _reason(report)
        output = report.longreprtext if report.failed else ""
        if report.failed:
            self.bad.append(report.nodeid)
        self.send(words.result(report.nodeid or ".", outcome, 0.0, message, frames, output))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = [item for item in items if words.short_id(item.nodeid) in self._choice]

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: Any) -> None:
        words.collected([item.nodeid for item in getattr(session, "items", ())], self.send)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        words.collected(list(ids), self.send)

    # ---- running

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool | None:
        if self._serve is None or session.config.option.collectonly:
            return None
        self._serve(Engine(session, self))
        return True

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.send({"t": "start", "id": words.short_id(nodeid)})

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Generator[None, Any, None]:
        report = (yield).get_result()
        if report.failed and call.excinfo is not None:
            self._raised[item.nodeid, report.when] = self._said(call.excinfo)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.outcome == "rerun":
            self._parts.pop(report.nodeid, None)
            return
        part = self._parts.setdefault(report.nodeid, Part())
        part.add(report, self._raised.pop((report.nodeid, report.when), None))
        if report.when in ("teardown", "???"):
            del self._parts[report.nodeid]
            if part.outcome in ("failed", "error"):
                self.bad.append(report.nodeid)
            self.send(part.result(report.nodeid))

    def pytest_runtest_logfinish(self) -> None:
        if self._stop and self.bad and self._session is not None:
            self._session.shouldstop = "a test failed"

    _session: Any = None

    def pytest_sessionstart(self, session: Any) -> None:
        self._session = session

    # ---- the end

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        if self._patience is not None:
            self._patience.end()

    def pytest_internalerror(self, excrepr: Any) -> None:
        self.send({"t": "broken", "why": words.cut(str(excrepr), words.OUTPUT_CHARS)})

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        self.send({"t": "broken", "why": words.message_of(excinfo.type, excinfo.value)})

    def pytest_unconfigure(self) -> None:
        shutil.rmtree(self._cache, ignore_errors=True)

    def _said(self, excinfo: Any) -> Any:
        if self.brief:
            return words.brief(excinfo.value), []
        return words.message_of(excinfo.type, excinfo.value), self._tree.frames(excinfo.value, excinfo.tb)


def _tell_workers(config: Any, cache: str) -> None:
    """Put on the command line what was set as options: workers of pytest-xdist parse it again."""
    extra = [
        "--maxfail=0",
        "--continue-on-collection-errors",
        *(["--no-cov"] if hasattr(config.option, "no_cov") else []),
    ]
    if config.pluginmanager.hasplugin("cacheprovider"):
        extra += ["-o", "cache_dir=" + cache]
    given = config.invocation_params
    config.invocation_params = type(given)(
        args=(*_inserted(list(given.args), extra),), plugins=given.plugins, dir=given.dir
    )


def _inserted(arguments: list[str], extra: list[str]) -> list[str]:
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at] + extra + arguments[at:]


class Engine:
    """The collected suite, ready to run any of its tests in a forked child."""

    def __init__(self, session: Any, plugin: Plugin) -> None:
        self._session = session
        self._plugin = plugin
        self._items = {words.short_id(item.nodeid): item for item in session.items}
        self.ids = list(self._items)
        self._plain = direct.only_known_hooks(session.config, plugin)
        self._calls: dict[str, dict[str, Any] | None] = {}
        if self._plain:
            direct.warn_as(session.config)

    def choose(self, asked: list[str]) -> list[str] | None:
        """Return the collected ids that `asked` choose, in order; None when one of `asked` chooses nothing."""
        chosen = words.choose(self.ids, asked, ":: /")
        if self._plain:
            # Looked at here, before forking: for every child.
            for test_id in chosen or ():
                if test_id not in self._calls:
                    self._calls[test_id] = direct.arguments(self._items[test_id])
        return chosen

    def rewritten(self, module: Any) -> bool:
        """Say whether pytest compiled this module itself, with its assertions rewritten."""
        return type(getattr(module, "__loader__", None)).__module__.startswith("_pytest.")

    def run(self, ids: list[str], send: Send, stop: bool, detail: bool, scratch: str) -> None:
        """Run tests in this process, which ends afterwards; `scratch` is where their temporary directories go."""
        if not detail:
            ids = self._call(ids, send, stop)
        if not ids:
            return
        plugin, config = self._plugin, self._session.config
        plugin.send, plugin.brief = send, not detail
        plugin.bad.clear()
        if detail:
            config.option.tbstyle = plugin.tbstyle
        factory = getattr(config, "_tmp_path_factory", None)
        if factory is not None:
            # pytest's own numbering keeps three directories only and looks through all of them.
            factory._given_basetemp = type(factory._given_basetemp or _path())(scratch)
        items = [self._items[test_id] for test_id in ids]
        for item, following in zip(items, [*items[1:], None]):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if stop and plugin.bad:
                return

    def _call(self, ids: list[str], send: Send, stop: bool) -> list[str]:
        """Run the tests that a call is enough for; return those that are left to be run."""
        left = []
        for test_id in ids:
            values = self._calls.get(test_id)
            if values is None:
                left.append(test_id)
                continue
            said = direct.call(self._items[test_id], values)
            send(said)
            if stop and said["outcome"] == "failed":
                return []
        return left


def _path() -> Any:
    import pathlib

    return pathlib.Path()


def run(request: dict[str, Any], send: Send, serve: Serve | None = None) -> int:
    """Run the suite that `request` describes (`args`, `ids`, `root`, `stop`, `plain`), or serve it; return the exit status."""
    arguments = list(request["args"])
    plugin = Plugin(request, send, serve)
    plain.stand_in("pytest", arguments)
    extra = ["--capture=sys"] if serve or request.get("stop") else []
    if request.get("plain"):
        extra.append("--assert=plain")
    status = int(pytest.main(_inserted(arguments, extra), plugins=[plugin]))
    sys.stdout.flush()
    return status
