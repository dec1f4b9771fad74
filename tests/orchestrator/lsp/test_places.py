"""Which file a URI names, whatever it looks like."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.lsp.places import Places, diff_uri, file_of, ticket_of, uri_of

NAMES = ("sums.py", "a folder/ü#?%41.py", os.fsdecode(b"no\xffutf8"), "deep/er/x")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    repository = tmp_path / "real"
    (repository / "below").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    return Places.seen_from(repository, tmp_path / "link/below")


@pytest.mark.parametrize("name", NAMES)
def test_a_path_goes_out_as_the_editor_names_it_and_comes_back(places: Places, name: str) -> None:
    uri = places.uri_of(name)
    assert "/link/" in uri and uri.isascii()
    assert places.path_of(uri) == name
    assert places.path_of(uri_of(places.repository / name)) == name


@pytest.mark.parametrize(
    "tail", ["/../outside.py", "/.git/config", "/sub/.GIT/hooks/x", "", "/", "/%2e%2e/x", "/a%00b"]
)
def test_what_lies_elsewhere_or_is_gits_has_no_path(places: Places, tail: str) -> None:
    assert places.path_of(uri_of(places.repository) + tail) is None


@pytest.mark.parametrize(
    "uri", ["untitled:Untitled-1", "file://host/x", "nightcrew:/t.diff", "file:", "http://[x", "x"]
)
def test_what_names_no_file_of_this_machine_has_no_path(places: Places, uri: str) -> None:
    assert places.path_of(uri) is None
    assert file_of(uri) is None


def test_a_folder_that_is_reached_directly_is_named_so(tmp_path: Path) -> None:
    assert Places.seen_from(tmp_path, tmp_path / "below").uri_of("x") == uri_of(tmp_path / "x")
    elsewhere = Places.seen_from(tmp_path / "a", tmp_path / "b")
    assert elsewhere.shown == tmp_path / "a"


def test_a_virtual_document_names_its_ticket() -> None:
    assert ticket_of(diff_uri("261122-abc")) == "261122-abc"
    assert [ticket_of(uri) for uri in ("file:///x.diff", "nightcrew:/x.txt", "nightcrew:")] == [None] * 3
