"""Judge: run suites, try candidates, and walk a change up the ladder."""

from verifier.errors import ProtocolBroken, SuiteNotStarted, VerifierError
from verifier.suite import Frame, Outcome, Ran, Runner, Suite, SuiteReport, TestResult
from verifier.trials import Candidate, Coverage, Edit, Ending, Trial, Trials, TrialsFactory
from verifier.verdict import Case, Evidence, Rung, RungResult, Status, Verdict

__all__ = [
    "Candidate",
    "Case",
    "Coverage",
    "Edit",
    "Ending",
    "Evidence",
    "Frame",
    "Outcome",
    "ProtocolBroken",
    "Ran",
    "Rung",
    "RungResult",
    "Runner",
    "Status",
    "Suite",
    "SuiteNotStarted",
    "SuiteReport",
    "TestResult",
    "Trial",
    "Trials",
    "TrialsFactory",
    "Verdict",
    "VerifierError",
]
