"""Branches of the data that tests need: each from a template, each with servers of its own, gone with its sandbox."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sandbox.errors import ServiceUnavailable
from sandbox.scratch import Scratch
from sandbox.services import postgres, redis
from sandbox.services.server import Engine, Server
from sandbox.services.services import Served, Services, Source
from sandbox.services.sqlite import copy_database
from sandbox.services.templates import Templates
from sandbox.services.variables import variables

SetUp = Callable[[Served], None]
"""Fills servers that hold no more than their dumps. Raises `ServiceUnavailable`."""

_SEEN = {"postgres": postgres.SEEN, "redis": redis.SEEN}


class Branches:
    """Branches of the data of repositories. Templates lie below `templates`, all else below the scratch root `scratch`."""

    def __init__(self, templates: Path, scratch: Path) -> None:
        self._templates = Templates(templates, scratch)
        self._scratch = scratch

    @contextmanager
    def open(
        self,
        services: Services,
        source: Source,
        set_up: SetUp,
        sqlite: Mapping[str, Path],
        user: tuple[int, int] | None = None,
    ) -> Iterator[Served]:
        """Open a branch for as long as the `with` block lasts: servers that begin as the template of `source` does, and
        copies of the databases `sqlite`, which are some of `services.sqlite`. `user` is whose commands write to these, where that is
        somebody else than this process's.

        Raises `ServiceUnavailable`.
        """
        engines = _engines(services, source)
        with ExitStack() as stack:
            sockets: dict[Path, Path] = {}
            if engines:
                key = _key(services, source, engines)
                with self._templates.held(
                    key, lambda folder: self._make(folder, services, engines, set_up)
                ) as template:
                    servers = [self._filled(stack, template / engine.name) for engine in engines]
                for engine, server in zip(engines, servers, strict=True):
                    server.serve(engine)
                    sockets |= _socket(engine, server)
            copies = self._copies(stack, sqlite, user)
            environment = variables(services, {**services.sqlite, **{name: path for name, (path, _) in copies.items()}})
            yield Served(sockets, environment, tuple(folder for _, folder in copies.values()))

    def _make(self, folder: Path, services: Services, engines: Sequence[Engine], set_up: SetUp) -> None:
        with ExitStack() as stack:
            servers = [stack.enter_context(Server(self._scratch)) for _ in engines]
            for engine, server in zip(engines, servers, strict=True):
                engine.make(server)
                server.serve(engine)
                engine.load(server)
            sockets = [_socket(engine, server) for engine, server in zip(engines, servers, strict=True)]
            if services.setup is not None:
                merged = {inside: path for each in sockets for inside, path in each.items()}
                set_up(Served(merged, variables(services, services.sqlite)))
            for engine, server in zip(engines, servers, strict=True):
                engine.keep(server)
                server.end()
                server.folder.rename(folder / engine.name)

    def _filled(self, stack: ExitStack, template: Path) -> Server:
        server = stack.enter_context(Server(self._scratch))
        server.fill(template)
        return server

    def _copies(
        self, stack: ExitStack, sqlite: Mapping[str, Path], user: tuple[int, int] | None
    ) -> dict[str, tuple[Path, Path]]:
        """Copy databases, each into a directory of its own; return the copies and their directories by name."""
        if not sqlite:
            return {}
        scratch = Scratch(self._scratch)
        stack.callback(scratch.remove)
        copies = {}
        for name, path in sqlite.items():
            folder = scratch.path / "sqlite" / name
            folder.mkdir(parents=True, mode=0o700)
            copy_database(path, folder / path.name)
            if user is not None and user != (os.getuid(), os.getgid()):
                for each in (folder, *folder.iterdir()):
                    os.chown(each, *user)
            copies[name] = folder / path.name, folder
        return copies


def service_lack(service: str) -> str:
    """Return what this machine lacks to give `postgres` or `redis`, "" where it lacks nothing."""
    programs, install = {
        "postgres": (postgres.postgres_programs, postgres.INSTALL),
        "redis": (redis.redis_programs, redis.INSTALL),
    }[service]
    return "" if programs() is not None else install


def _engines(services: Services, source: Source) -> tuple[Engine, ...]:
    engines: list[Engine] = []
    if services.postgres is not None:
        engines.append(postgres.postgres_engine(services.postgres, _dump(services.postgres.dump, source)))
    if services.redis is not None:
        engines.append(redis.redis_engine(services.redis, _dump(services.redis.dump, source)))
    return tuple(engines)


def _dump(path: str | None, source: Source) -> bytes | None:
    if path is None:
        return None
    if path not in source.dumps:
        raise ServiceUnavailable(
            f"there is no {path} in the repository, which [services] of nightcrew.toml names as a dump: correct one of them"
        )
    return source.dumps[path]


def _key(services: Services, source: Source, engines: Sequence[Engine]) -> str:
    setup = (services.setup, sorted(services.environment.items()), source.depends) if services.setup else None
    # A dump may be large, and what `repr` makes of one four times as large.
    made_of = [
        (engine.name, engine.command, [hashlib.sha256(part).digest() for part in engine.made_of]) for engine in engines
    ]
    return hashlib.sha256(repr((made_of, setup)).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _socket(engine: Engine, server: Server) -> dict[Path, Path]:
    return {_SEEN[engine.name] / engine.socket: server.socket(engine)}
