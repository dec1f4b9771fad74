"""How much an agent of the protocol is given: turns, patience, and the limits of its process."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox import Limits


@dataclass(frozen=True, slots=True)
class Settings:
    """`turns` are prompts, the first included; `idle` of them in a row may change nothing.

    `start_s` seconds it may be silent before it is ready, `silence_s` in the middle of a turn.
    """

    turns: int = 6
    idle: int = 2
    start_s: float = 120.0
    silence_s: float = 900.0
    messages: int = 200_000
    """That it may send before it answers."""
    limits: Limits = Limits(wall_s=None, address_bytes=64 << 30, output_bytes=64 << 10)
    """Of its process; the workspace's budget cuts the time. Node reserves ten GiB of addresses for each WebAssembly memory."""
