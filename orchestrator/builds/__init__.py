"""What a red build leaves behind, read as failures and a ticket's text."""

from orchestrator.builds.read import of_data, read_build, read_junit, read_log
from orchestrator.builds.records import Failure, Red, UnreadableBuild

__all__ = ["Failure", "Red", "UnreadableBuild", "of_data", "read_build", "read_junit", "read_log"]
