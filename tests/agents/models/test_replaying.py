"""A recording gone through again: which request stands for which, and what is told of both."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agents import JournaledModel, MemoryWorkspace, Message, ModelError, Replaying, Request, Role, ScriptedModel, recall


def request(text: str) -> Request:
    return Request((Message(Role.USER, text),), seed=1)


def recorded(*said: str) -> Replaying:
    """Return a replay of requests that were answered with their own text, backwards."""
    workspace = MemoryWorkspace({})
    model = JournaledModel(ScriptedModel([text[::-1] for text in said], name="m"), workspace)
    for text in said:
        model.complete(request(text), deadline_s=1.0)
    return Replaying(recall(workspace.journal()), "m", 1000)


def test_equal_requests_get_their_replies_in_whatever_order_and_are_the_same() -> None:
    model = recorded("one", "two")
    assert model.complete(request("two"), deadline_s=1.0).text == "owt"
    assert model.complete(request("one"), deadline_s=1.0).text == "eno"
    assert [each.same for each in model.compared] == [True, True]
    assert model.unasked == 0


def test_a_request_that_tells_now_what_its_reply_is_likely_to_be_is_the_same() -> None:
    model = recorded("one", "two")
    model.complete(replace(request("two"), prediction="owt"), deadline_s=1.0)
    assert model.compared[0].same


def test_a_changed_request_stands_for_the_next_recorded_one_and_both_are_told() -> None:
    model = recorded("one", "two", "three")
    assert model.complete(request("one, otherwise"), deadline_s=1.0).text == "eno"
    assert model.complete(request("two"), deadline_s=1.0).text == "owt"
    (first, second) = model.compared
    assert (first.before, first.now, first.same) == (request("one"), request("one, otherwise"), False)
    assert second.same
    assert model.unasked == 1


def test_what_goes_beyond_the_recording_is_refused() -> None:
    model = recorded("one")
    model.complete(request("one"), deadline_s=1.0)
    with pytest.raises(ModelError, match="all are used up"):
        model.complete(request("one"), deadline_s=1.0)
