"""A ticket that no failing test shows: votes choose, what is not shown is said, and somebody who is there is asked."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from agents import NoFix, Proposal, Question, Result, ScriptedModel, Task
from agents.sampling import SamplingAgent, Settings
from tests.agents.repair.folder import PLAIN
from tests.agents.sampling.forking import ForkingWorkspace, opened
from tests.agents.sampling.test_agent import FILES as FAILING_FILES
from tests.agents.sampling.test_agent import NOTHING, OTHER, RIGHT, words
from tests.agents.sampling.typist import Typist
from verifier import ForkServers, Suite

TESTS = str(FAILING_FILES["test_prices.py"]).replace("def test_rebate():\n    assert total([5, 5], 3) == 7\n\n\n", "")
FILES = {"prices.py": str(FAILING_FILES["prices.py"]), "test_prices.py": TESTS}
SUITE = Suite("pytest", python=sys.executable, environment=PLAIN)
TICKET = "total() adds the rebate to the prices instead of taking it off"
BREAKS = "WRONG: return summed + rebate\nRIGHT: return 3\n"
IDLE = "WRONG: return summed + rebate\nRIGHT: return rebate + summed\n"
ONE = Settings(places=1, parallel=1, walk=False)
WALKS = Settings(places=1, parallel=1)


def work(folder: Path, script: Sequence[str], *, ask: bool = False) -> tuple[Result, ForkingWorkspace, ScriptedModel]:
    model = ScriptedModel(script)
    with opened(folder, FILES, SUITE) as workspace:
        result = SamplingAgent(model, ForkServers(), ONE, words).work(Task(TICKET, SUITE, ask=ask), workspace)
        return result, workspace, model


def test_the_edit_with_most_votes_that_breaks_nothing_is_proposed_and_not_claimed_right(tmp_path: Path) -> None:
    result, workspace, model = work(tmp_path, [IDLE, RIGHT, BREAKS, NOTHING, RIGHT, IDLE])
    assert isinstance(result, Proposal), result
    assert workspace.files["prices.py"].decode() == FILES["prices.py"].replace("summed + rebate", "summed - rebate")
    assert result.title == "Change total (no test shows the bug)"
    assert "Whether it does what the ticket asks was not shown, nor that the others do not." in result.explanation
    system, user = (message.text for message in model.asked[0].messages)
    assert "You are shown a ticket and a piece of code" in system
    assert "how they fail" not in user
    assert "def total" in user
    assert len(model.asked) == 6


def test_where_votes_do_not_decide_somebody_is_asked(tmp_path: Path) -> None:
    result, workspace, _ = work(tmp_path, [BREAKS, RIGHT, OTHER, NOTHING, RIGHT, NOTHING], ask=True)
    assert isinstance(result, Question), result
    assert "No test shows what the ticket says" in result.text
    assert [option.shows for option in result.options] == [
        "in prices.py, `return summed - rebate` stands for `return summed + rebate`",
        "in prices.py, `return summed - abs(rebate)` stands for `return summed + rebate`",
    ]
    assert workspace.files["prices.py"].decode() == FILES["prices.py"]


def test_where_every_edit_breaks_a_test_it_ends_without_one(tmp_path: Path) -> None:
    result, workspace, _ = work(tmp_path, [BREAKS] * 6)
    assert isinstance(result, NoFix)
    assert workspace.files["prices.py"].decode() == FILES["prices.py"]


def test_what_the_model_would_rather_write_counts_as_its_vote(tmp_path: Path) -> None:
    code = FILES["prices.py"].partition("\n\n\n")[0] + "\n"
    typist = Typist(code, {" + rebate": (" -", 0.2)})
    with opened(tmp_path, FILES, SUITE) as workspace:
        result = SamplingAgent(typist, ForkServers(), WALKS, words).work(Task(TICKET, SUITE), workspace)
        assert isinstance(result, Proposal), result
        assert workspace.files["prices.py"].decode() == FILES["prices.py"].replace("summed + rebate", "summed - rebate")
    assert result.title == "Change total (no test shows the bug)"
