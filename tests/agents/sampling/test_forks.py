"""A suite that is one command: a JavaScript repository whose functions are found by what its tests print, each edit tried in a fork."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agents import Proposal, ScriptedModel, Task
from agents.sampling import SamplingAgent, Settings
from agents.sampling.forks import Forks
from sandbox import Command
from tests.agents.sampling.forking import command, opened
from verifier import Candidate, Edit, Ending, ForkServers

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed: apt-get install nodejs")

MONEY = """\
'use strict';

function total(prices, rebate) {
  let summed = 0;
  for (const price of prices) {
    summed += price;
  }
  return summed + rebate;
}

function label(price) {
  return `${price} EUR`;
}

module.exports = { total, label };
"""
TESTS = """\
const test = require('node:test');
const assert = require('node:assert');
const { total, label } = require('../src/money');

test('a price has its currency', () => {
  assert.strictEqual(label(2), '2 EUR');
});

test('a rebate is taken off', () => {
  assert.strictEqual(total([5, 5], 3), 7);
});
"""
FILES = {"src/money.js": MONEY, "test/money.test.js": TESTS, "package.json": "{}\n"}
SUITE = command("node --test test/")
LEAVES = "require('fs').writeFileSync('left.txt', ''); return summed;"
BROKEN = "```js\nreturn (summed;\n```\n"
WRONG = f"WRONG: return summed + rebate;\nRIGHT: {LEAVES}\n"
RIGHT = "WRONG: return summed + rebate;\nRIGHT: return summed - rebate;\n"
ABS = "WRONG: return summed + rebate;\nRIGHT: return summed - Math.abs(rebate);\n"
NOTHING = "I am sorry."
ONE = Settings(places=1, rounds=2, parallel=1, walk=False)


def words(text: str) -> int:
    return len(text.split())


def test_a_javascript_function_is_found_repaired_and_judged_by_the_whole_command(tmp_path: Path) -> None:
    model = ScriptedModel([WRONG, RIGHT, BROKEN, NOTHING, ABS, *[NOTHING] * 3])
    with opened(tmp_path, FILES, SUITE) as workspace:
        result = SamplingAgent(model, ForkServers(), ONE, words).work(Task("wrong sums", SUITE), workspace)
        assert isinstance(result, Proposal), result
        assert not workspace.test().bad()
        assert workspace.files["src/money.js"].decode() == MONEY.replace("summed + rebate", "summed - rebate")
        assert not (tmp_path / "left.txt").exists()
    assert result.title == "Correct total"
    assert (
        "node --test test/ failed. `total` in src/money.js was suspected by what the tests print" in result.explanation
    )
    assert "1 more pass them, and what they do otherwise was not compared" in result.explanation
    shown = model.asked[0].messages[1].text
    assert "assert.strictEqual(total([5, 5], 3), 7);" in shown
    assert "13 !== 7" in shown
    assert "src/money.js, lines 3 to 9" in shown
    assert "function label" not in shown
    assert "Of 3 different edits" in result.explanation
    assert "tried in vain" in model.asked[4].messages[1].text


def test_what_hangs_fails_in_time_and_nothing_is_left_to_the_next(tmp_path: Path) -> None:
    old, right = "return summed + rebate;", "return summed - rebate;"
    at = MONEY.index(old)
    alone = f"if (require('fs').existsSync('left.txt')) throw new Error('left'); {right}"
    with opened(tmp_path, FILES, SUITE) as workspace:
        candidates = [
            Candidate((Edit("src/money.js", at, at + len(old), text),)) for text in ("while (true) {}", LEAVES, alone)
        ]
        with Forks(workspace, {}, command=Command(SUITE.args), patience_s=1.0) as forks:
            assert forks.collected == ("node --test test/",)
            trials = list(forks.run(candidates, forks.collected))
        assert workspace.files["src/money.js"].decode() == MONEY
    assert [trial.ending for trial in trials] == [Ending.FAILED, Ending.FAILED, Ending.PASSED]
    assert "10 !== 7" in trials[1].message
