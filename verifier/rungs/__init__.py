"""The rungs of the ladder, one module each."""

from verifier.rungs.applies import Applies
from verifier.rungs.diagnostics import Diagnostics
from verifier.rungs.exercised import Exercised
from verifier.rungs.reproduce import Reproduce
from verifier.rungs.suite import SuiteHolds
from verifier.rungs.tamper import Tamper

__all__ = ["Applies", "Diagnostics", "Exercised", "Reproduce", "SuiteHolds", "Tamper"]
