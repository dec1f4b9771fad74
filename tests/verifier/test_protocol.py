"""Messages from inside a sandbox: what is no number there is nonsense, never an error of ours."""

from __future__ import annotations

import json

import pytest

from verifier.errors import ProtocolBroken
from verifier.protocol import Message


@pytest.mark.parametrize("number", ["1" + "0" * 400, "-1", "true", '"1"', "NaN", "Infinity", "null"])
def test_a_number_that_is_none_breaks_the_protocol(number: str) -> None:
    message = Message(json.loads(f'{{"t": "end", "status": {number}}}'))
    with pytest.raises(ProtocolBroken, match="is not a number"):
        message.integer("status")
