"""The fork server: a hub that has imported nothing of the repository, and a warm server that has imported the suite.

A candidate goes to the warm server, which puts it into live functions where that is possible; where it is not, the
hub forks a process that imports the suite anew with the edited source overlaid.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import select
import signal
import socket
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from . import behaviour, live, nursery, overlay, patience, sharing, source, state, trace, words
from .channel import Channel
from .told import Told

if TYPE_CHECKING:
    from .channel import Message

_IMPORT_CPU_S = 5.0
_LOOK_CPU_S = 10.0
_PRELOAD = {"pytest": ("pytest", "_pytest", "pluggy", "iniconfig", "packaging"), "unittest": ("unittest",)}


class Loop:
    """Takes jobs from one channel, starts them when there is room, and sends back what became of them."""

    def __init__(self, link: Channel) -> None:
        self.link = link
        self.jobs: deque[Message] = deque()
        self.selected: list[str] = []
        self.nursery = nursery.Nursery(self.descriptors)

    def descriptors(self) -> list[int]:
        """Return what a child must not hold."""
        return [self.link.fileno()]

    def loop(self) -> None:
        """Serve until the channel's end."""
        while not self.link.ended:
            ready = select.select(self.watched(), [], [], 1.0)[0]
            if self.link.fileno() in ready:
                for message in self.link.receive():
                    self.take(message)
            self.others(ready)
            for message in self.nursery.finished(ready):
                self.told(message)
            while self.jobs and not self.nursery.full:
                self.start(self.jobs.popleft())
        self.nursery.clear()

    def watched(self) -> list[int]:
        """Return the descriptors to wait for."""
        return [self.link.fileno(), *self.nursery.pipes()]

    def take(self, message: Message) -> None:
        """Handle one message that came from above."""
        if message["t"] == "select":
            self.selected = message["ids"]
        elif message["t"] == "cancel":
            self.jobs.clear()
            self.nursery.clear()
        else:
            if message.get("tests") is None:
                message["tests"] = self.selected
            self.jobs.append(message)

    def others(self, ready: list[int]) -> None:
        """Look after further descriptors."""

    def start(self, job: Message) -> None:
        """Start one job."""
        raise NotImplementedError

    def told(self, message: Message) -> None:
        """Send on what a child said."""
        self.link.send(message)

    def refuse(self, job: Message, ending: str, why: str) -> None:
        """Answer a job that is not started."""
        self.link.send({"t": "done", "n": job["n"], "ending": ending, "message": why, "cpu_s": 0.0})


class Warm(Loop):
    """Serves from a process in which the suite has been imported and collected."""

    def __init__(self, link: Channel, engine: Any, tree: words.Tree, imported: trace.Imported) -> None:
        super().__init__(link)
        self._engine = engine
        self._tree = tree
        self._modules = _modules(tree)
        self._index = live.Index(tree)
        self._patcher = live.Patcher(tree, self._index, imported, self._modules)
        self._chosen: tuple[list[str], list[str] | None] = ([], [])
        self._held = state.State([module for modules in self._modules.values() for module in modules])
        self._sieves: dict[tuple[str, ...], sharing.Sieve] = {}
        self._looking: dict[int, sharing.Sieve] = {}
        self._groups: dict[int, tuple[sharing.Sieve, list[Message]]] = {}
        nursery.settle()
        link.send({"t": "ready", "room": self.nursery.room})

    def take(self, message: Message) -> None:
        """Handle one message that came from the hub."""
        if message["t"] == "cancel":
            self._looking.clear()
            self._groups.clear()
        super().take(message)

    def start(self, job: Message) -> None:
        """Fork a child that applies the job's edits to live functions and runs its tests; for several jobs where they may share it."""
        if "behave" in job:
            self._behave(job)
            return
        plan = self._planned(job)
        if plan is None:
            return
        sieve = self._sieve(job)
        if sieve is None or not sieve.shared:
            self._alone(job, plan)
            return
        group = [(job, plan)]
        most = min(job.get("most", sharing.MOST), 1 + len(self.jobs) // self.nursery.free)
        while self.jobs and len(group) < most and self._sieve(self.jobs[0]) is sieve:
            following = self.jobs.popleft()
            plan = self._planned(following)
            if plan is not None:
                group.append((following, plan))
        if len(group) == 1:
            self._alone(*group[0])
            return
        self._groups[job["n"]] = (sieve, [each for each, _ in group])
        # Each candidate has its own timer; this one is for what outwits it.
        cpu_s = sum(each["cpu_s"] for each, _ in group) + 10
        self.nursery.spawn(job["n"], cpu_s, lambda scratch: sieve.together(group, scratch))

    def told(self, message: Message) -> None:
        """Send on what a child said of its candidates; those that passed, or of which nothing is known, are started anew."""
        if message["n"] in self._looking:
            self._looking.pop(message["n"]).learn(message)
            return
        sieve, jobs = self._groups.pop(message["n"], (None, []))
        if sieve is None:
            super().told(message)
            return
        told = {each["n"]: each for each in message.get("told", ())} if sieve.holds(message) else {}
        again = []
        for job in jobs:
            said = told.get(job["n"], {"ending": ""})
            if said["ending"] in ("failed", "timed out"):
                super().told({**said, "t": "done", "cpu_s": message["cpu_s"] / len(told)})
            else:
                again.append({**job, "most": 1 if said["ending"] else len(jobs) // 2})
        self.jobs.extendleft(reversed(again))

    def _sieve(self, job: Message) -> sharing.Sieve | None:
        """Return what the job's candidate may share a process for; looks into it when first asked."""
        if job["tests"] is not self.selected or job["all"] or job["detail"] or job.get("most", sharing.MOST) < 2:
            return None
        key = tuple(self.selected)
        if key not in self._sieves:
            self._sieves[key] = sharing.Sieve(self._engine, self._tree, self._held, self._choose(self.selected) or [])
        sieve = self._sieves[key]
        if not sieve.asked:
            sieve.asked = True
            number = -len(self._sieves)
            self._looking[number] = sieve
            self.nursery.spawn(number, _LOOK_CPU_S, sieve.twice)
        return sieve

    def _planned(self, job: Message) -> live.Plan | None:
        """Return what applies the job's edits; None where the job has been answered or passed on."""
        try:
            if self._choose(job["tests"]) is None:
                raise source.Cold("a test is not among the collected ones")
            # Before the fork: in a child, where each page it touches is copied, compiling takes more CPU.
            return self._patcher.plan(job["edits"])
        except source.Inapplicable as error:
            self.refuse(job, "inapplicable", str(error))
        except source.Cold as error:
            self._pass_on(job, str(error))
        return None

    def _alone(self, job: Message, apply: live.Plan) -> None:
        tests = self._choose(job["tests"]) or []

        def work(scratch: str) -> Message:
            apply()
            lines = trace.Lines(self._tree, job["cover"] or None) if job.get("cover") is not None else None
            told = Told(lines)
            if lines is not None:
                lines.start()
            send: Any = told
            if job.get("each_s"):
                send = patience.Patience(told, job["each_s"])
                send.begin()
            self._engine.run(tests, send, not job["all"], job["detail"], scratch)
            said = told.summary(job["detail"])
            if lines is not None:
                said["lines"] = lines.found()
            return said

        self.nursery.spawn(job["n"], job["cpu_s"], work)

    def _behave(self, job: Message) -> None:
        """Fork a child that tells what candidates do on the inputs that tests give."""
        asked = behaviour.Asked(self._patcher, job["behave"])
        chosen = {name: behaviour.chosen(self._engine, job[name]) for name in ("failing", "passing")}
        observer = behaviour.Observer({**job, **chosen}, asked, self._engine, self._tree, self._index)
        nest = self.nursery
        # Recording and copying; each of its children has `cpu_s` again.
        cpu_s = 2 * job["cpu_s"] + 5
        nest.spawn(job["n"], cpu_s, lambda scratch: observer.work(scratch, nest.answer), observer.family_s(nest.room))

    def _pass_on(self, job: Message, why: str) -> None:
        paths = {edit[0] for edit in job["edits"]}
        rewritten = any(self._engine.rewritten(module) for path in paths for module in self._modules.get(path, ()))
        self.link.send({"t": "cold", "n": job["n"], "why": why, "plain": rewritten})

    def _choose(self, asked: list[str]) -> list[str] | None:
        # The same tests are asked for again and again.
        if self._chosen[0] is not asked:
            self._chosen = (asked, self._engine.choose(asked))
        return self._chosen[1]


def _modules(tree: words.Tree) -> dict[str, list[Any]]:
    """Return the imported modules of the repository by their file."""
    found: dict[str, list[Any]] = {}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        path = tree.relative(file) if isinstance(file, str) else None
        if path is not None:
            found.setdefault(path, []).append(module)
    return found


class Hub(Loop):
    """Speaks with the host; passes jobs to the warm server, and does itself what that cannot."""

    def __init__(self, request: Message, link: Channel) -> None:
        super().__init__(link)
        self._request = request
        self._tree = words.Tree(request["root"])
        self._at_warm: dict[int, Message] = {}
        self._ready = False
        self._import_cpu_s = _IMPORT_CPU_S
        self._preload()
        mine, theirs = socket.socketpair()
        self._warm_pid = nursery.fork()
        if self._warm_pid == 0:
            mine.close()
            os._exit(self._be_warm(Channel(theirs.detach())))
        theirs.close()
        self._warm: Channel | None = Channel(mine.detach())
        # What comes by keyboard is for the host.
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def descriptors(self) -> list[int]:
        """Return what a child must not hold."""
        return [*super().descriptors(), *([] if self._warm is None else [self._warm.fileno()])]

    def watched(self) -> list[int]:
        """Return the descriptors to wait for."""
        return super().watched() + ([] if self._warm is None else [self._warm.fileno()])

    def take(self, message: Message) -> None:
        """Pass a job on to the warm server while there is one."""
        if message["t"] == "cancel":
            self._at_warm.clear()
        if message["t"] in ("select", "cancel"):
            super().take(message)
            if self._warm is not None:
                self._warm.send(message)
        elif self._warm is not None:
            self._at_warm[message["n"]] = message
            self._warm.send(message)
        else:
            super().take(message)

    def others(self, ready: list[int]) -> None:
        """Pass on what the warm server says, take back what it cannot do, and do without it when it has died."""
        if self._warm is None or self._warm.fileno() not in ready:
            return
        for message in self._warm.receive():
            self._from_warm(message)
        if self._warm.ended:
            self._without_warm()

    def _from_warm(self, message: Message) -> None:
        job = self._at_warm.pop(message.get("n", -1), None)
        if message["t"] == "cold":
            if job is not None:
                super().take({**job, "tests": job["tests"] or self.selected, "plain": message["plain"]})
            return
        if message["t"] == "imported":
            # A slower machine moment must not look like a slow candidate.
            self._import_cpu_s += 3 * message["cpu_s"]
            return
        if message["t"] == "ready":
            self._ready = True
        self.link.send(message)

    def _without_warm(self) -> None:
        assert self._warm is not None
        self._warm.close()
        self._warm = None
        status = os.waitpid(self._warm_pid, 0)[1]
        if not self._ready:
            self.link.send({"t": "end", "status": os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128})
        for job in self._at_warm.values():
            super().take(job)
        self._at_warm.clear()

    def start(self, job: Message) -> None:
        """Fork a child that imports the suite anew with the job's edits overlaid."""
        if "behave" in job:
            self.refuse(job, "failed", "the process that imported the suite has died")
            return
        request = {**self._request, "ids": job["tests"], "stop": not job["all"], "plain": job.get("plain", False)}

        def work(scratch: str) -> Message:
            os.environ["PYTEST_DEBUG_TEMPROOT"] = _made(scratch)
            try:
                overlay.install(self._sources(job["edits"]))
            except source.Inapplicable as error:
                return {"ending": "inapplicable", "message": str(error)}
            lines = trace.Lines(self._tree, job["cover"] or None) if job.get("cover") is not None else None
            told = Told(lines)
            if lines is not None:
                lines.start()
            self._kind().run(request, told)
            said = told.summary(job["detail"])
            if lines is not None:
                said["lines"] = lines.found()
            return said

        self.nursery.spawn(job["n"], job["cpu_s"] + self._import_cpu_s, work)

    def _sources(self, edits: list[Any]) -> dict[str, bytes]:
        by_path: dict[str, list[source.Edit]] = {}
        for path, start, end, text in edits:
            by_path.setdefault(path, []).append((start, end, text))
        sources = {}
        for path, changes in by_path.items():
            data = source.read(self._tree.root, path)
            data = source.edited(data, changes, source.encoding_of(data))
            try:
                compile(data, path, "exec", 0, True)
            except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
                raise source.Inapplicable("{}: {}".format(type(error).__name__, error)) from None
            sources[os.path.realpath(os.path.join(self._tree.root, path))] = data
        return sources

    def _kind(self) -> Any:
        return importlib.import_module("_nightcrew_inside.{}_kind".format(self._request["kind"]))

    def _preload(self) -> None:
        """Import the test runner once for all, unless the repository is that of the runner itself."""
        for name in _PRELOAD[self._request["kind"]]:
            spec = importlib.util.find_spec(name)
            if spec is None and name == self._request["kind"]:
                self.link.send({"t": "missing", "module": name, "python": sys.executable})
                sys.exit(1)
            if spec is not None and self._tree.relative(spec.origin or "<built in>") is not None:
                return
        self._kind()
        nursery.settle()

    def _be_warm(self, link: Channel) -> int:
        self.link.close()
        imported = trace.Imported(self._tree)
        began = time.process_time()

        def serve(engine: Any) -> None:
            imported.stop()
            link.send({"t": "imported", "cpu_s": time.process_time() - began})
            Warm(link, engine, self._tree, imported).loop()

        imported.start()
        status: int = self._kind().run(self._request, link.send, serve)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        return status


def _made(directory: str) -> str:
    os.mkdir(directory, 0o700)
    return directory
