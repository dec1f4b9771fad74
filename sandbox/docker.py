"""The `docker` driver: commands in containers of a Docker engine, none of which outlives its command's end.

A container serves one command at a time and is used again only when the kernel counts nothing of the last one in it.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.dockeraddress import Address
from sandbox.errors import OutOfSight, SandboxError, SandboxUnavailable, ServiceUnavailable
from sandbox.owner import owner
from sandbox.sandbox import Command, Limits, Policy, Readiness, Root
from sandbox.scratch import Scratch

if TYPE_CHECKING:
    # Loaded when an engine is asked for something: most commands of nightcrew ask none.
    from sandbox.dockerengine import Engine, Image
    from sandbox.dockerrecipe import Recipe
    from sandbox.host import HostSandbox

_ROOTS_USER = 1000


class DockerDriver:
    """Opens sandboxes that are containers of the policy's image, else `image`; what they keep on the host lies below `scratch`.

    `address` is the engine's, as `DOCKER_HOST` has it, `host` its name where there are several. What an engine on another machine, or one whose containers are out of
    sight (`remote` where that is known), cannot be shown is shipped to it and back.
    """

    name = "docker"

    def __init__(
        self,
        image: str | None = None,
        scratch: Path | None = None,
        address: str | Address | None = None,
        *,
        remote: bool = False,
        host: str = "",
    ) -> None:
        self._image = image
        self._scratch = scratch or Path(tempfile.gettempdir())
        self._address = address if isinstance(address, Address) else Address(address) if address else Address()
        self._remote = remote or self._address.away
        self._host = host
        self._known: dict[str, Image] = {}

    @property
    def remote(self) -> bool:
        """Whether trees are shipped to the engine; it may turn out at the first sandbox only."""
        return self._remote

    @property
    def user(self) -> tuple[int, int]:
        """Whom commands run as: the caller, and for root another, to whom the tree is given."""
        return commands_user()

    def probe(self) -> Readiness:
        """Say whether the engine works here, by running a command in the very sandbox where its image is known."""
        if self._image is None:
            try:
                with closing(self._engine()) as engine:
                    engine.check()
            except SandboxError as error:
                return Readiness(False, str(error))
            return Readiness(True)
        with tempfile.TemporaryDirectory(prefix="nightcrew-") as folder:
            tree = Path(folder) / "tree"
            tree.mkdir()
            try:
                with self.open(Root(tree, tree)) as sandbox:
                    completed = sandbox.run(Command(("true",)), Limits(wall_s=30))
            except (SandboxError, OSError) as error:
                return Readiness(False, str(error))
        return Readiness(completed.ok, "" if completed.ok else f"a trial command {completed.ended}: {completed.why}")

    def build(self, recipe: Recipe) -> str:
        """Return the name of an image for policies, made once for what it depends on. Raises `SandboxUnavailable`."""
        from sandbox.dockerbuild import build

        with closing(self._engine()) as engine:
            return build(engine, recipe)

    def full(self) -> bool:
        """Say that there is room for another sandbox: what else runs on this machine is looked at elsewhere."""
        return False

    def open(self, root: Root, policy: Policy = Policy(), scratch: Scratch | None = None) -> HostSandbox:
        """Open a sandbox on `root`, whose files everybody must see; as root, its files are given to another user.

        `scratch` is its directory, where it has one. Raises `SandboxUnavailable` where there is no engine, no image, or one that
        cannot be isolated.
        """
        if root.namespace is not None:
            raise SandboxUnavailable(
                "a Docker engine enters no mount namespace: make the shadow visible, or use the copy driver"
            )
        if not root.source.is_dir():
            raise SandboxError(f"root.source={str(root.source)!r} is no directory: give the shadow's")
        image = policy.image or self._image
        if image is None:
            raise SandboxUnavailable(
                "no image is named for the docker sandbox: set `image` under [sandbox] in nightcrew.toml"
            )
        if not self._remote:
            with suppress(OutOfSight):
                return self._opened(root, policy, image, scratch)
            self._remote, scratch = True, None
        return self._opened(root, policy, image, scratch)

    def _opened(self, root: Root, policy: Policy, image: str, scratch: Scratch | None) -> HostSandbox:
        from sandbox.dockerengine import OWNER, SCRATCH

        engine = self._engine()
        with ExitStack() as failed:
            failed.callback(engine.close)
            engine.check()
            # No path of this machine is named to another's engine, not even to see that it has none such.
            self._remote = self._remote or engine.elsewhere()
            scratch = scratch or Scratch(self._scratch)
            failed.callback(scratch.remove)
            scratch.mark(replace(self._address, shared=self._remote).text)
            found = self._known.get(id := engine.find(image)) or engine.described(id)
            if not self._remote and not found.passwd:
                found = engine.image(id, {OWNER: owner(), SCRATCH: str(scratch.path)})
            self._known[id] = found
            sandbox = self._made(root, policy, scratch, engine, found)
            sandbox.host = self._host
            failed.pop_all()
        return sandbox

    def _made(self, root: Root, policy: Policy, scratch: Scratch, engine: Engine, image: Image) -> HostSandbox:
        if self._remote:
            if policy.sockets:
                raise ServiceUnavailable(
                    "an engine on another machine reaches no servers of this one, which [services] of nightcrew.toml needs: take"
                    " `--sandbox local`, or an engine on this machine"
                )
            from sandbox.remotesandbox import RemoteSandbox

            return RemoteSandbox(root, policy, scratch, engine, image, self.user)
        from sandbox.dockersandbox import DockerSandbox

        return DockerSandbox(root, policy, scratch, engine, image, self.user)

    def _engine(self) -> Engine:
        from sandbox.dockerengine import Engine

        return Engine(self._address)


def commands_user() -> tuple[int, int]:
    """Return whom commands run as: the caller, and for root another."""
    return os.getuid() or _ROOTS_USER, os.getgid() or _ROOTS_USER
