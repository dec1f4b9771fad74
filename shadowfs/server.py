"""One server process: holds one view, mounts it, answers the kernel and its owner, forks into two, ends with its owner."""

from __future__ import annotations

import errno
import logging
import os
import socket
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyfuse3

from shadowfs import wire
from shadowfs.change import Change, Entry, FileChange
from shadowfs.depot import Depot
from shadowfs.differences import Differences
from shadowfs.errors import ShadowfsError
from shadowfs.loop import drive
from shadowfs.lower import Lower
from shadowfs.moving import Move, Name
from shadowfs.namespace import enter_copied_namespace, enter_own_namespace
from shadowfs.operations import Operations
from shadowfs.order import Order, Place
from shadowfs.pintable import PinTable
from shadowfs.upper import Uppers
from shadowfs.view import View

_OPTIONS = frozenset({"default_permissions", "fsname=shadowfs", "subtype=shadowfs"})


def serve(control: socket.socket, message: dict[str, Any], table: PinTable | None) -> None:
    """Be the server of one shadow until its owner ends; what goes wrong before the mount stands is told to the owner.

    `table` is the pin's, where somebody has loaded it already.
    """
    order = Order.of(message)
    _log_to(order.place)
    try:
        server = _Server(control, order, table)
        server.mount(order.place)
    except (OSError, RuntimeError, ValueError, EOFError) as error:
        wire.send(control, {"error": f"{type(error).__name__}: {error}"})
        raise
    server.run()


class _Server:
    def __init__(self, control: socket.socket, order: Order, table: PinTable | None) -> None:
        self._control = control
        self._order = order
        self._place = order.place
        self._fork: tuple[Place, int] | None = None
        self._move: Move | None = None
        self._forgetting: threading.Thread | None = None
        # Opened before anything of the machine is hidden from this process.
        repository = os.open(order.repository, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        lower = Lower(repository, Path(order.depot), Path(order.place.blobs))
        lower.fork(Path(order.place.blobs))
        uppers = Uppers(os.fsencode(order.place.upper), order.quota)
        made_ns = Path(order.pin).stat().st_mtime_ns
        self._view = View(_table(order, table), lower, uppers, order.place.gitfile, made_ns, order.user)
        self._operations = Operations(self._view)
        if not order.visible:
            enter_own_namespace()

    def mount(self, place: Place) -> None:
        """Mount the view and tell the owner."""
        self._place = place
        # Others than the mount's owner see it for this alone: an engine that binds it, and the user in its containers.
        pyfuse3.init(self._operations, place.mnt, {*_OPTIONS, *(["allow_other"] if self._order.user else [])})
        wire.send(self._control, {"pid": os.getpid()})

    def run(self) -> None:
        """Serve until the end; each side of a fork goes on here by itself."""
        while True:
            drive(self._order.loop, self._control.fileno(), self._serve)
            if self._fork is None:
                break
            self._divide(*self._fork)
        pyfuse3.close(unmount=self._order.visible)

    def _serve(self) -> bool:
        """Serve one request of the owner's; say whether to go on."""
        try:
            message, descriptors = wire.receive(self._control)
            op = message["op"]
            if self._forgetting is not None:
                # It has answered, so it is at its end: a fork must not find it.
                self._forgetting.join()
                self._forgetting = None
            if op == "fork":
                self._fork = (Place(**message["place"]), descriptors[0])
                return False
            if op in ("checkpoint", "seal"):
                found = [asdict(difference) for difference in Differences(self._view)]
                wire.send(self._control, {"differences": found})
            elif op == "move":
                self._plan_move(Order.of(message["order"]))
            elif op == "moved":
                self._make_move(Order.of(message["order"]))
            elif op == "read":
                self._view.uppers.take_back()
            elif op == "opened":
                wire.send(self._control, {"paths": [os.fsdecode(path) for path in self._view.opened()]})
            elif op == "counts":
                uppers = self._view.uppers
                counts = {
                    "nodes": len(self._view.nodes),
                    "used_bytes": uppers.used_bytes,
                    "used_nodes": uppers.used_nodes,
                }
                wire.send(self._control, counts)
            return op not in ("seal", "end")
        except (EOFError, ConnectionError):
            # The owner died, or has closed its shadow.
            return False

    def _plan_move(self, order: Order) -> None:
        try:
            self._move = Move(self._view, _table(order, None))
        except (OSError, ValueError, EOFError, TypeError, ShadowfsError) as error:
            wire.send(self._control, {"error": f"{type(error).__name__}: {error}"})
            return
        self._forget(self._move.plan(), {})

    def _make_move(self, order: Order) -> None:
        assert self._move is not None
        late = self._move.make()
        self._order = replace(self._order, pin=order.pin, base=order.base, tree=order.tree, overlay=order.overlay)
        answer = {"taken": self._move.taken, "kept": self._move.kept}
        self._move = None
        self._forget(late, answer)

    def _forget(self, names: set[Name], answer: dict[str, Any]) -> None:
        """Have the kernel forget names, then answer the owner. The kernel waits for requests under way, so these are served meanwhile."""

        def forget() -> None:
            for directory, name in names:
                try:
                    pyfuse3.invalidate_entry(directory, name)
                except OSError as error:
                    # It knows nothing of most.
                    if error.errno != errno.ENOENT:
                        logging.getLogger("shadowfs").warning("%r in %d: %s", name, directory, error)
            wire.send(self._control, answer)

        if names:
            self._forgetting = threading.Thread(target=forget)
            self._forgetting.start()
        else:
            wire.send(self._control, answer)

    def _divide(self, place: Place, descriptor: int) -> None:
        """Fork into two servers; the new one goes on at a place of its own, with a control socket of its own."""
        self._fork = None
        self._view.uppers.share()
        if os.fork():
            os.close(descriptor)
            return
        self._control.close()
        self._control = socket.socket(fileno=descriptor)
        try:
            self._become(place)
        except (OSError, RuntimeError) as error:
            wire.send(self._control, {"error": f"{type(error).__name__}: {error}"})
            raise

    def _become(self, place: Place) -> None:
        _log_to(place)
        pyfuse3.close(unmount=False)
        if not self._order.visible:
            enter_copied_namespace(os.fsencode(self._place.mnt))
        self._view.lower.fork(Path(place.blobs))
        self._view.uppers.move(os.fsencode(place.upper))
        self._view.fork(place.gitfile)
        self._operations.fork()
        self.mount(place)


def try_mount(control: socket.socket, mnt: str) -> None:
    """Mount nothing in particular, in a namespace that ends with this process, and tell how it went."""
    try:
        enter_own_namespace()
        pyfuse3.init(pyfuse3.Operations(), mnt, set(_OPTIONS))
    except (OSError, RuntimeError) as error:
        wire.send(control, {"error": str(error)})
    else:
        wire.send(control, {"pid": os.getpid()})


def _table(order: Order, table: PinTable | None) -> PinTable:
    table = table or PinTable.load(Path(order.pin))
    if not order.overlay:
        return table
    files = tuple(
        FileChange(path, None, None if mode is None else Entry(mode, blob)) for path, mode, blob in order.overlay
    )
    depot = Depot(Path(order.depot))
    changed = table.overlay(Change(order.base, order.tree, files, depot), time.time_ns())
    depot.close()
    return changed


def _log_to(place: Place) -> None:
    """Send what this process has to say to a file of the shadow's."""
    log = os.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    os.dup2(log, sys.stderr.fileno())
    os.close(log)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
