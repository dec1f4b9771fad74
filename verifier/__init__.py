"""Judge: run suites, try candidates, and walk a change up the ladder."""

from verifier.command import parse_test_command
from verifier.errors import OutOfTime, ProtocolBroken, SuiteNotStarted, VerifierError
from verifier.forkserver import ForkServers
from verifier.ladder import LADDER, Ladder
from verifier.measure import Measure
from verifier.runner import InsideRunner
from verifier.scripted import ScriptedRunner, ScriptedTrials
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
    "ForkServers",
    "Frame",
    "InsideRunner",
    "Ladder",
    "Measure",
    "OutOfTime",
    "Outcome",
    "ProtocolBroken",
    "Ran",
    "Rung",
    "RungResult",
    "Runner",
    "ScriptedRunner",
    "ScriptedTrials",
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
    "parse_test_command",
]
