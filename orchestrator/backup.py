"""Back-up and restore: one archive of the store and of what its jobs refer to, made while work goes on.

The store is copied first, from one state of it; depots only grow, so what it refers to is in their copy. Not in it: secrets, configuration, caches,
shadows, managed checkouts.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import URL

from orchestrator.copies import dump_database, load_database
from orchestrator.errors import BadConfig, StoreError
from orchestrator.store.sql.tables import SCHEMA

_FOLDERS = ("depots", "pins", "published", "digests")
_FILES = ("id",)
_MANIFEST, _STORE = "manifest.json", "store"
_FORMAT = 1
_LAST = ("refs", "packed-refs", "packs", "objects")
"""Of a depot, in this order: what a ref names has been written before it, and is packed before it is gone."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a back-up is. `variables` are names of the environment that the configuration asks for; their values are nowhere."""

    format: int
    schema: str
    store: str
    """`sqlite` or `postgresql`."""
    made_at: float
    variables: tuple[str, ...] = ()


def backup(
    state: Path, url: str | None, file: Path, variables: Sequence[str] = (), clock: Callable[[], float] = time.time
) -> Manifest:
    """Write a back-up to `file`, which appears when it is whole. Raises `BadConfig`, `StoreError`."""
    if file.exists():
        raise BadConfig(f"{file} is there already: name another, nothing is written over")
    fresh = file.with_name(f".{file.name}-{secrets.token_hex(4)}")
    dump = file.with_name(f"{fresh.name}.store")
    try:
        # Whoever may read it, may read tickets.
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with (
            os.fdopen(descriptor, "wb") as stream,
            tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as archive,
        ):
            os.close(os.open(dump, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            kind, schema = dump_database(url or _lite(state), dump)
            manifest = Manifest(_FORMAT, schema, kind, clock(), tuple(variables))
            _add_bytes(archive, _MANIFEST, json.dumps(asdict(manifest)).encode(), manifest.made_at)
            archive.add(dump, _STORE)
            for path in _kept(state):
                _add_file(archive, path, state)
            archive.close()
            stream.flush()
            os.fsync(stream.fileno())
        fresh.rename(file)
        return manifest
    except OSError as error:
        raise StoreError(f"{file} cannot be written ({error.strerror or error}): name a place with room") from error
    finally:
        fresh.unlink(missing_ok=True)
        dump.unlink(missing_ok=True)


def restore(state: Path, url: str | None, file: Path) -> Manifest:
    """Put a back-up into a state directory and a store that hold nothing. Raises `BadConfig` where they do, `StoreError`."""
    for name in (*_FOLDERS, *_FILES, "nightcrew.db"):
        if (state / name).exists():
            raise BadConfig(f"{state / name} is there: restore into an empty state directory, `--state DIR` names one")
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    # What is not whole has another name: a restore that was killed leaves nothing that looks like a state.
    fresh = state / f".restore-{secrets.token_hex(4)}"
    try:
        fresh.mkdir(mode=0o700)
        manifest = _unpacked(file, fresh)
        _check(manifest, url)
        load_database(url or _lite(state), fresh / _STORE)
        for name in (*_FOLDERS, *_FILES):
            if (fresh / name).exists():
                (fresh / name).rename(state / name)
        return manifest
    except (tarfile.TarError, EOFError, OSError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, BadConfig):
            raise
        raise StoreError(
            f"{file} cannot be restored ({error}): is it whole, and made by `nightcrew backup`?"
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _lite(state: Path) -> URL:
    return URL.create("sqlite", database=str(state / "nightcrew.db"))


def _check(manifest: Manifest, url: str | None) -> None:
    wanted = "sqlite" if url is None else "postgresql"
    if manifest.format != _FORMAT or manifest.schema > SCHEMA:
        raise BadConfig(f"the back-up was made by a newer nightcrew (schema {manifest.schema}): update nightcrew")
    if manifest.store != wanted:
        raise BadConfig(f"the back-up is of a store on {manifest.store}, and this is {wanted}: see NIGHTCREW_STORE")


def _kept(state: Path) -> Iterator[Path]:
    """Yield the files of a back-up, each below `state`."""
    for name in _FILES:
        if (state / name).is_file():
            yield state / name
    for name in _FOLDERS:
        for folder in sorted((state / name).iterdir()) if (state / name).is_dir() else ():
            yield from _files(folder)


def _files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir() or folder.is_symlink():
        yield folder
        return
    # Git wants its folders, also those that are empty.
    yield folder
    entries = sorted(
        folder.iterdir(), key=lambda path: (_LAST.index(path.name) if path.name in _LAST else -1, path.name)
    )
    for path in entries:
        # Git's own, in the making: they become something else, or nothing.
        if not path.name.startswith("tmp_") and path.suffix != ".lock":
            yield from _files(path)


def _add_file(archive: tarfile.TarFile, path: Path, state: Path) -> None:
    # What is gone by now was in the making, or is among the packed refs, which come later.
    with suppress(FileNotFoundError):
        # Read whole: a file that grows meanwhile would break the archive.
        info = archive.gettarinfo(path, str(path.relative_to(state)))
        if info.isreg():
            data = path.read_bytes()
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        else:
            archive.addfile(info)


def _add_bytes(archive: tarfile.TarFile, name: str, data: bytes, at: float) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = len(data), int(at), 0o600
    archive.addfile(info, io.BytesIO(data))


def _unpacked(file: Path, folder: Path) -> Manifest:
    with tarfile.open(file, mode="r:gz") as archive:
        # Nothing gets out of the folder, whoever made the archive.
        archive.extractall(folder, filter="data")
    told = json.loads((folder / _MANIFEST).read_bytes())
    return Manifest(**{**told, "variables": tuple(told["variables"])})
