"""What commands make of a repository, of what is configured and of what somebody typed."""

from __future__ import annotations

import os
import sys
import venv
from pathlib import Path

from orchestrator.cli.edge import Edge


def test_the_interpreter_that_a_test_command_names_is_what_sandboxes_see(tmp_path: Path) -> None:
    environment, repository = tmp_path / "tools" / "environment", tmp_path / "repository"
    venv.create(environment, symlinks=True)
    (repository / ".venv").mkdir(parents=True)
    (repository / "test_it.py").write_text("")
    python = environment / "bin" / "python"
    edge = Edge({"PATH": os.defpath}, tmp_path / "home", Path(sys.prefix), tmp_path / "state")
    settings = edge.settings(repository, f"{python} -m unittest")
    assert settings.python == str(python)
    assert any(python.is_relative_to(shown) for shown in settings.toolchains)
