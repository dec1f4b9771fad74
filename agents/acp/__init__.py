"""Agents of other people that speak the Agent Client Protocol, each in the sandbox on the shadow."""

from agents.acp.agent import AcpAgent
from agents.acp.settings import Settings

__all__ = ["AcpAgent", "Settings"]
