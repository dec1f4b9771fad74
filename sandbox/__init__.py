"""Run: commands under limits, seeing one tree at its own path and little else."""

from sandbox.docker import DockerDriver
from sandbox.dockeraddress import Address
from sandbox.dockerrecipe import Recipe, SourceFile
from sandbox.errors import SandboxClosed, SandboxError, SandboxUnavailable
from sandbox.headroom import Headroom, headroom
from sandbox.local import LocalDriver
from sandbox.none import NoneDriver
from sandbox.sandbox import (
    Command,
    Completed,
    Ended,
    Limits,
    Policy,
    Process,
    Readiness,
    Root,
    Sandbox,
    SandboxDriver,
    Usage,
)
from sandbox.scratch import sweep
from sandbox.scripted import ScriptedDriver, ScriptedSandbox
from sandbox.toolchains import Toolchain, toolchain_paths

__all__ = [
    "Address",
    "Command",
    "Completed",
    "DockerDriver",
    "Ended",
    "Headroom",
    "Limits",
    "LocalDriver",
    "NoneDriver",
    "Policy",
    "Process",
    "Readiness",
    "Recipe",
    "Root",
    "Sandbox",
    "SandboxClosed",
    "SandboxDriver",
    "SandboxError",
    "SandboxUnavailable",
    "ScriptedDriver",
    "ScriptedSandbox",
    "SourceFile",
    "Toolchain",
    "Usage",
    "headroom",
    "sweep",
    "toolchain_paths",
]
