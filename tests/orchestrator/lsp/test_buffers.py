"""Open documents follow every change; lines are cut where the protocol cuts them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.lsp.buffers import Buffers, Changed, on_disk
from orchestrator.lsp.positions import Encoding, Stretch, to_units
from verifier import Text

URI = "file:///a.py"
PIECES = st.text(alphabet=st.sampled_from("ab😋\n\r\x0c\u2028"), max_size=12)


def text_of(buffers: Buffers) -> str:
    buffer = buffers.get(URI)
    assert buffer is not None
    return buffer.text.text


@given(
    PIECES, st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), PIECES), max_size=5), st.sampled_from(Encoding)
)
def test_a_document_is_what_its_changes_make_of_it(
    text: str, changes: list[tuple[int, int, str]], encoding: Encoding
) -> None:
    buffers = Buffers(encoding)
    buffers.open(URI, 1, text)
    for version, (one, other, put) in enumerate(changes, 2):
        document = Text(text)
        # Between a carriage return and its newline there is no place that could be sent.
        start, end = (document.offset(document.position(min(each, len(text)))) for each in sorted((one, other)))
        at = [to_units(document, document.position(offset), encoding) for offset in (start, end)]
        buffers.change(URI, version, [Changed(put, Stretch(*at))])
        text = text[:start] + put + text[end:]
        assert text_of(buffers) == text


def test_a_whole_text_replaces_another_and_what_is_not_open_is_passed_over() -> None:
    buffers = Buffers()
    buffers.change(URI, 2, [Changed("x")])
    assert buffers.get(URI) is None
    buffers.open(URI, 1, "one\n")
    buffers.change(URI, 2, [Changed("two\n"), Changed("three")])
    assert [(each.version, each.text.text) for each in buffers.opened()] == [(2, "three")]
    buffers.close(URI)
    assert buffers.opened() == ()


def test_a_buffer_knows_its_lines_and_how_they_end() -> None:
    buffers = Buffers()
    for text, lines, ended, end in (
        ("", [], False, "\n"),
        ("\n", [""], True, "\n"),
        ("a\r\nb", ["a", "b"], False, "\r\n"),
        ("a\x0cb\u2028c\n", ["a\x0cb\u2028c"], True, "\n"),
        ("a\rb\r", ["a", "b"], True, "\r"),
    ):
        buffers.open(URI, 1, text)
        buffer = buffers.get(URI)
        assert buffer is not None
        assert (buffer.lines(), buffer.ended, buffer.line_end) == (lines, ended, end), text


def test_what_is_no_text_file_stands_for_no_document(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("é\n", "utf-8")
    (tmp_path / "latin").write_bytes(b"\xe9\n")
    (tmp_path / "link").symlink_to("text")
    found = on_disk("u", tmp_path / "text")
    assert found is not None
    assert (found.version, found.lines()) == (None, ["é"])
    assert [on_disk("u", tmp_path / name) for name in ("latin", "link", "missing", ".")] == [None] * 4
