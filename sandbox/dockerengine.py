"""What the driver asks of an engine. This module and dockerconnection.py are all that touches the `docker` SDK."""

from __future__ import annotations

import io
import math
import os
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from sandbox.dockeraddress import Address
from sandbox.dockerconnection import Attached, Connection
from sandbox.errors import SandboxError, SandboxUnavailable

OWNER = "nightcrew.owner"
"""The label of every container: process id and start time of the nightcrew that made it."""
SCRATCH = "nightcrew.scratch"
"""The label that names the directory a container belongs to."""

CACHE = "nightcrew.cache"
"""The label of a volume that keeps contents for later sandboxes: the path of their repository."""

_BUILD_S = 3600
_CARRY_S = 900
"""An engine packs, or unpacks, all of an image before it says more."""
_SAID = 40
_OLDEST = (1, 41)


@dataclass(frozen=True, slots=True)
class Image:
    """What a sandbox needs to know of an image: its id, variables, declared volumes, user and group lists."""

    id: str
    environment: Mapping[str, str]
    volumes: tuple[str, ...]
    passwd: bytes
    group: bytes


@dataclass(frozen=True, slots=True)
class Bind:
    """A host directory or file, shown at a path of the container."""

    source: str
    target: str
    readonly: bool = True


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume of the engine, shown at a path of the container; one without a name is the container's own."""

    target: str
    name: str = ""
    readonly: bool = False
    made: bool = False
    """Whether it is made with the container, where there is none, and of what the image has at its place."""
    cache: str = ""
    """The path of the repository that one with a name keeps contents of."""


@dataclass(frozen=True, slots=True)
class Order:
    """A container to make. `empty` are paths for small file systems of their own, that only root could write to."""

    image: str
    argv: tuple[str, ...]
    user: str
    environment: Mapping[str, str]
    binds: tuple[Bind, ...]
    empty: tuple[str, ...]
    labels: Mapping[str, str]
    profile: str
    network: bool
    processes: int | None
    memory_bytes: int | None
    shm_bytes: int
    volumes: tuple[Volume, ...] = ()


class Engine(Connection):
    """A Docker engine. Every method raises `EngineAway` when the engine does not answer."""

    def __init__(self, address: Address) -> None:
        super().__init__(address, _OLDEST)

    def check(self) -> None:
        """Raise `SandboxUnavailable` for an engine that cannot isolate as promised."""
        with self._asking("ask the engine what it is"):
            options = self._client.info().get("SecurityOptions") or ()
        security = [option.partition(",")[0].removeprefix("name=") for option in options]
        if "seccomp" not in security:
            raise SandboxUnavailable("this Docker engine filters no system calls (seccomp): use another engine")
        for remapped in ("rootless", "userns"):
            if remapped in security:
                raise SandboxUnavailable(
                    f"this Docker engine gives containers other user numbers ({remapped}), so that the tree's files would be"
                    " nobody's there: use an engine without, or the local sandbox"
                )

    def elsewhere(self) -> bool:
        """Say whether the engine's machine is plainly another one than this: by its name and its kernel."""
        with self._asking("ask the engine what it is"):
            told = self._client.info()
        here = os.uname()
        return (told.get("Name"), told.get("KernelVersion")) != (here.nodename, here.release)

    def find(self, name: str) -> str:
        """Return the id of an image. Raises `SandboxUnavailable` where the engine does not have it."""
        missing = (
            f"there is no image {name!r} on this machine: `docker pull {name}`, or name another in `[sandbox] image`"
        )
        with self._asking("look at the image", missing):
            return str(self._client.inspect_image(name)["Id"])  # type: ignore[no-untyped-call]

    def described(self, id: str) -> Image:
        """Return what the engine says of an image, without its user and group lists."""
        with self._asking("look at the image"):
            config = self._client.inspect_image(id)["Config"] or {}  # type: ignore[no-untyped-call]
        pairs = (line.partition("=") for line in config.get("Env") or ())
        return Image(id, {name: value for name, _, value in pairs}, tuple(config.get("Volumes") or ()), b"", b"")

    def image(self, id: str, labels: Mapping[str, str]) -> Image:
        """Return what is known of an image, looking into a container of it that never runs."""
        with self._asking("look into the image"):
            container = self._client.create_container(id, ["/"], labels=dict(labels))
        try:
            passwd, group = self.file(container["Id"], "/etc/passwd"), self.file(container["Id"], "/etc/group")
        finally:
            self.remove(container["Id"])
        return replace(self.described(id), passwd=passwd, group=group)

    def with_files(self, name: str, image: str, archive: bytes, labels: Mapping[str, str]) -> None:
        """Make the image `name` of another one and a tar archive."""
        with self._asking("make a container"):
            container = str(self._client.create_container(image, ["/"], labels=dict(labels))["Id"])
        try:
            self.put(container, archive)
            # Labels would be inherited by every container of the image, whoever makes it.
            self.commit(container, name, f"LABEL {OWNER}= {SCRATCH}=")
        finally:
            self.remove(container)

    def create(self, order: Order) -> str:
        """Make a container and return its id."""
        from docker.types import LogConfig, Mount, Ulimit

        mounts = [Mount(b.target, b.source, "bind", read_only=b.readonly, propagation="rprivate") for b in order.binds]
        mounts += [Mount(path, None, "tmpfs", tmpfs_size=1 << 20, tmpfs_mode=0o755) for path in order.empty]
        labels = dict(order.labels)
        for volume in order.volumes:
            own = labels if not volume.name else {CACHE: volume.cache} if volume.made else None
            # A new one is given what the image has at its place, the owner above all.
            mount = Mount(
                volume.target, volume.name or None, "volume", volume.readonly, no_copy=not volume.made, labels=own
            )
            mounts.append(mount)
        with self._asking("make a container"):
            host_config = self._client.create_host_config(
                auto_remove=True,
                cap_drop=["ALL"],
                init=True,
                ipc_mode="private",
                log_config=LogConfig(type="none"),
                mem_limit=order.memory_bytes,
                memswap_limit=order.memory_bytes,
                mounts=mounts,
                network_mode="bridge" if order.network else "none",
                pids_limit=order.processes,
                read_only=True,
                security_opt=["no-new-privileges", f"seccomp={order.profile}"],
                shm_size=order.shm_bytes,
                ulimits=[Ulimit(name="core", soft=0, hard=0)],
            )
            made = self._client.create_container(
                order.image,
                entrypoint=list(order.argv[:1]),
                command=list(order.argv[1:]),
                environment=dict(order.environment),
                healthcheck={"test": ["NONE"]},
                host_config=host_config,
                hostname="nightcrew",
                labels=labels,
                stdin_open=True,
                user=order.user,
                working_dir="/",
            )
        return str(made["Id"])

    def start(self, container: str) -> Attached:
        """Start a container; return its standard input and outputs."""
        wanted = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        with self._asking("start a container"):
            attached = Attached(self._client.attach_socket(container, params=wanted))
            try:
                self._client.start(container)
            except BaseException:
                attached.close()
                raise
        return attached

    def pid(self, container: str) -> int:
        """Return the id of a container's first process as the engine's machine numbers it; 0 when it does not run."""
        with self._asking("look at a container"):
            return int(self._client.inspect_container(container)["State"]["Pid"])

    def execute(self, container: str, argv: tuple[str, ...], user: str, environment: Mapping[str, str]) -> str:
        """Start a process in a running container, without input or output; return what to ask about it with."""
        with self._asking("start a command"):
            made = self._client.exec_create(
                container, list(argv), stdout=False, stderr=False, user=user, environment=dict(environment), workdir="/"
            )
            self._client.exec_start(made["Id"], detach=True)
        return str(made["Id"])

    def attached(
        self, container: str, argv: tuple[str, ...], user: str, environment: Mapping[str, str]
    ) -> tuple[str, Attached]:
        """Start a process in a running container; return what to ask about it with, and its outputs."""
        with self._asking("start a command"):
            made = self._client.exec_create(
                container, list(argv), user=user, environment=dict(environment), workdir="/"
            )
            return str(made["Id"]), Attached(self._client.exec_start(made["Id"], socket=True))

    def executed(self, process: str) -> tuple[int, int | None]:
        """Return the process id of what was executed, and its exit code when it has ended (128 and a signal's number)."""
        with self._asking("ask how a command went"):
            told = self._client.exec_inspect(process)
        return int(told["Pid"] or 0), None if told["Running"] else told["ExitCode"]

    def kill(self, container: str) -> None:
        """Kill a container's processes. One that has ended is left alone."""
        with self._asking("kill a container", "", gone=(404, 409)):
            self._client.kill(container)

    def remove(self, container: str) -> None:
        """Kill and remove a container. One that is gone, or about to go, is left alone."""
        with self._asking("remove a container", "", gone=(404, 409)):
            self._client.remove_container(container, force=True, v=True)

    def await_removal(self, container: str, timeout_s: int) -> None:
        """Wait until an ended container has gone."""
        with self._asking("wait for a container's end", "", gone=(404, 409)):
            self._client.wait(container, timeout=timeout_s, condition="removed")

    def size(self) -> tuple[int, int]:
        """Return how many processors and how many bytes of memory the engine's machine has."""
        with self._asking("ask the engine what it is"):
            told = self._client.info()
        return int(told["NCPU"]), int(told["MemTotal"])

    def has(self, name: str) -> bool:
        """Say whether there is such an image."""
        with self._asking("look at the image", "", gone=(404,)):
            self._client.inspect_image(name)  # type: ignore[no-untyped-call]
            return True
        return False

    def saved(self, name: str) -> Iterator[bytes]:
        """Yield an image as `load` takes it."""
        client = self._client
        address = f"{client.base_url}/v{client.api_version}/images/{quote(name, safe='')}/get"
        # The SDK's own way would wait for ever for an engine that fell silent.
        with self._asking("send the image"), client.get(address, stream=True, timeout=_CARRY_S) as response:
            response.raise_for_status()
            yield from response.iter_content(1 << 20)

    def load(self, image: Iterator[bytes]) -> None:
        """Take an image that another engine sends, with its names. Raises `SandboxError` where it does not take it."""
        with self._asking("take the image"):
            self._client.timeout = _CARRY_S
            for said in self._client.load_image(image):  # type: ignore[no-untyped-call]
                if "error" in said:
                    raise SandboxError(f"the Docker engine could not take the image: {said['error']}")

    def build(
        self, context: bytes, dockerfile: str, name: str, arguments: Mapping[str, str], target: str | None
    ) -> str:
        """Build an image out of a tar archive; return the end of what was said where that failed, nothing where not."""
        said: list[str] = []
        with self._asking("build the image"):
            told = self._client.build(
                fileobj=io.BytesIO(context),
                custom_context=True,
                dockerfile=dockerfile,
                tag=name,
                buildargs=dict(arguments),
                target=target or "",
                rm=True,
                forcerm=True,
                decode=True,
                timeout=_BUILD_S,
            )
            for line in told:
                said = [*said[-_SAID:], line.get("stream") or line.get("error") or ""]
                if "error" in line:
                    return "".join(said)
        return ""

    def workshop(self, image: str, argv: tuple[str, ...], labels: Mapping[str, str]) -> tuple[str, Attached]:
        """Start a container to make an image in: with the network, with root, and none of the host's files."""
        with self._asking("make a container"):
            made = self._client.create_container(
                image,
                entrypoint=list(argv[:1]),
                command=list(argv[1:]),
                healthcheck={"test": ["NONE"]},
                host_config=self._client.create_host_config(auto_remove=True, init=True, network_mode="bridge"),
                labels=dict(labels),
                stdin_open=True,
                user="0:0",
                working_dir="/",
            )
        try:
            return str(made["Id"]), self.start(made["Id"])
        except BaseException:
            self.remove(made["Id"])
            raise

    def put(self, container: str, archive: bytes) -> None:
        """Unpack a tar archive at a container's root."""
        with self._asking("put files into a container"):
            self._client.put_archive(container, "/", archive)

    def mounted(self, container: str) -> dict[str, str]:
        """Return the names of a container's volumes, by where they are mounted."""
        with self._asking("look at a container"):
            mounts = self._client.inspect_container(container)["Mounts"]
        return {mount["Destination"]: mount["Name"] for mount in mounts if mount["Type"] == "volume"}

    def volumes(self, label: str) -> list[str]:
        """Return the names of the volumes with a label (`name` or `name=value`)."""
        with self._asking("list volumes"):
            found = self._client.volumes(filters={"label": [label]})["Volumes"] or ()
        return [each["Name"] for each in found]

    def remove_volume(self, name: str) -> None:
        """Remove a volume that no container has. One that is gone is left alone."""
        with self._asking("remove a volume", "", gone=(404,)):
            self._client.remove_volume(name, force=True)

    def await_end(self, container: str, timeout_s: float) -> None:
        """Wait until a container's processes have ended."""
        with self._asking("wait for a container's end", "", gone=(404, 409)):
            self._client.wait(container, timeout=math.ceil(timeout_s), condition="not-running")

    def commit(self, container: str, name: str, change: str) -> None:
        """Keep a container's files as an image, with one change to its settings."""
        repository, _, tag = name.rpartition(":")
        with self._asking("keep the image"):
            self._client.commit(container, repository=repository, tag=tag, changes=change)

    def labelled(self, label: str) -> dict[str, Mapping[str, str]]:
        """Return the labels of the containers with such a label, by container id."""
        with self._asking("list containers"):
            found = self._client.containers(all=True, filters={"label": [label]})
        return {each["Id"]: each["Labels"] for each in found}

    def file(self, container: str, path: str) -> bytes:
        """Return the content of a container's file, nothing where there is none."""
        from docker.errors import NotFound

        with self._asking(f"read {path} of the image"):
            try:
                chunks, _ = self._client.get_archive(container, path)
                with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
                    member = archive.getmembers()[0]
                    file = archive.extractfile(member) if member.isfile() else None
                    return b"" if file is None else file.read()
            except NotFound:
                return b""
