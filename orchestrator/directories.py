"""Where nightcrew keeps what: its state, and the machine's configuration. Says paths; reads nothing, and imports little."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

BROKER = "NIGHTCREW_BROKER"
"""The variable that names the broker: `redis://host/0`."""
HUB = "NIGHTCREW_DEPOTS"
"""The variable that names the hub through which machines exchange depots."""
STORE = "NIGHTCREW_STORE"
"""The variable that names the store's server: `postgresql://user@host/database`."""


def state_directory(environ: Mapping[str, str], home: Path, configured: str | None, given: Path | None = None) -> Path:
    """Return where nightcrew keeps its state: `--state`, else what the machine's configuration says, else the XDG state directory."""
    if given is not None:
        return given.absolute()
    if configured is not None:
        return Path(configured.replace("~", str(home), 1) if configured.startswith("~/") else configured).absolute()
    return _xdg(environ, home, "STATE", ".local/state") / "nightcrew"


def broker_url(environ: Mapping[str, str], configured: str | None) -> str | None:
    """Return the address of the broker that wakes workers, None where there is none."""
    return environ.get(BROKER) or configured


def store_url(environ: Mapping[str, str], configured: str | None) -> str | None:
    """Return the address of the store's server, None where the store is a file of the state directory."""
    return environ.get(STORE) or configured


def hub_url(environ: Mapping[str, str], configured: str | None) -> str | None:
    """Return the address of the hub through which machines exchange depots, None where they do not."""
    return environ.get(HUB) or configured


def machine_file(environ: Mapping[str, str], home: Path) -> Path:
    """Return the path of the machine's configuration file."""
    return _xdg(environ, home, "CONFIG", ".config") / "nightcrew" / "config.toml"


def _xdg(environ: Mapping[str, str], home: Path, kind: str, default: str) -> Path:
    """Return an XDG base directory; a relative one is to be ignored, says the specification."""
    named = environ.get(f"XDG_{kind}_HOME", "")
    return Path(named) if named.startswith("/") else home / default
