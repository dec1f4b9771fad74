"""The conversation: a model works in the tool loop, one call after the other, on a history that only grows."""

from agents.conversation.agent import ConversationAgent
from agents.conversation.talk import Settings
from agents.conversation.tools import TOOLS

__all__ = ["TOOLS", "ConversationAgent", "Settings"]
