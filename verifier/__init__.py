"""Judge: run suites, try candidates, and walk a change up the ladder."""

from verifier.errors import ProtocolBroken, SuiteNotStarted, VerifierError
from verifier.ladder import LADDER, Ladder
from verifier.measure import Measure
from verifier.suite import Frame, Outcome, Ran, Runner, Suite, SuiteReport, TestResult
from verifier.trials import Candidate, Coverage, Edit, Ending, Trial, Trials, TrialsFactory
from verifier.verdict import Case, Evidence, Rung, RungResult, Status, Verdict

__all__ = [
    "LADDER",
    "Candidate",
    "Case",
    "Coverage",
    "Edit",
    "Ending",
    "Evidence",
    "Frame",
    "Ladder",
    "Measure",
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
