"""What commands make of a repository, of what is configured and of what somebody typed."""

from __future__ import annotations

import os
import sys
import venv
from pathlib import Path

import pytest

from orchestrator.cli.edge import Edge
from orchestrator.working.allowance import Allowance, Amount


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


MODELS = """
[budget]
usd = 2.0
usd_per_day = 5.0
user_tokens_per_day = 100

[models.big]
base_url = "http://127.0.0.1:1/v1"
model = "b"
price_in = 3.0
"""


@pytest.mark.parametrize(("of_repository", "usd"), [("", 2.0), ("usd = 0.5", 0.5), ("usd = 1000.0", 2.0)])
def test_a_repository_may_lower_what_the_machine_lets_a_ticket_cost_and_not_raise_it(
    tmp_path: Path, of_repository: str, usd: float
) -> None:
    home, repository = tmp_path / "home", tmp_path / "repository"
    for folder, name, text in (
        (home / ".config/nightcrew", "config.toml", MODELS),
        (repository, "nightcrew.toml", f"[budget]\n{of_repository}\n[test]\ncommand = 'make test'\n"),
    ):
        folder.mkdir(parents=True)
        (folder / name).write_text(text)
    edge = Edge({"PATH": os.defpath}, home, Path(sys.prefix), tmp_path / "state")
    settings = edge.settings(repository)
    assert (settings.usd, settings.paid) == (usd, ("model:big", "model", "auto"))
    assert settings.usd_bound and settings.tokens_bound and not settings.unpriced
    assert edge.machine().allowance() == Allowance(Amount(usd=5.0), Amount(tokens=100))


def test_the_environments_model_has_no_price_and_a_repositorys_number_bounds_nothing(tmp_path: Path) -> None:
    (tmp_path / "nightcrew.toml").write_text("[budget]\nusd = 1000.0\n[test]\ncommand = 'make test'\n")
    environ = {"PATH": os.defpath, "LLM_BASE_URL": "http://127.0.0.1:1/v1", "LLM_MODEL": "m"}
    settings = Edge(environ, tmp_path / "home", Path(sys.prefix), tmp_path / "state").settings(tmp_path)
    assert (settings.paid, settings.unpriced) == ((), ("model:default", "model", "auto"))
    assert (settings.usd, settings.usd_bound, settings.tokens_bound) == (1000.0, False, False)
