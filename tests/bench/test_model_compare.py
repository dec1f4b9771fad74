"""What the comparison with one model is made of: cutting tests, recording and replaying replies, and the figures of pairs."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.agents.models.server import says, serving
from tests.bench import model_compare, model_proxy
from tests.bench.model_compare_figures import Paired, wilson
from tests.bench.model_proxy import Recorder, Replayer, Source, key_of
from tests.bench.model_tasks import cut, tasks

SUITE = b'''"""A suite."""
import pytest


@pytest.mark.parametrize("x", [1, 2])
def test_one(x):
    assert x


class TestMore:
    # Said of what follows.
    def test_two(self):
        assert True

    async def test_three(self):
        assert True


if True:
    def test_four(): pass
'''


def test_functions_are_cut_out_with_their_decorators_and_what_would_be_empty_stays_whole() -> None:
    left = cut(SUITE, ("test_one", "TestMore::test_two", "TestMore::test_three", "test_four")).decode()
    compile(left, "left", "exec")
    assert "test_" not in left
    assert "parametrize" not in left
    assert left.count("pass\n") == 2


def test_other_functions_stay_as_they_are() -> None:
    left = cut(SUITE, ("TestMore::test_two",))
    assert left == SUITE.replace(b"    def test_two(self):\n        assert True\n", b"")


def test_the_interval_of_paired_shares_is_newcombes() -> None:
    # Made of two equal pairs, there is no difference and the interval lies around nothing.
    low, high = Paired(5, 3, 3, 9).interval()
    assert low == pytest.approx(-high)
    # 36, 12, 2, 0: the first example of the paper.
    low, high = Paired(36, 12, 2, 0).interval()
    assert (round(low, 4), round(high, 4)) == (0.0569, 0.3404)


def test_the_chance_of_a_split_is_mcnemars() -> None:
    assert Paired(3, 6, 0, 11).chance == pytest.approx(2 / 64)
    assert Paired(3, 2, 2, 11).chance == 1.0
    assert Paired(3, 0, 0, 11).chance == 1.0


def test_the_interval_of_a_share_is_wilsons() -> None:
    low, high = wilson(0, 20)
    assert (round(low, 4), round(high, 4)) == (0.0, 0.1611)


def _asked(url: str, body: Mapping[str, object]) -> tuple[int, str]:
    at = urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port or 0, timeout=20)
    connection.request("POST", f"{at.path}/chat/completions", json.dumps(body))
    response = connection.getresponse()
    said = response.read().decode()
    connection.close()
    return response.status, said


def _body(text: str) -> Mapping[str, object]:
    return {"model": "m", "stream": True, "messages": [{"role": "user", "content": text}]}


def _served(source: Source, place: Path, *asked: Mapping[str, object]) -> list[tuple[int, str]]:
    with model_proxy.serving(source, place) as served:
        return [_asked(served.url, body) for body in asked]


def test_replies_are_counted_recorded_refused_beyond_the_limit_and_given_back(tmp_path: Path) -> None:
    with serving(says("one ", "reply", usage={"prompt_tokens": 40, "completion_tokens": 2})) as server:
        recorder = Recorder(server.url, 60, "/here")
        given = _served(recorder, tmp_path, _body("fix /here/a.py"), _body("again"), _body("and again"))
    assert [status for status, _ in given] == [200, 200, 400]
    assert "one " in given[0][1]
    assert (recorder.tokens, recorder.refused) == (84, 1)
    assert recorder.replies[0].message == {"content": "one reply"}
    replayer = Replayer(model_proxy.recorded(model_proxy.written(recorder.replies)), "/there")
    status, said = _served(replayer, tmp_path, _body("fix /there/a.py"), _body("fix /there/a.py"))[0]
    assert (status, replayer.missing) == (200, 1)
    assert '"one reply"' in said


def test_requests_are_equal_whatever_the_place_and_the_time() -> None:
    first = key_of(_body("/tmp/a/x.py at 0x7f0012ab: 3 failed in 0.21s"), "/tmp/a")
    assert first == key_of(_body("/tmp/bb/x.py at 0x7fffffff: 3 failed in 12.4s"), "/tmp/bb")
    assert first != key_of(_body("/tmp/bb/x.py at 0x7fffffff: 4 failed in 12.4s"), "/tmp/bb")


def test_a_run_goes_on_from_the_journal_of_another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, journal = tmp_path / "here" / "rows.jsonl", tmp_path / "journal.xz"
    monkeypatch.setattr(model_compare, "ROWS", rows)
    monkeypatch.setattr(model_compare, "JOURNAL", journal)
    task, solver = tasks()[0], model_compare.SOLVERS["mini"]
    row = model_compare.Row(task.name, solver.name, True, 1.0, 2, 3, 4, 0, 1, (0.5, 1.0), "", "", [])
    model_compare.kept(task, solver, "a").add("row", asdict(row))
    model_compare.kept(task, solver, "another").add("row", asdict(row))
    model_compare.pack([task], "a")
    assert model_compare.unpack() == [row]
    rows.unlink()
    model_compare.go_on()
    assert list(model_compare.ran([task], [solver], "", "a")) == [row]
    assert list(model_compare.ran([task], [solver], "", "another", last=0.0)) == []
