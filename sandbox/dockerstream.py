"""What runs in a container and says something through the engine: its outputs, told apart, as they come."""

from __future__ import annotations

import struct

from sandbox.dockerconnection import Attached
from sandbox.errors import SandboxError

OUT = 1
ERR = 2

_HEAD = struct.Struct(">BxxxI")
_TOLD_BYTES = 2000


class Stream:
    """The outputs of an attached process, which the engine frames: a number, a length, and what was said."""

    def __init__(self, attached: Attached) -> None:
        self._attached = attached
        self._heard = bytearray()

    def next(self, timeout_s: float) -> tuple[int, bytes] | None:
        """Return the next piece and where it was said; None at the end. Raises TimeoutError, OSError."""
        while True:
            if len(self._heard) >= _HEAD.size:
                where, length = _HEAD.unpack_from(self._heard)
                if len(self._heard) >= _HEAD.size + length:
                    said = bytes(self._heard[_HEAD.size : _HEAD.size + length])
                    del self._heard[: _HEAD.size + length]
                    return where, said
            data = self._attached.read(timeout_s)
            if not data:
                return None
            self._heard += data


class Reader:
    """Reads the standard output of an attached process by lines and lengths; keeps the end of what it said of errors."""

    def __init__(self, attached: Attached, name: str, timeout_s: float) -> None:
        self._stream = Stream(attached)
        self._name = name
        self._timeout_s = timeout_s
        self._heard = bytearray()
        self._errors = b""

    def line(self, most_bytes: int) -> bytes:
        """Return the next line. Raises `SandboxError` at the end, for a line that is too long, and after a long silence."""
        start = 0
        while (end := self._heard.find(b"\n", start)) < 0:
            start = len(self._heard)
            if start > most_bytes:
                raise SandboxError(f"{self._name} said more than was asked: its image is not what it seems")
            self._more()
        return self._taken(end + 1)

    def some(self, most_bytes: int) -> bytes:
        """Return at least one byte and at most `most_bytes`. Raises `SandboxError`."""
        if not self._heard:
            self._more()
        return self._taken(min(most_bytes, len(self._heard)))

    def _taken(self, length: int) -> bytes:
        taken = bytes(self._heard[:length])
        del self._heard[:length]
        return taken

    def _more(self) -> None:
        try:
            while (piece := self._stream.next(self._timeout_s)) is not None:
                where, said = piece
                if where == OUT:
                    self._heard += said
                    return
                self._errors = (self._errors + said)[-_TOLD_BYTES:]
        except TimeoutError as error:
            raise SandboxError(
                f"{self._name} said nothing for {self._timeout_s:g} s: is the engine overloaded?"
            ) from error
        except OSError as error:
            raise SandboxError(f"{self._name} cannot be heard any more, the engine went away: {error}") from error
        why = self._errors.decode(errors="replace").strip().rpartition("\n")[2]
        raise SandboxError(f"{self._name} ended, or the engine went away: {why or 'it said nothing'}")
