"""What is loaded into an inference engine's own process: drafts from the text that is there. Nothing of nightcrew is imported here."""

from .original import Original

XARG = "original"
"""The name among a request's `vllm_xargs` under which its original comes."""

__all__ = ["XARG", "Original"]
