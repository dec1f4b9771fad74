"""The command line. Untrusted text is printed plain; with `--json` one document goes to standard output and nothing else."""

from orchestrator.cli.entry import main

__all__ = ["main"]
