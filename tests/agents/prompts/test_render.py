"""The renderer: never over its limit, stable from turn to turn, and exact about what stands where."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from agents.models import Role, ToolCall
from agents.prompts import Group, Layout, Node, Pace, Part, Prompt, PromptTooLong, Rendered, Zone, neutral, render


def words(text: str) -> int:
    """Count as a tokenizer might: joined texts may have fewer or more tokens than each alone."""
    return len(text.split()) + text.count("\n\n") * 2 + len(text) // 20


texts = st.text(alphabet=st.sampled_from("ab \n<|>[]/é😀\ud800INST"), max_size=30)
roles = st.sampled_from([Role.USER, Role.ASSISTANT, Role.SYSTEM])
parts = st.builds(
    Part,
    name=st.sampled_from(["a", "b", 'x"> c', "é/<d>"]),
    text=texts,
    role=roles,
    priority=st.integers(-2, 2),
    untrusted=st.booleans(),
    pace=st.sampled_from(Pace),
    instead=st.sampled_from(["", "", "left out"]),
    calls=st.sampled_from([(), (), (), (ToolCall("1", "read", '{"a": "<|im_end|>"}'),)]),
)
nodes: st.SearchStrategy[Node] = st.recursive(
    parts,
    lambda inner: st.builds(
        Group,
        name=st.sampled_from(["g", "h"]),
        parts=st.lists(inner, max_size=3).map(tuple),
        priority=st.integers(-1, 1),
        whole=st.booleans(),
        instead=st.sampled_from(["", "all left out"]),
    ),
    max_leaves=3,
)
zones = st.lists(nodes, max_size=6).map(tuple)
layouts = st.builds(
    Layout,
    limit=st.integers(20, 300),
    tail_share=st.sampled_from([0.0, 0.2, 0.5]),
    step=st.sampled_from([0.1, 0.3, 0.9]),
)


few = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def leaves(node: Node) -> list[Part]:
    return [node] if isinstance(node, Part) else [leaf for part in node.parts for leaf in leaves(part)]


def rendered(prompt: Prompt, layout: Layout) -> Rendered:
    try:
        return render(prompt, layout, words)
    except PromptTooLong:
        assume(False)
        raise


@few
@given(zones, zones, zones, layouts)
def test_it_is_never_over_its_limit_and_evicts_nothing_of_the_prefix(
    prefix: tuple[Node, ...], log: tuple[Node, ...], tail: tuple[Node, ...], layout: Layout
) -> None:
    made = rendered(Prompt(prefix, log, tail), layout)
    told = sum(
        words(each.text) + layout.message + sum(words(f"{call.name} {call.arguments}") + 8 for call in each.calls)
        for each in made.messages
    )
    assert made.tokens == told <= layout.limit
    assert not [each for each in made.left_out if each.zone is Zone.PREFIX]
    there = [each for each in made.placed if each.zone is Zone.PREFIX]
    assert len(there) == sum(len(leaves(node)) for node in prefix)


@few
@given(zones, zones, zones, layouts)
def test_the_source_map_is_exact(
    prefix: tuple[Node, ...], log: tuple[Node, ...], tail: tuple[Node, ...], layout: Layout
) -> None:
    made = rendered(Prompt(prefix, log, tail), layout)
    ends = dict.fromkeys(range(len(made.messages)), 0)
    there = {neutral(leaf.text) for node in (*prefix, *log, *tail) for leaf in leaves(node)}
    for each in made.placed:
        assert each.start == ends[each.message]
        ends[each.message] = each.end
        body = made.messages[each.message].text[each.body : each.body_end]
        assert body in ("left out", "all left out") if each.instead else body in there
        if each.end > each.start:
            assert made.source(each.message, each.start) == each == made.source(each.message, each.end - 1)
    assert list(ends.values()) == [len(message.text) for message in made.messages]


@few
@given(st.lists(parts, min_size=1, max_size=25), st.integers(0, 40), layouts)
def test_a_turn_begins_with_the_one_before_but_for_eviction_steps(log: list[Part], tail: int, layout: Layout) -> None:
    prefix = (Part("system", "Be brief.", Role.SYSTEM),)
    before = render(Prompt(prefix), layout, words)
    for turn in range(1, len(log) + 1):
        changing = (Part("tail", "now " * (turn * tail % 41)), Part("hint", "x " * turn, priority=1))
        now = render(Prompt(prefix, tuple(log[:turn]), changing), layout, words)
        if now.steps == before.steps:
            stays = "".join(said(before, zone) for zone in (Zone.PREFIX, Zone.LOG))
            assert "".join(said(now, zone) for zone in (Zone.PREFIX, Zone.LOG)).startswith(stays)
        assert now.zones[Zone.PREFIX] == before.zones[Zone.PREFIX]
        before = now


def said(made: Rendered, zone: Zone) -> str:
    """Return what a zone says, roles and calls included, in order."""
    told = []
    for each in made.placed:
        if each.zone is zone:
            message = made.messages[each.message]
            told.append(f"[{message.role}{message.calls}]{message.text[each.start : each.end]}")
    return "".join(told)


def test_the_prefix_is_ordered_by_how_rarely_its_parts_change() -> None:
    prompt = Prompt(
        (
            Part("ticket", "Fix it.", pace=Pace.TICKET),
            Part("map", "a.py: f", pace=Pace.REPOSITORY),
            Part("guide", "House style.", Role.SYSTEM, pace=Pace.REPOSITORY),
            Part("system", "You repair.", Role.SYSTEM, pace=Pace.RELEASE),
        )
    )
    made = render(prompt, Layout(100), words)
    assert [each.name for each in made.placed] == ["system", "guide", "map", "ticket"]
    assert [message.role for message in made.messages] == [Role.SYSTEM, Role.USER]


def test_a_prefix_that_does_not_fit_names_its_largest_parts() -> None:
    prompt = Prompt((Part("small", "x"), Part("large", "word " * 50)))
    with pytest.raises(PromptTooLong, match=r"large \(\d+\), small"):
        render(prompt, Layout(40), words)


def test_a_layout_without_any_room_is_refused() -> None:
    with pytest.raises(PromptTooLong, match="room for -1"):
        render(Prompt(log=(Part("a", "x"),)), Layout(10, reply=11), words)
    with pytest.raises(ValueError, match="step is 0"):
        Layout(10, step=0)


def log_of(count: int) -> tuple[Part, ...]:
    return tuple(Part(f"step {number}", "one two three four five") for number in range(count))


def test_the_log_is_evicted_in_coarse_steps_lowest_priority_then_oldest_first() -> None:
    layout = Layout(200, tail_share=0.0, step=0.5)
    important = replace(log_of(1)[0], name="ticket", priority=1)
    steps = [render(Prompt(log=(important, *log_of(count))), layout, words) for count in range(60)]
    assert {each.steps for each in steps} == set(range(max(each.steps for each in steps) + 1))
    assert max(each.steps for each in steps) <= 8
    last = steps[-1]
    names = [each.name for each in last.placed]
    assert names[0] == "ticket"
    assert names[1:] == [f"step {number}" for number in range(60 - len(names), 59)]
    assert {each.zone for each in last.left_out} == {Zone.LOG}
    assert "outgrew its 200 tokens" in last.left_out[0].why


def test_what_is_instead_of_a_part_stands_until_the_next_step() -> None:
    layout = Layout(200, tail_share=0.0, step=0.5)
    log = tuple(replace(part, instead="…") for part in log_of(60))
    counts = []
    for count in range(60):
        made = render(Prompt(log=log[:count]), layout, words)
        counts.append(sum(each.instead for each in made.placed))
    assert max(counts) > 1
    assert counts[-1] <= max(counts)


def test_a_call_and_its_answer_leave_together() -> None:
    turn = Group(
        "turn",
        (
            Part("call", "", Role.ASSISTANT, calls=(ToolCall("1", "read", '{"path": "a"}'),)),
            Part("answer", "text " * 30, Role.TOOL, untrusted=True, answers="1"),
        ),
        whole=True,
        instead="[an earlier step]",
    )
    prompt = Prompt((Part("system", "x", Role.SYSTEM),), (turn, *log_of(3)))
    all_there = render(prompt, Layout(500), words)
    assert [message.role for message in all_there.messages] == [Role.SYSTEM, Role.ASSISTANT, Role.TOOL, Role.USER]
    assert all_there.messages[2].answers == "1"
    less = render(prompt, Layout(70, tail_share=0.0), words)
    assert [each.name for each in less.left_out] == ["turn"]
    assert [message.role for message in less.messages] == [Role.SYSTEM, Role.USER]
    assert "[an earlier step]" in less.text


def test_the_tail_keeps_what_ranks_highest_whatever_the_log_would_take() -> None:
    tail = (Part("open file", "word " * 10, priority=1), Part("hint", "word " * 40))
    made = render(Prompt(log=log_of(50), tail=tail), Layout(100), words)
    assert [each.name for each in made.placed if each.zone is Zone.TAIL] == ["open file"]
    assert "higher priorities" in next(each.why for each in made.left_out if each.zone is Zone.TAIL)


def test_equal_zones_have_equal_hashes_and_a_changed_tail_changes_the_tails_only() -> None:
    prefix, log = (Part("system", "x", Role.SYSTEM),), log_of(2)
    one = render(Prompt(prefix, log, (Part("t", "now"),)), Layout(200), words)
    two = render(Prompt(prefix, log, (Part("t", "then"),)), Layout(200), words)
    assert [zone for zone in Zone if one.zones[zone] != two.zones[zone]] == [Zone.TAIL]
    assert one.zones[Zone.PREFIX].tokens == one.tokens_by_part()["system"]
    assert one.zones[Zone.PREFIX].digest == hashlib.sha256(b"system\x002\x00x\n").hexdigest()


def test_no_character_has_no_source() -> None:
    made = render(Prompt((Part("system", "x"),)), Layout(100), words)
    for message, offset in ((0, 2), (1, 0), (0, -1)):
        with pytest.raises(IndexError):
            made.source(message, offset)
