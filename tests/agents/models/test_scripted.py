"""The scripted model: plays its lines."""

from __future__ import annotations

import pytest

from agents.models import Message, ModelError, Reply, Request, Role, ScriptedModel, Trouble

HELLO = Request((Message(Role.USER, "Hello"),))


def test_it_plays_its_lines_and_remembers_what_it_was_asked() -> None:
    model = ScriptedModel(["one", Reply("two"), lambda request: Reply(request.messages[0].text)])
    pieces: list[str] = []
    told = [model.complete(HELLO, deadline_s=1, watch=pieces.append).text for _ in range(3)]
    assert told == ["one", "two", "Hello"]
    assert model.asked == [HELLO] * 3
    assert [piece for piece in pieces if piece] == told


@pytest.mark.parametrize(("script", "deadline_s", "trouble"), [([], 1, Trouble.EMPTY), (["x"], 0, Trouble.DEADLINE)])
def test_its_end_and_a_deadline_are_what_they_are_with_any_model(
    script: list[str], deadline_s: float, trouble: Trouble
) -> None:
    with pytest.raises(ModelError) as raised:
        ScriptedModel(script).complete(HELLO, deadline_s=deadline_s)
    assert raised.value.trouble is trouble
