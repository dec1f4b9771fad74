"""Edits: read what a model's reply asks for, in five forms, and apply it to a tree's files whole or not at all."""

from agents.edits.apply import anchor, anchored, apply
from agents.edits.edit import (
    Anchor,
    Anchored,
    Applied,
    Edit,
    Form,
    How,
    Move,
    Placed,
    Reading,
    Refused,
    Remove,
    Replace,
    Whole,
)  # fmt: skip
from agents.edits.reply import read
from agents.edits.trust import Trust

__all__ = [
    "Anchor",
    "Anchored",
    "Applied",
    "Edit",
    "Form",
    "How",
    "Move",
    "Placed",
    "Reading",
    "Refused",
    "Remove",
    "Replace",
    "Trust",
    "Whole",
    "anchor",
    "anchored",
    "apply",
    "read",
]
