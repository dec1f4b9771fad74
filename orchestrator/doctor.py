"""What works on this machine, what nightcrew uses instead of what does not, and the exact command that gets it."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.directories import machine_file
from orchestrator.places.containers import docker_driver
from sandbox import LocalDriver, service_lack
from shadowfs import CopyDriver, FuseDriver
from verifier import SERVERS, ServerPlaces, Tier, chosen_servers, find_servers

if TYPE_CHECKING:
    from agents import Endpoint

_GIT = (2, 30)
_FREE_BYTES = 2 << 30
_ANSWER_S = 10.0
_WITHOUT_MODELS = "the repair agent, which needs none"
_EXTRAS = {
    "models": ("openai", "asks models", _WITHOUT_MODELS),
    "acp": ("acp", "hosts agents of the Agent Client Protocol", "`--agent command:CMD`"),
    "forges": ("httpx2", "talks to GitHub, GitLab, Gitea, Linear and Slack", "local branches"),
    "serve": ("fastapi", "`nightcrew serve`: pages and API", "the command line"),
    "oidc": ("jwt", "signs people in at an issuer of OpenID Connect", "links and keys"),
    "postgres": ("psycopg", "keeps the store on a server, for several machines", "SQLite"),
    "cluster": ("celery", "`nightcrew worker`, woken by a broker", "`nightcrew work` and `serve`"),
    "ray": ("ray", "`nightcrew worker --on ray`", "Celery, or `--on here`"),
    "pool": (
        "httptools httpx2 huggingface_hub uvicorn uvloop",
        "`nightcrew pool`: models of one's own behind one address",
        "any OpenAI-compatible address",
    ),
    "traces": ("opentelemetry.sdk", "sends traces to an OpenTelemetry collector", "logs and metrics"),
    "lsp": ("pygls", "`nightcrew lsp`, for editors", "the command line"),
    "mcp": ("mcp", "`nightcrew mcp`", "`nightcrew fix`"),
    "grammars": ("tree_sitter", "syntax of languages other than Python", "blank lines, and words alone"),
}
"""Optional parts: what they need, what they are for, and what there is without them."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `needed` says that nothing works without it; `get` is the command that brings it."""

    name: str
    works: bool
    why: str
    needed: bool = False
    instead: str = ""
    get: str = ""


def examine(state: Path, environ: Mapping[str, str]) -> tuple[Check, ...]:
    """Look at everything, the drivers by really making a shadow's mount and a sandbox."""
    root = os.geteuid() == 0
    path = environ.get("PATH", os.defpath)
    return (
        _python(),
        _git(path, root),
        _sandbox(root),
        _docker(state, environ),
        _program("nsenter", "util-linux", path, root, "it is what lets a sandbox see a FUSE shadow", "the copy driver"),
        _pyfuse3(),
        _fuse(state),
        _copy(state),
        _state(state),
        _disk(state),
        *_services(),
        *_language_servers(path),
        *_models(environ),
        *_forges(environ, state),
        *_issuer(environ),
        *_extras(),
    )


def install_command(package: str, root: bool) -> str:
    """Return the command that installs a Debian package."""
    return f"{'' if root else 'sudo '}apt-get install {package}"


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("python", sys.version_info >= (3, 11), f"nightcrew runs on {version} ({sys.executable})", needed=True)


def _git(path: str, root: bool) -> Check:
    get = install_command("git", root)
    # Never by a relative entry: it would run a program of whatever directory this was started in.
    program = shutil.which("git", path=":".join(entry for entry in path.split(":") if entry.startswith("/")))
    if program is None:
        return Check("git", False, "there is no program `git`", needed=True, get=get)
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+)\.(\d+)", said)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    why = f"version {version[0]}.{version[1]} ({program})"
    if version < _GIT:
        return Check("git", False, f"{why}, and {_GIT[0]}.{_GIT[1]} is needed", needed=True, get=get)
    return Check("git", True, why, needed=True)


def _sandbox(root: bool) -> Check:
    ready = LocalDriver().probe()
    return Check(
        "sandbox",
        ready.works,
        ready.why or "bubblewrap isolates commands: no network, no home, no secrets",
        needed=True,
        instead="nothing: without a sandbox nightcrew refuses, unless `--sandbox none` is typed",
        get=install_command("bubblewrap", root),
    )


def _docker(state: Path, environ: Mapping[str, str]) -> Check:
    ready = docker_driver(environ, Path.home(), state / "sandboxes").probe()
    return Check(
        "docker",
        ready.works,
        ready.why or "`--sandbox docker` runs commands in containers of the image that nightcrew.toml names",
        instead="the local sandbox",
        get="install Docker, and nightcrew with its extra: uv tool install 'nightcrew[docker]'",
    )


def _program(name: str, package: str, path: str, root: bool, what: str, instead: str) -> Check:
    program = shutil.which(name, path=path)
    why = f"{program}: {what}" if program else f"there is no program `{name}`: {what}"
    return Check(name, program is not None, why, instead=instead, get=install_command(package, root))


def _pyfuse3() -> Check:
    there = importlib.util.find_spec("pyfuse3") is not None
    why = "the extra `fuse` is installed" if there else "the extra `fuse` is not installed"
    headers = "apt-get install libfuse3-dev pkg-config gcc python3-dev"
    return Check(
        "pyfuse3", there, why, instead="the copy driver", get=f"{headers}, then uv tool install 'nightcrew[fuse]'"
    )


def _fuse(state: Path) -> Check:
    with closing(FuseDriver(state)) as driver:
        probe = driver.probe()
    get = "load the module `fuse`, and let your user open /dev/fuse (chmod 666 /dev/fuse, or your distribution's group for it)"
    return Check(
        "fuse shadow",
        probe.works,
        probe.why or "a shadow mounts in milliseconds and forks at once",
        instead="the copy driver: each shadow is a plain copy, slower to make and larger on disk",
        get=get,
    )


def _copy(state: Path) -> Check:
    with closing(CopyDriver(state)) as driver:
        probe = driver.probe()
    return Check("copy shadow", probe.works, probe.why or "a shadow is a plain copy of the tree", needed=True)


def _state(state: Path) -> Check:
    nearest = next(path for path in (state, *state.parents) if path.exists())
    works = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    why = str(state) if works else f"{state}: {nearest} is no directory that can be written"
    return Check(
        "state",
        works,
        why,
        needed=True,
        instead="another directory: --state DIR",
        get=f"make {nearest} writable for your user",
    )


def _disk(state: Path) -> Check:
    free = shutil.disk_usage(_nearest(state)).free
    why = f"{free / (1 << 30):.1f} GB free for state"
    return Check(
        "disk",
        free >= _FREE_BYTES,
        why,
        instead="another disk: --state DIR",
        get=f"make room: {_FREE_BYTES >> 30} GB at least",
    )


def _services() -> Iterator[Check]:
    """Yield which databases tests can have, a branch of them for each sandbox."""
    for service, name in (("postgres", "PostgreSQL"), ("redis", "Redis")):
        get = service_lack(service)
        why = f"tests that need {name} have one for each sandbox ([services] of nightcrew.toml)"
        instead = f"nothing: tickets whose tests need {name} end with that"
        yield Check(name, not get, why if not get else f"{name} is not installed", instead=instead, get=get)


_LANGUAGES = {
    "Python": "python",
    "TypeScript": "typescript",
    "C and C++": "cpp",
    "Go": "go",
    "Rust": "rust",
}


def _language_servers(path: str) -> Iterator[Check]:
    """Yield, for each language, the servers that would be used in the working directory's repository."""
    found = find_servers(ServerPlaces(Path.cwd(), path))
    for name, language in _LANGUAGES.items():
        used = {tier: [each.server.name for each in chosen_servers(found, language, tier)] for tier in Tier}
        known = [server for server in SERVERS if language in server.languages]
        told = [f"{', '.join(names)} ({tier})" for tier, names in used.items() if names]
        yield Check(
            f"for {name}",
            bool(told),
            "; ".join(told)
            or f"there is no {' or '.join(server.name for server in known)} on PATH or in the repository",
            instead=f"nothing: no findings, definitions or quick fixes in {name}",
            get=known[0].get,
        )


def _models(environ: Mapping[str, str]) -> Iterator[Check]:
    """Yield whether each configured model answers; each is asked for one token."""
    # The configuration takes pydantic, the agents take longer than all else here.
    from agents import ModelError, endpoints
    from orchestrator.configuration.config import read_machine
    from orchestrator.errors import BadConfig

    get = "set LLM_BASE_URL and LLM_MODEL, or write a table [models.NAME] into config.toml"
    try:
        there = endpoints(environ, read_machine(environ, Path.home()).named_models())
    except (ModelError, BadConfig) as error:
        yield Check("models", False, str(error), instead=_WITHOUT_MODELS, get=get)
        return
    if not there:
        yield Check("models", False, "none is configured", instead=_WITHOUT_MODELS, get=get)
    for endpoint in there:
        name = f"model {endpoint.name}"
        try:
            _ask(endpoint)
            yield Check(name, True, f"{endpoint.model} at {endpoint.base_url} answers")
        except ModelError as error:
            yield Check(name, False, error.why, instead=_WITHOUT_MODELS, get=error.next)


def _ask(endpoint: Endpoint) -> None:
    from agents import HttpModel, Message, ModelError, Patience, Request, Role, Trouble

    model = HttpModel(endpoint, Patience(tries=1, connect_s=_ANSWER_S))
    try:
        model.complete(Request((Message(Role.USER, "Say yes."),), max_tokens=1), deadline_s=_ANSWER_S)
    except ModelError as error:
        # One token may be none that can be seen.
        if error.trouble is not Trouble.EMPTY:
            raise


def _forges(environ: Mapping[str, str], state: Path) -> Iterator[Check]:
    """Yield whether each configured forge answers and knows its token."""
    if machine_file(environ, Path.home()).exists():
        from orchestrator.forges.checkup import forge_checks

        yield from forge_checks(environ, Path.home(), state)


def _issuer(environ: Mapping[str, str]) -> Iterator[Check]:
    """Yield whether the configured issuer of OpenID Connect answers."""
    if machine_file(environ, Path.home()).exists():
        from orchestrator.web.oidccheck import issuer_checks

        yield from issuer_checks(environ, Path.home())


def _extras() -> Iterator[Check]:
    """Yield which optional parts are installed."""
    for extra, (packages, what, instead) in _EXTRAS.items():
        # Of what lies within a package, that one is looked for first: it may be somebody else's.
        needed = [name for package in packages.split() for name in (package.partition(".")[0], package)]
        there = all(importlib.util.find_spec(each) is not None for each in needed)
        why = what if there else f"the extra `{extra}` is not installed: {what}"
        yield Check(f"extra {extra}", there, why, instead=instead, get=f"uv tool install 'nightcrew[{extra}]'")


def _nearest(path: Path) -> Path:
    """Return the nearest directory above `path`, itself included, that exists."""
    return next(directory for directory in (path, *path.parents) if directory.is_dir())
