"""Make the image that sandboxes are containers of: built once for what it depends on, with the network; commands have neither."""

from __future__ import annotations

import io
import stat
import tarfile
import time
from collections.abc import Iterable

from sandbox.dockerengine import OWNER, Engine
from sandbox.dockerrecipe import Recipe, SourceFile
from sandbox.errors import SandboxUnavailable
from sandbox.owner import owner

_NAME = "nightcrew"
_LOG = "/nightcrew-setup.log"
_PAUSE_S = 0.1
_SETUP_S = 3600
_TOLD_LINES = 12
_KEEP = ("/bin/sh", "-c", "read -r _")


def build(engine: Engine, recipe: Recipe) -> str:
    """Return the name of the recipe's image, which is made where the engine does not have it. Raises `SandboxUnavailable`."""
    if recipe.base is not None and recipe.setup is None:
        return recipe.base
    if engine.has(recipe.name):
        return recipe.name
    base = recipe.base
    if recipe.dockerfile is not None:
        # Under the final name only when nothing is to follow: whoever finds the name finds the whole.
        base = f"{recipe.name}-base" if recipe.setup else recipe.name
        failed = engine.build(_packed(_below(recipe)), "Dockerfile.nightcrew", base, recipe.arguments, recipe.target)
        if failed:
            raise SandboxUnavailable(f"the image does not build: {_told(failed)}")
    if recipe.setup is not None and base is not None:
        _set_up(engine, recipe, base)
    return recipe.name


def _below(recipe: Recipe) -> Iterable[SourceFile]:
    """Yield the files of the build's context, with the build's own text among them."""
    prefix = "" if recipe.context in ("", ".") else recipe.context.strip("/") + "/"
    for file in recipe.files():
        if file.path.startswith(prefix):
            yield SourceFile(file.path[len(prefix) :], file.mode, file.data)
    yield SourceFile("Dockerfile.nightcrew", 0o100644, (recipe.dockerfile or "").encode())


def _set_up(engine: Engine, recipe: Recipe, base: str) -> None:
    """Run the set-up in a container of `base`, and keep it as the image. Its secrets are in no image's settings."""
    container, attached = engine.workshop(engine.find(base), _KEEP, {OWNER: owner()})
    try:
        engine.put(container, _packed(recipe.files(), str(recipe.directory).lstrip("/")))
        script = f'cd "$1" && {{ {recipe.setup}\n}} >{_LOG} 2>&1 && rm {_LOG}'
        argv = ("/bin/sh", "-ec", script, _NAME, str(recipe.directory))
        process = engine.execute(container, argv, "0:0", recipe.secrets)
        deadline = time.monotonic() + _SETUP_S
        while (code := engine.executed(process)[1]) is None:
            if time.monotonic() > deadline:
                raise SandboxUnavailable(f"the image's set-up did not end within {_SETUP_S} s: {recipe.setup}")
            time.sleep(_PAUSE_S)
        if code != 0:
            said = engine.file(container, _LOG).decode(errors="replace")
            raise SandboxUnavailable(f"the image's set-up failed with status {code}: {_told(said)}")
        # A label would be inherited by every container of the image, whoever makes it.
        engine.commit(container, recipe.name, f"LABEL {OWNER}=")
    finally:
        attached.close()
        engine.remove(container)


def _packed(files: Iterable[SourceFile], below: str = "") -> bytes:
    """Return files as a tar archive, those below a directory of links left where they are."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for file in files:
            entry = tarfile.TarInfo(f"{below}/{file.path}" if below else file.path)
            entry.mode = 0o755 if file.mode & 0o111 else 0o644
            if stat.S_ISLNK(file.mode):
                entry.type, entry.linkname = tarfile.SYMTYPE, file.data.decode(errors="surrogateescape")
                archive.addfile(entry)
            else:
                entry.size = len(file.data)
                archive.addfile(entry, io.BytesIO(file.data))
    return packed.getvalue()


def _told(text: str) -> str:
    """Return the end of what a build said, on one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-_TOLD_LINES:]) or "it said nothing"
