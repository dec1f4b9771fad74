"""Run: commands under limits, seeing one tree at its own path and little else."""

from sandbox.docker import DockerDriver
from sandbox.dockeraddress import Address
from sandbox.dockerhosts import DockerHost, DockerHosts, Occupancy
from sandbox.dockerrecipe import Recipe, SourceFile
from sandbox.errors import EngineAway, HostsAway, SandboxClosed, SandboxError, SandboxUnavailable, ServiceUnavailable
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
from sandbox.services.branches import Branches, service_lack
from sandbox.services.server import told as told_of
from sandbox.services.services import PostgresService, RedisService, Served, Services, Source
from sandbox.services.sqlite import copy_database
from sandbox.services.variables import variables as service_variables
from sandbox.toolchains import Toolchain, toolchain_paths

__all__ = [
    "Address",
    "Branches",
    "Command",
    "Completed",
    "DockerDriver",
    "DockerHost",
    "DockerHosts",
    "Ended",
    "EngineAway",
    "Headroom",
    "HostsAway",
    "Limits",
    "LocalDriver",
    "NoneDriver",
    "Occupancy",
    "Policy",
    "PostgresService",
    "Process",
    "Readiness",
    "Recipe",
    "RedisService",
    "Root",
    "Sandbox",
    "SandboxClosed",
    "SandboxDriver",
    "SandboxError",
    "SandboxUnavailable",
    "ScriptedDriver",
    "ScriptedSandbox",
    "Served",
    "ServiceUnavailable",
    "Services",
    "Source",
    "SourceFile",
    "Toolchain",
    "Usage",
    "copy_database",
    "headroom",
    "service_lack",
    "service_variables",
    "sweep",
    "told_of",
    "toolchain_paths",
]
