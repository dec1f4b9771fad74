"""What weakens the judging of a change: found by comparing the two sides of each file by meaning, not by line."""

from verifier.tampering.finding import Finding
from verifier.tampering.paths import is_test, is_test_file
from verifier.tampering.search import tampering

__all__ = ["Finding", "is_test", "is_test_file", "tampering"]
