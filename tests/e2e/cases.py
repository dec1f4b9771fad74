"""The end-to-end bugs: released versions of libraries with a known bug, the ticket, and a regression test in our own words.

`real` bugs are told by the release notes of the next version; the others are put in by `seed`, an exact replacement.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seed:
    """A bug put in: `path`, where exactly one `right` becomes `wrong`."""

    path: str
    right: str
    wrong: str


@dataclass(frozen=True, slots=True)
class Bug:
    """A library at a version with a bug, its suite, and the ticket.

    `test` is a file to add; where it is empty a test of the suite fails, named in `failing` or to be found by nightcrew.
    """

    name: str
    library: str
    version: str
    kind: str
    suite: str
    ticket: str
    test: str = ""
    failing: tuple[str, ...] = ()
    seed: Seed | None = None

    @property
    def real(self) -> bool:
        return self.seed is None

    @property
    def test_path(self) -> str:
        """Return where the added test goes: beside the library's own, so that its suite has it."""
        return f"tests/test_{self.name}.py"


BUGS = (
    Bug(
        name="infinity_prefix",
        library="portion",
        version="2.6.2",
        kind="wrong function",
        suite="pytest -o addopts= --benchmark-disable tests",
        ticket="from_string takes any bound that merely begins with the text of infinity for infinity: '[1,+inflated]' has no upper bound.",
        test="""\
import portion


def test_a_bound_that_begins_like_infinity_is_converted():
    found = portion.from_string("[a,+inflated]", conv=str)
    assert found == portion.closed("a", "+inflated")


def test_infinity_itself_is_still_read():
    assert portion.from_string("[1,+inf)", conv=int) == portion.closedopen(1, portion.inf)
""",
    ),
    Bug(
        name="interval_order",
        library="portion",
        version="2.1.1",
        kind="wrong constant",
        suite="pytest tests",
        ticket="An IntervalDict lists an open interval before a closed one that has the same lower bound; the closed one begins first.",
        test="""\
import portion


def test_the_closed_interval_comes_first():
    found = portion.IntervalDict()
    found[portion.openclosed(0, 3)] = "later"
    found[portion.singleton(0)] = "first"
    assert list(found) == [portion.singleton(0), portion.openclosed(0, 3)]
    assert list(found.values()) == ["first", "later"]


def test_the_upper_bound_plays_no_part():
    found = portion.IntervalDict()
    found[portion.openclosed(0, 3)] = "later"
    found[portion.singleton(0) | portion.singleton(10)] = "first"
    found[portion.closed(-5, -1)] = "before"
    assert list(found.values()) == ["before", "first", "later"]
""",
    ),
    Bug(
        name="empty_suffix",
        library="funcy",
        version="2.0",
        kind="missing guard",
        suite="pytest tests",
        ticket="cut_suffix with an empty suffix gives the empty string; it should give the string as it is.",
        test="""\
from funcy import cut_suffix


def test_an_empty_suffix_cuts_nothing():
    assert cut_suffix("name.txt", "") == "name.txt"
    assert cut_suffix("", "") == ""


def test_a_suffix_is_cut():
    assert cut_suffix("name.txt", ".txt") == "name"
    assert cut_suffix("name.txt", ".py") == "name.txt"
    assert cut_suffix("name.txt", "xt.") == "name.txt"
    assert cut_suffix("", "x") == ""
""",
    ),
    Bug(
        name="memoize_key",
        library="funcy",
        version="2.0",
        kind="missing argument",
        suite="pytest tests",
        ticket="memoize(function, key_func=...) called directly forgets key_func: the result is cached by all arguments.",
        test="""\
from funcy import memoize


def test_a_key_function_counts_when_memoize_is_called_directly():
    calls = []

    def length(word, note=None):
        calls.append(word)
        return len(word)

    remembered = memoize(length, key_func=lambda word, note=None: word)
    assert [remembered("abc", 1), remembered("abc", 2), remembered("de", 1)] == [3, 3, 2]
    assert calls == ["abc", "de"]


def test_memoize_still_works_without_a_key_function():
    assert memoize(lambda x: x * 2)(4) == 8
""",
    ),
    Bug(
        name="password_with_at",
        library="packaging",
        version="26.2",
        kind="wrong method",
        suite="pytest -W ignore tests/test_password_with_at.py tests/test_direct_url.py tests/test_requirements.py tests/test_utils.py",
        ticket="DirectUrl.to_dict() with stripped credentials leaves a part of the password in the URL when the password contains an @.",
        test="""\
import pytest

from packaging.direct_url import ArchiveInfo, DirectUrl


@pytest.mark.parametrize("secret", ["plain", "with@sign", "two@at@signs"])
def test_no_part_of_a_password_stays(secret):
    direct = DirectUrl(url=f"https://user:{secret}@example.com/a.zip", archive_info=ArchiveInfo())
    assert direct.to_dict(strip_user_password=True)["url"] == "https://example.com/a.zip"
""",
    ),
    Bug(
        name="first_item_lost",
        library="toolz",
        version="1.2.0",
        kind="off by one",
        suite="pytest toolz",
        ticket="take_nth leaves out the first item: list(take_nth(2, [10, 20, 30, 40, 50])) should be [10, 30, 50].",
        seed=Seed("toolz/itertoolz.py", "itertools.islice(seq, 0, None, n)", "itertools.islice(seq, 1, None, n)"),
    ),
    Bug(
        name="release_order",
        library="semver",
        version="3.1.1",
        kind="swapped arguments",
        suite="pytest -o addopts= tests",
        ticket="Versions that differ in their pre-release sort the wrong way round: 1.0.0-beta comes before 1.0.0-alpha.",
        test="""\
import semver


def test_alpha_comes_before_beta():
    alpha, beta = semver.Version.parse("1.0.0-alpha.1"), semver.Version.parse("1.0.0-beta.1")
    assert alpha < beta
    assert sorted([beta, alpha]) == [alpha, beta]


def test_numbers_compare_as_numbers():
    assert semver.Version.parse("1.0.0-rc.9") < semver.Version.parse("1.0.0-rc.10")
""",
        seed=Seed("src/semver/version.py", "cmp_result = _cmp(sub_a, sub_b)", "cmp_result = _cmp(sub_b, sub_a)"),
    ),
    Bug(
        name="either_or",
        library="texttable",
        version="1.7.2",
        kind="boolean operator",
        suite="pytest tests.py",
        ticket="draw() of a table that has rows and no header gives nothing at all.",
        failing=("tests.py::test_bool",),
        seed=Seed("texttable.py", "if not self._header and not self._rows:", "if not self._header or not self._rows:"),
    ),
)

BEYOND = (
    Bug(
        name="time_zone_lost",
        library="parse",
        version="1.22.2",
        kind="wrong method",
        suite="pytest -o addopts= tests",
        ticket="Parsing a time with an offset loses the offset: parse('{:%H:%M:%S%z}', '12:34:56+0530') gives a time without tzinfo.",
        test="""\
import datetime

import parse


def test_a_time_keeps_its_offset():
    (moment,) = parse.parse("{:%H:%M:%S%z}", "08:15:00-0430").fixed
    assert moment.utcoffset() == -datetime.timedelta(hours=4, minutes=30)
    assert moment.replace(tzinfo=None) == datetime.time(8, 15)


def test_a_time_without_an_offset_stays_naive():
    assert parse.parse("{:%H:%M}", "08:15")[0].tzinfo is None
""",
    ),
    Bug(
        name="french_decimals",
        library="humanize",
        version="4.16.0",
        kind="wrong constant",
        suite="pytest -o addopts= tests --ignore=tests/test_benchmarks.py",
        ticket="In French the decimal separator is a comma, not a full stop: intword(1200000) under fr_FR says 1.2 million.",
        test="""\
import humanize


def test_french_writes_a_decimal_comma():
    humanize.i18n.activate("fr_FR")
    try:
        assert humanize.decimal_separator() == ","
    finally:
        humanize.i18n.deactivate()
    assert humanize.decimal_separator() == "."
""",
    ),
)
"""Real bugs that the repair agent does not repair yet: it has to end honestly on them."""
