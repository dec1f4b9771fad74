"""Fast edits: an engine drafts a reply from the text that it rewrites."""

from orchestrator.pool.drafting.nightcrew_drafts import XARG, Original
from orchestrator.pool.drafting.words import Drafts, draft_environment, draft_words

__all__ = ["XARG", "Drafts", "Original", "draft_environment", "draft_words"]
