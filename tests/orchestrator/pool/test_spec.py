"""The pool's file."""

from __future__ import annotations

import pytest

from orchestrator.pool.spec import PoolFile


@pytest.mark.parametrize(("own", "binds"), [({}, 500), ({"tokens_per_day": 0}, 0), ({"tokens_per_day": 7}, 7)])
def test_a_keys_own_number_goes_before_that_of_all_nothing_too(own: dict[str, int], binds: int) -> None:
    file = PoolFile.model_validate(
        {
            "models": {"coder": {"engine": "command", "command": ["true"]}},
            "limits": {"user_tokens_per_day": 500},
            "keys": [{"name": "ann", "sha256": "0" * 64, **own}],
        }
    )
    assert file.holders[0].limits.user_tokens_per_day == binds
