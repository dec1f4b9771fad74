"""The machine's configuration, as tests have it: jobs begin however busy it is."""

from __future__ import annotations

from pathlib import Path

ROOMY = Path(__file__).parent
"""To be named by XDG_CONFIG_HOME."""
ROOM = (ROOMY / "nightcrew" / "config.toml").read_text("utf-8")
"""For a configuration of a test's own, at its end."""
