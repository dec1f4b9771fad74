"""The code index: what it finds and why, how it keeps in step, what it does with what is hostile or broken."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.index import CodeIndex, Frame, Hit, IndexUnusable, Query
from shadowfs import PastCommit
from tests.agents.index.files import Blobs

JAR = "class CookieJar:\n    def update_cookies(self, cookies):\n        self.all = cookies\n"
SEND = "def send_request(jar, url):\n    return url, jar\n"
TEST = "from jar import CookieJar\n\ndef test_update_cookies():\n    CookieJar().update_cookies({})\n"
FILES = {
    "src/jar.py": JAR,
    "src/send.py": SEND,
    "tests/test_jar.py": TEST,
    "docs/jar.rst": "update_cookies cookies CookieJar",
}


@pytest.fixture
def index(tmp_path: Path) -> Iterator[CodeIndex]:
    with CodeIndex.open(tmp_path / "index" / "code.db") as opened:
        yield opened


def found(index: CodeIndex, query: Query | str, files: int = 10) -> list[str]:
    hits = index.search(query if isinstance(query, Query) else Query(query), files, places=1)
    return [hit.path for hit in hits]


def test_a_definition_comes_before_the_tests_and_the_prose_that_name_it(index: CodeIndex) -> None:
    blobs = Blobs()
    index.update(blobs.tree(FILES), blobs)
    best = index.search(Query("update_cookies of CookieJar loses cookies"))[0]
    assert (best.path, best.first, best.last, best.name) == ("src/jar.py", 1, 3, "CookieJar")
    assert best.why[0].startswith("defines update_cookies")
    assert found(index, "update cookies")[1:] == ["tests/test_jar.py", "docs/jar.rst"]


def test_a_failing_tests_name_and_text_find_what_they_use(index: CodeIndex) -> None:
    blobs = Blobs()
    index.update(blobs.tree(FILES), blobs)
    assert found(index, Query("it is broken", ("tests/test_it.py::test_send_request",)))[0] == "src/send.py"
    assert found(index, Query("it is broken", (), "def test_it():\n    send_request(None, '')\n"))[0] == "src/send.py"


def test_a_frame_of_the_traceback_comes_first_and_shows_its_line(index: CodeIndex) -> None:
    blobs = Blobs()
    long = "".join(f"def f{at}():\n" + "    pass\n" * 20 for at in range(9))
    index.update(blobs.tree({**FILES, "src/deep/long.py": long}), blobs)
    query = Query(
        "update_cookies fails", frames=(Frame("/usr/lib/runpy.py", 3), Frame("/home/me/project/src/deep/long.py", 50))
    )
    best = index.search(query)[0]
    assert best.path == "src/deep/long.py"
    assert best.first <= 50 <= best.last
    assert "line 50 is in the traceback" in best.why


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/tox/lib/python3.11/site-packages/pkg/core.py", "src/pkg/core.py"),
        ("C:\\work\\src\\pkg\\core.py", "src/pkg/core.py"),
        ("Jar.java", "main/java/Jar.java"),
        ("/home/me/run.py", "run.py"),
        ("/usr/lib/python3/dist-packages/run.py", None),
        ("/elsewhere/core.py", None),
        ("twice.py", None),
        ("", None),
    ],
)
def test_a_path_of_a_traceback_means_one_file_or_none(index: CodeIndex, path: str, expected: str | None) -> None:
    blobs = Blobs()
    names = ("src/pkg/core.py", "main/java/Jar.java", "run.py", "a/twice.py", "b/twice.py")
    index.update(blobs.tree({name: f"x{at} = 1\n" for at, name in enumerate(names)}), blobs)
    assert found(index, Query("", frames=(Frame(path, 1),))) == ([expected] if expected else [])


def test_files_that_changed_together_and_commits_that_sound_alike_count(index: CodeIndex) -> None:
    blobs = Blobs()
    index.update(blobs.tree({**FILES, "src/pair.py": "x = 1\n", "src/told.py": "y = 1\n"}), blobs)
    past = [PastCommit(f"{at:040}", f"step {at}", ("src/jar.py", "src/pair.py")) for at in range(4)]
    past.append(PastCommit("f" * 40, "zebra crossing", ("src/told.py",)))
    past.append(PastCommit("e" * 40, "zebra crossing everywhere", tuple(f"src/{at}.py" for at in range(99))))
    index.learn([each.id for each in past], lambda ids: [each for each in past if each.id in ids])
    together = next(hit for hit in index.search(Query("update_cookies")) if hit.path == "src/pair.py")
    assert "changed together with src/jar.py 4 times" in together.why
    assert found(index, "zebra stripes") == ["src/told.py"]


def test_commits_are_read_once(index: CodeIndex) -> None:
    asked: list[str] = []

    def read(ids: Sequence[str]) -> list[PastCommit]:
        asked.extend(ids)
        return [PastCommit(id, "one", ("a.py",)) for id in ids]

    index.learn(["a" * 40], read)
    index.learn(["b" * 40, "a" * 40], read)
    assert asked == ["a" * 40, "b" * 40]


def test_only_changed_blobs_are_read_whoever_asks(index: CodeIndex, tmp_path: Path) -> None:
    blobs = Blobs()
    tree = blobs.tree(FILES)
    assert index.update(tree, blobs).read == 4
    blobs.read_ids.clear()
    changed = tree | blobs.tree({"src/send.py": SEND + "# zebra\n"})
    with CodeIndex.open(tmp_path / "index" / "code.db") as other:
        assert other.update(changed, blobs).read == 1
        assert blobs.read_ids == [changed["src/send.py"]]
        assert found(other, "zebra") == ["src/send.py"]
    assert found(index, "zebra") == []


def test_a_file_that_is_gone_or_moved_is_found_no_more_where_it_was(index: CodeIndex) -> None:
    blobs = Blobs()
    tree = blobs.tree(FILES)
    index.update(tree, blobs)
    moved = {"src/new.py" if path == "src/jar.py" else path: blob for path, blob in tree.items()}
    assert index.update(moved, blobs).read == 0
    assert found(index, "CookieJar")[0] == "src/new.py"
    index.update({}, blobs)
    assert found(index, "CookieJar") == []


texts = st.sampled_from(
    ["", "def alpha():\n    beta()\n", "class Gamma:\n    pass\n", "alpha = beta\n" * 90, "ε = 1\n", "\0"]
)
trees = st.dictionaries(st.sampled_from(["a.py", "b.py", "t/test_a.py", "c.js", "d.md", "e.bin", "\udcff.py"]), texts)


@given(st.lists(trees, min_size=1, max_size=4))
@settings(max_examples=12, deadline=None)
def test_step_by_step_finds_the_same_files_as_from_nothing(
    tmp_path_factory: pytest.TempPathFactory, steps: list[dict[str, str]]
) -> None:
    blobs, folder = Blobs(), tmp_path_factory.mktemp("index")
    with CodeIndex.open(folder / "steps.db") as steady, CodeIndex.open(folder / "fresh.db") as fresh:
        for step in steps:
            steady.update(blobs.tree(step), blobs)
        assert fresh.update(blobs.tree(steps[-1]), blobs).files == steady.update(blobs.tree(steps[-1]), blobs).files
        for asked in ("alpha beta", "Gamma", "ε a b c d"):
            assert places(steady.search(Query(asked))) == places(fresh.search(Query(asked)))


def places(hits: list[Hit]) -> set[tuple[str, int, int, tuple[str, ...]]]:
    """Return all but scores, and so order: in one file, blobs of other trees count as to how rare a word is."""
    return {(hit.path, hit.first, hit.last, hit.why) for hit in hits}


@given(st.text(), st.text(), st.lists(st.tuples(st.text(), st.integers())))
@settings(max_examples=25, deadline=None)
def test_no_query_breaks_a_search(
    tmp_path_factory: pytest.TempPathFactory, text: str, tests: str, frames: list[tuple[str, int]]
) -> None:
    blobs = Blobs()
    with CodeIndex.open(tmp_path_factory.getbasetemp() / "queries.db") as index:
        index.update(blobs.tree(FILES), blobs)
        index.search(Query(text, (tests,), tests, tuple(Frame(*frame) for frame in frames)))
        index.search(Query(f'"{text}" OR NOT NEAR(* {text}', frames=(Frame(f"src/jar.py/{text}", 1),)))


def test_what_is_left_out_is_said_each_time(index: CodeIndex) -> None:
    blobs = Blobs()
    tree = blobs.tree({"a.py": "x = 1\n", "big.json": b"1" * (1 << 20) + b"1", "odd.txt": b"\0\1", "logo.png": b"PNG"})
    tree["module.py"] = "0" * 40
    told = {"no text by its name": 1, "larger than 1048576 bytes": 1, "binary": 1, "not there": 1}
    assert index.update(tree, blobs).left_out == told
    assert tree["big.json"] not in blobs.read_ids
    again = index.update(tree, blobs)
    assert (again.left_out, again.files, again.read) == (told, 1, 0)


def test_of_too_many_files_the_source_is_kept(tmp_path: Path) -> None:
    blobs = Blobs()
    blob = blobs.keep(b"x = 1\n")
    tree = {f"docs/page{at}.md": blob for at in range(9)} | {"src/zebra.py": blob}
    with CodeIndex(tmp_path / "code.db", most_files=5) as index:
        told = index.update(tree, blobs)
        assert (told.files, told.left_out) == (5, {"beyond 5 files": 5})
        assert found(index, "zebra", 1) == ["src/zebra.py"]


def test_an_index_that_another_version_made_or_that_is_damaged_is_made_anew(tmp_path: Path) -> None:
    path, blobs = tmp_path / "code.db", Blobs()
    tree = blobs.tree(FILES)
    with CodeIndex.open(path) as old:
        old.update(tree, blobs)
        with sqlite3.connect(path) as db:
            db.execute("UPDATE made SET by = 'another'")
        db.close()
        with CodeIndex.open(path) as index:
            assert index.update(tree, blobs).read == 4
        # Who still has the old file goes on with it.
        assert found(old, "CookieJar")[0] == "src/jar.py"
    for damage in (b"no database " * 999, b"", b"SQLite format 3\0"):
        path.write_bytes(damage)
        with CodeIndex.open(path) as index:
            assert index.update(tree, blobs).read == 4


def test_a_file_that_is_damaged_while_it_is_open_is_said_and_made_anew_next_time(tmp_path: Path) -> None:
    path, blobs = tmp_path / "code.db", Blobs()
    tree = blobs.tree(FILES)
    with CodeIndex.open(path) as index:
        index.update(tree, blobs)
    with CodeIndex.open(path) as index:
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (path.stat().st_size - 4096))
        with pytest.raises(IndexUnusable, match="made anew"):
            index.update(tree, blobs)
    with CodeIndex.open(path) as index:
        assert index.update(tree, blobs).read == 4


def test_what_no_tree_had_for_a_month_is_dropped(tmp_path: Path) -> None:
    path, blobs, day = tmp_path / "code.db", Blobs(), 86_400.0
    tree = blobs.tree(FILES)
    with CodeIndex(path, lambda: 100 * day) as index:
        index.update(tree, blobs)
    with CodeIndex(path, lambda: 120 * day) as index:
        index.update({"src/jar.py": tree["src/jar.py"]}, blobs)
    with CodeIndex(path, lambda: 131 * day) as index:
        index.update({}, blobs)
        assert index.update(tree, blobs).read == 3


def test_a_file_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(IndexUnusable, match=r"file/code\.db"):
        CodeIndex.open(tmp_path / "file" / "code.db")


WRITER = """
import sys
from pathlib import Path
from agents.index import CodeIndex
from tests.agents.index.files import Blobs
blobs = Blobs()
tree = blobs.tree({f"src/m{at}.py": f"def zebra{at}():\\n    pass\\n" for at in range(int(sys.argv[2]))})
class Told(Blobs):
    def read(self, blob):
        if len(self.read_ids) == int(sys.argv[3]):
            print("there", flush=True)
            sys.stdin.readline()
        return super().read(blob)
told = Told()
told.there = blobs.there
with CodeIndex.open(Path(sys.argv[1])) as index:
    print(index.update(tree, told).read, flush=True)
"""


def writer(path: Path, files: int, stop: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", WRITER, str(path), str(files), str(stop)]
    root = Path(__file__).parents[3]
    env = {**os.environ, "PYTHONPATH": str(root)}
    return subprocess.Popen(words, cwd=root, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_killed_writer_loses_its_last_batch_alone_and_locks_nobody_out(tmp_path: Path) -> None:
    path, blobs = tmp_path / "code.db", Blobs()
    with writer(path, 450, 430) as killed:
        assert killed.stdout is not None and killed.stdout.readline() == "there\n"
        with CodeIndex.open(path) as reader:
            assert reader.update(blobs.tree(FILES), blobs).read == 4
            assert found(reader, "CookieJar")[0] == "src/jar.py"
        killed.send_signal(signal.SIGKILL)
    with writer(path, 450, -1) as second:
        assert second.communicate()[0] == "50\n"


def test_two_writers_at_once_leave_each_blob_once(tmp_path: Path) -> None:
    path = tmp_path / "code.db"
    with writer(path, 300, 0) as one, writer(path, 300, 0) as two:
        assert one.stdout is not None and two.stdout is not None
        # Both have found the file empty before either goes on.
        assert [one.stdout.readline(), two.stdout.readline()] == ["there\n"] * 2
        assert [each.communicate("\n")[0] for each in (one, two)] == ["300\n"] * 2
    db = sqlite3.connect(path)
    assert db.execute("SELECT count(*), count(DISTINCT blob) FROM chunk").fetchone() == (300, 300)
    db.close()
