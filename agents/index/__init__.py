"""The code index: full-text search over chunks of a tree, with priors, kept in step by blob ids."""

from agents.agent import Hit
from agents.index.codeindex import CodeIndex
from agents.index.defined import Outliner
from agents.index.errors import IndexUnusable
from agents.index.frames import frames
from agents.index.outline import Definition
from agents.index.paths import is_code
from agents.index.records import Contents, Frame, Query, Updated

__all__ = [
    "CodeIndex",
    "Contents",
    "Definition",
    "Frame",
    "Hit",
    "IndexUnusable",
    "Outliner",
    "Query",
    "Updated",
    "frames",
    "is_code",
]
