"""Prompts: trees of parts with priorities, rendered to a limit of tokens and laid out for a server's prefix cache."""

from agents.prompts.errors import PromptTooLong
from agents.prompts.fence import fenced, neutral
from agents.prompts.part import Group, Node, Pace, Part, Prompt, Zone
from agents.prompts.render import Layout, render
from agents.prompts.rendered import LeftOut, Placed, Rendered, ZoneState
from agents.prompts.tokens import Count, TokenCounter, encoding_of

__all__ = [
    "Count",
    "Group",
    "Layout",
    "LeftOut",
    "Node",
    "Pace",
    "Part",
    "Placed",
    "Prompt",
    "PromptTooLong",
    "Rendered",
    "TokenCounter",
    "Zone",
    "ZoneState",
    "encoding_of",
    "fenced",
    "neutral",
    "render",
]
