"""What opens the docker sandbox: the hosts that the machine's file names, else the one engine that the environment does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orchestrator.directories import machine_file
from sandbox import Address, DockerDriver, DockerHost, DockerHosts


def docker_driver(environ: Mapping[str, str], home: Path, scratch: Path) -> DockerDriver | DockerHosts:
    """Return the driver; what its sandboxes keep on this machine lies below `scratch`. Raises `BadConfig`."""
    hosts = docker_hosts(environ, home)
    return DockerHosts(hosts, scratch) if hosts else DockerDriver(scratch=scratch, address=Address.of(environ))


def docker_hosts(environ: Mapping[str, str], home: Path) -> tuple[DockerHost, ...]:
    """Return the hosts that the machine's file names. Raises `BadConfig`."""
    if not machine_file(environ, home).exists():
        return ()
    # Reading it takes pydantic.
    from orchestrator.configuration.config import read_machine
    from orchestrator.configuration.dockertable import docker_hosts

    return docker_hosts(read_machine(environ, home).docker, home)
