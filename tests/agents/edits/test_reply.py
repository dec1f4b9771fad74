"""Replies in each form, read into edits: detection, what stands around the edits, and what is cut or malformed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.edits import Anchor, Anchored, Form, Move, Reading, Refused, Remove, Replace, Whole, read

BLOCKS = """I change the sum.

src/a.py
```python
<<<<<<< SEARCH
x = 1
=======
x = 2
>>>>>>> REPLACE
```

and here as well:

```
<<<<<<< SEARCH
y = 1
=======
>>>>>>> REPLACE
```

**new/b.py**
```python
<<<<<<< SEARCH
=======
z = 3
>>>>>>> REPLACE
```
"""
V4A = """Here is the patch:
*** Begin Patch
*** Update File: src/a.py
*** Move to: src/c.py
@@ class A:
@@     def f(self):
 x = 1

-y = 2
+y = 3
@@
-z = 1
*** End of File
*** Add File: new/b.py
+one
+
+two
*** Delete File: old.py
*** End Patch
Done.
"""
UNIFIED = """```diff
--- a/src/a.py
+++ b/src/a.py
@@ -10,3 +10,3 @@ def f():
 x = 1
-y = 2
+y = 3
@@ ... @@
--- comment
+-- other
--- /dev/null
+++ b/new.py
@@ -0,0 +1,1 @@
+one
diff --git a/old.py b/old.py
deleted file mode 100644
--- a/old.py
+++ /dev/null
@@ -1 +0,0 @@
-gone
diff --git a/p.py b/q.py
rename from p.py
rename to q.py
```
"""
ANCHORED = """*** Edit File: src/a.py
*** Replace 12:ab3f-14:90CC
new
*** Insert After 20:0001

text
*** Delete 30:ffff
*** Insert At Start
# head
*** End Edit
"""
WHOLE = """The file:

`src/a.py`:

```python
x = 1
```

```js path=lib/b.js
y()
```

```
no file
```
"""


def edits(reply: str, form: Form) -> list[object]:
    reading = read(reply)
    assert isinstance(reading, Reading), reading
    assert reading.form is form
    return list(reading.edits)


def test_search_replace_blocks() -> None:
    assert edits(BLOCKS, Form.BLOCKS) == [
        Replace("src/a.py", ("x = 1",), ("x = 2",)),
        Replace("src/a.py", ("y = 1",), ()),
        Whole("new/b.py", ("z = 3",), new=True),
    ]


@pytest.mark.parametrize(
    "above",
    [
        "src/a.py",
        "### src/a.py",
        "`src/a.py`",
        "File: src/a.py",
        "**src/a.py**:",
        "src/a.py\n```python",
        "```python src/a.py",
    ],
)
def test_a_path_may_be_decorated(above: str) -> None:
    reply = f"{above}\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n"
    assert edits(reply, Form.BLOCKS) == [Replace("src/a.py", ("x",), ("y",))]


def test_v4a_patches() -> None:
    assert edits(V4A, Form.V4A) == [
        Replace("src/a.py", ("x = 1", "", "y = 2"), ("x = 1", "", "y = 3"), under=("class A:", "def f(self):")),
        Replace("src/a.py", ("z = 1",), (), at_end=True),
        Move("src/a.py", "src/c.py"),
        Whole("new/b.py", ("one", "", "two"), new=True),
        Remove("old.py"),
    ]


def test_unified_diffs() -> None:
    assert edits(UNIFIED, Form.UNIFIED) == [
        Replace("src/a.py", ("x = 1", "y = 2"), ("x = 1", "y = 3"), line=10),
        Replace("src/a.py", ("-- comment",), ("-- other",)),
        Whole("new.py", ("one",), new=True),
        Remove("old.py"),
        Move("p.py", "q.py"),
    ]


def test_a_diff_tells_of_the_newline_at_the_end() -> None:
    reply = "--- a.py\n+++ a.py\n@@ -1 +1 @@\n-x\n\\ No newline at end of file\n+y\n"
    assert edits(reply, Form.UNIFIED) == [Replace("a.py", ("x",), ("y",), line=1, final_newline=True)]


def test_line_anchored_edits() -> None:
    assert edits(ANCHORED, Form.ANCHORED) == [
        Anchored("src/a.py", Anchor(12, "ab3f"), Anchor(14, "90CC"), ("new",)),
        Anchored("src/a.py", Anchor(20, "0001"), None, ("", "text")),
        Anchored("src/a.py", Anchor(30, "ffff"), Anchor(30, "ffff"), ()),
        Anchored("src/a.py", None, None, ("# head",)),
    ]


def test_whole_files() -> None:
    assert edits(WHOLE, Form.WHOLE) == [Whole("src/a.py", ("x = 1",)), Whole("lib/b.js", ("y()",))]


def test_the_only_fence_is_for_the_path_that_was_asked_about() -> None:
    reading = read("Here:\n```python\nx = 1\n```\n", path="a.py")
    assert isinstance(reading, Reading)
    assert reading.edits == (Whole("a.py", ("x = 1",)),)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("I would change nothing.", "asks for no edit"),
        ("", "asks for no edit"),
        (BLOCKS[: BLOCKS.index(">>>>>>>")], "was the reply cut?"),
        (BLOCKS.replace("=======\nx", "x"), "no divider"),
        ("<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n", "no path"),
        (BLOCKS.replace("x = 1\n", "x\n=======\n", 1), "several dividers"),
        (V4A.replace("*** End Patch", ""), "was the reply cut?"),
        (V4A.replace(" x = 1", "x = 1"), "begins with a space"),
        (ANCHORED.replace("*** End Edit", ""), "was the reply cut?"),
        (ANCHORED.replace("12:ab3f", "12"), "is not understood"),
        (WHOLE.rpartition("```")[0], "was the reply cut?"),
    ],
)
def test_a_reply_that_is_cut_or_malformed_is_refused_in_words(reply: str, told: str) -> None:
    reading = read(reply)
    assert isinstance(reading, Refused)
    assert told in reading.why


@given(
    st.lists(
        st.sampled_from(
            [*BLOCKS.split("\n"), *V4A.split("\n"), *UNIFIED.split("\n"), *ANCHORED.split("\n"), *WHOLE.split("\n")]
        )
    )
)
def test_no_reply_makes_reading_fail(lines: list[str]) -> None:
    for form in (None, *Form):
        assert isinstance(read("\n".join(lines), form=form), (Reading, Refused))
