"""The server of the Model Context Protocol: any client gets a shadow, edits, tests and forks, and submits to the same ladder as every agent."""

from orchestrator.mcp.agent import ClientAgent
from orchestrator.mcp.desk import Answer, Desk
from orchestrator.mcp.session import Session

__all__ = ["Answer", "ClientAgent", "Desk", "Session"]
