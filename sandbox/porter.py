"""Takes trees to an engine out of sight and back: by the hashes of their files there, by what differs from there.

The other half is `inside/porter.py`, in a container of its own that no command runs in. What it says is checked like anybody's.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sandbox.dockerconnection import Attached
from sandbox.dockerstream import Reader
from sandbox.errors import SandboxError
from sandbox.mirror import MOST_BYTES, MOST_FILES, Item, Mirror, check_path, is_name
from sandbox.quota import FLOOR_BYTES

PROGRAM = Path(__file__).parent / "inside" / "porter.py"
CACHE_BYTES = 4 << 30
"""What the contents kept at an engine may take, for one repository in one image."""

_SILENCE_S = 300
_LINE_BYTES = 256 << 20
_BATCH_BYTES = 16 << 20
_BATCH = 10_000
_TRIES = 5
_NAME = "what ships files to the engine"


class Porter:
    """The trees of one sandbox, by number, and their copies at the engine."""

    def __init__(self, attached: Attached, mirrors: Mapping[int, Mirror]) -> None:
        self._attached = attached
        self._mirrors = mirrors
        self._reader = Reader(attached, _NAME, _SILENCE_S)
        self._lock = threading.Lock()
        self._kept = False
        self._broken: SandboxError | None = None
        self._answer()

    def ship(self, numbers: Sequence[int]) -> None:
        """Make the copies of these trees what the trees are. Raises `SandboxError`."""
        with self._talking():
            for _ in range(_TRIES):
                if all(self._ship(number, self._mirrors[number]) for number in numbers):
                    return
        raise SandboxError("files of the tree change faster than they can be shipped: end what writes them")

    def collect(self, numbers: Sequence[int], quiet: bool) -> None:
        """Write what differs in the copies into the trees; `quiet` says that no command runs. Raises `SandboxError`."""
        with self._talking():
            answer = self._ask({"do": "scan", "trees": list(numbers), "most": MOST_FILES, "quiet": quiet})
            found = _list(answer, "trees")
            if len(found) != len(numbers):
                raise _odd(answer)
            for number, said in zip(numbers, found, strict=True):
                self._collect(number, self._mirrors[number], said)

    def put(self, number: int, name: str, data: bytes, mode: int) -> None:
        """Write a file into a volume."""
        with self._talking():
            self._ask({"do": "put", "tree": number, "name": name, "size": len(data), "mode": mode}, data)

    def drop(self, number: int, name: str) -> None:
        """Remove a file that was put."""
        with self._talking():
            self._ask({"do": "drop", "tree": number, "name": name})

    def room(self, number: int, enough_bytes: int) -> tuple[int, int]:
        """Return how many bytes a volume holds (looking no further than `enough_bytes`), and how many its disk has left."""
        with self._talking():
            answer = self._ask({"do": "room", "tree": number, "enough": enough_bytes})
        return _number(answer, "bytes"), _number(answer, "free")

    def close(self) -> None:
        """Keep the cache within its bounds, and end."""
        if self._kept and self._broken is None:
            with suppress(SandboxError), self._talking():
                self._ask({"do": "prune", "bytes": CACHE_BYTES})
        self._attached.close()

    def _ship(self, number: int, mirror: Mirror) -> bool:
        """Ship what changed; False when something changed meanwhile and is to be looked at again."""
        gone, made = mirror.look()
        if not gone and not made:
            return True
        self._send(mirror, [item for item, _ in made if item.kind == "f"])
        whole = True
        for start in range(0, max(len(made), 1), _BATCH):
            batch = made[start : start + _BATCH]
            told = [[item.path, item.kind, item.mode, item.mtime_ns, item.what] for item, _ in batch]
            answer = self._ask({"do": "apply", "tree": number, "gone": [] if start else gone, "made": told})
            lost = set(_texts(answer, "lost"))
            whole = whole and not lost
            for item, status in batch:
                if item.path not in lost:
                    mirror.note(item, status)
        for path in gone:
            mirror.seen.pop(path, None)
        return whole

    def _send(self, mirror: Mirror, files: list[Item]) -> None:
        """Send the contents that the engine lacks."""
        wanted = {item.what: item for item in files}
        missing: list[str] = []
        digests = list(wanted)
        for start in range(0, len(digests), _BATCH):
            missing += _texts(self._ask({"do": "want", "digests": digests[start : start + _BATCH]}), "missing")
        batch: list[tuple[str, bytes]] = []
        room = _BATCH_BYTES
        for digest in missing:
            if digest not in wanted:
                raise _odd({"missing": digest})
            # One that changed since is left out, and so is looked at again.
            if (data := mirror.read(wanted[digest])) is not None:
                batch.append((digest, data))
                room -= len(data)
            if room < 0:
                self._keep(batch)
                batch, room = [], _BATCH_BYTES
        self._keep(batch)

    def _keep(self, batch: list[tuple[str, bytes]]) -> None:
        if batch:
            self._kept = True
            blobs = [[digest, len(data)] for digest, data in batch]
            self._ask({"do": "keep", "blobs": blobs}, b"".join(data for _, data in batch))

    def _collect(self, number: int, mirror: Mirror, said: Any) -> None:
        gone = sorted((check_path(path) for path in _list(said, "gone")), reverse=True)
        items = sorted(map(_item, _list(said, "made")), key=lambda item: item.path)
        _check_room(mirror, sum(item.size for item in items if item.kind == "f"))
        for path in gone:
            mirror.remove(path)
        for item in items:
            if item.kind != "f":
                mirror.write(item)
        files = [item for item in items if item.kind == "f"]
        if files:
            self._say({"do": "fetch", "tree": number, "paths": [item.path for item in files]})
            failed = [error for item in files if (error := self._fetch(mirror, item)) is not None]
            self._answer()
            if failed:
                raise failed[0]

    def _fetch(self, mirror: Mirror, item: Item) -> SandboxError | None:
        """Write one file that is on its way; return what went wrong with it, so that the others are taken too."""
        try:
            size = _number(self._answer(), "size")
            if size > MOST_BYTES:
                raise _odd({"size": size})
        except SandboxError as error:
            # What follows cannot be told apart any more.
            self._broken = error
            raise
        if size < 0:
            return None
        try:
            mirror.write(item, self._pieces(size))
        except SandboxError as error:
            return error
        return None

    def _pieces(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self._reader.some(size)
            size -= len(piece)
            yield piece

    @contextmanager
    def _talking(self) -> Iterator[None]:
        """One question after the other; after an answer that could not be read there are no more."""
        with self._lock:
            if self._broken is not None:
                raise self._broken
            yield

    def _ask(self, what: dict[str, Any], data: bytes = b"") -> Any:
        self._say(what, data)
        return self._answer()

    def _say(self, what: dict[str, Any], data: bytes = b"") -> None:
        try:
            self._attached.write(json.dumps(what).encode() + b"\n" + data)
        except OSError as error:
            self._broken = SandboxError(f"{_NAME} cannot be reached any more, the engine went away: {error}")
            raise self._broken from error

    def _answer(self) -> Any:
        try:
            answer = json.loads(self._reader.line(_LINE_BYTES))
        except SandboxError as error:
            self._broken = error
            raise
        except (ValueError, RecursionError) as error:
            self._broken = SandboxError(f"{_NAME} said what is no answer: {error}")
            raise self._broken from error
        if isinstance(answer, dict) and "error" in answer:
            raise SandboxError(f"the engine's machine could not keep the files: {answer.get('said')!s:.300}")
        return answer


def _check_room(mirror: Mirror, total_bytes: int) -> None:
    """Raise `SandboxError` where what a command wrote is too much to take."""
    disk = os.statvfs(mirror.source)
    if total_bytes > MOST_BYTES:
        raise SandboxError(
            f"the command left {total_bytes} bytes in the tree: {MOST_BYTES} is the most that is taken back"
        )
    if total_bytes and disk.f_bavail * disk.f_frsize < total_bytes + FLOOR_BYTES // 2:
        raise SandboxError(
            f"the {total_bytes} bytes that the command wrote have no room on the disk of {mirror.source}"
        )


def _item(said: Any) -> Item:
    match said:
        case [path, "f" | "d" | "l" as kind, int(mode), int(mtime_ns), int(size), str(what)] if (
            abs(mtime_ns) < 1 << 62 and size >= 0 and is_name(what)
        ):
            return Item(check_path(path), kind, mode & 0o777, mtime_ns, size, what)
        case _:
            raise _odd(said)


def _list(said: Any, name: str) -> list[Any]:
    if isinstance(said, dict) and isinstance(found := said.get(name), list) and len(found) <= 2 * MOST_FILES:
        return found
    raise _odd(said)


def _texts(said: Any, name: str) -> list[str]:
    found = _list(said, name)
    if all(isinstance(each, str) for each in found):
        return found
    raise _odd(said)


def _number(said: Any, name: str) -> int:
    if isinstance(said, dict) and isinstance(found := said.get(name), int):
        return found
    raise _odd(said)


def _odd(said: Any) -> SandboxError:
    return SandboxError(f"{_NAME} answered {str(said)[:100]!r}, which is no answer: its image is not what it seems")
