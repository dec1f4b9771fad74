"""The records of the orchestrator: what follows from one of them alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.records import Order


@pytest.mark.parametrize(
    ("agent", "model", "allowed"),
    [
        ("command:mini", None, ""),
        ("command:mini", "large", "large"),
        (None, "large", "large"),
        (None, None, None),
    ],
)
def test_a_program_may_ask_a_model_where_a_person_named_the_one_or_the_other(
    agent: str | None, model: str | None, allowed: str | None
) -> None:
    assert Order("fix it", Path("/repository"), agent=agent, model=model).program_model == allowed
