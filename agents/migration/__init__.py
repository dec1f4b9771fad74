"""The migration agent: does to the rest what examples do to theirs, by rules learnt from them."""

from agents.migration.agent import MigrationAgent
from agents.migration.diffs import diff_example

__all__ = ["MigrationAgent", "diff_example"]
