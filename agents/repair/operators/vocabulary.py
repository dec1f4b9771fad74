"""What is known of Python's own names: which are mistaken for each other, and what the standard library's objects offer."""

from __future__ import annotations

import builtins
import importlib
from functools import cache
from types import ClassMethodDescriptorType

_GROUPS = """
append extend insert appendleft extendleft|pop popleft popitem remove discard clear|lower upper casefold title capitalize
strip lstrip rstrip|startswith endswith removeprefix removesuffix|find rfind index rindex count|split rsplit splitlines
partition rpartition|add update append union|update setdefault|keys values items|get pop setdefault|ljust rjust center zfill
union intersection difference symmetric_difference|issubset issuperset isdisjoint|isdigit isalpha isalnum isdecimal isnumeric
islower isupper istitle isspace isidentifier|match search fullmatch findall finditer|group groups groupdict start end span
read readline readlines|write writelines|sub subn split|encode decode|exists isfile isdir is_file is_dir lexists
dirname basename|parent name stem suffix|abspath realpath normpath|min max|any all|floor ceil trunc|sum len prod
int float round str|list tuple set frozenset dict sorted|sorted reversed|map filter|enumerate zip range zip_longest
isinstance issubclass hasattr callable|getattr hasattr setattr|str repr ascii format|chr ord|bytes bytearray str
bisect_left bisect_right bisect insort_left insort_right insort|heappush heappop heapify heappushpop heapreplace
nlargest nsmallest|permutations combinations combinations_with_replacement product|takewhile dropwhile filterfalse
islice chain cycle repeat|lt le gt ge eq ne|loads load dumps dump|days seconds microseconds total_seconds|date datetime time
year month day hour minute second|numerator denominator|real imag|sin cos tan|exp log log2 log10|copy deepcopy
__lt__ __le__ __gt__ __ge__|__str__ __repr__|acquire release|put get|AND OR|IGNORECASE MULTILINE DOTALL VERBOSE
"""
_ANTONYMS = """
left right|min max|start end stop|first last|lower upper|in out|get set|before after|prev next|head tail|top bottom|row col column
width height|x y|key value|keys values|old new|src dst|source target|open close|begin end|true false|low high|lo hi|is not
parent child|read write|encode decode|load dump|add remove|push pop|inner outer|local global|name value|pre post|one all|size count
"""
# Importing one of these has no effect beyond defining names.
_HARMLESS = frozenset(
    [
        "bisect",
        "collections",
        "collections.abc",
        "contextlib",
        "copy",
        "csv",
        "datetime",
        "decimal",
        "enum",
        "fractions",
        "functools",
        "glob",
        "hashlib",
        "heapq",
        "html",
        "inspect",
        "io",
        "itertools",
        "json",
        "keyword",
        "locale",
        "math",
        "numbers",
        "operator",
        "os",
        "os.path",
        "pathlib",
        "posixpath",
        "ntpath",
        "random",
        "re",
        "shlex",
        "shutil",
        "statistics",
        "string",
        "struct",
        "sys",
        "textwrap",
        "time",
        "types",
        "typing",
        "unicodedata",
        "urllib.parse",
        "uuid",
    ]
)
METHODS = {
    each: frozenset(name for name in dir(each) if not name.startswith("_"))
    for each in (str, list, dict, set, bytes, tuple)
}
"""The public methods of the builtin types."""


def _grouped(table: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for group in table.replace("\n", "|").split("|"):
        words = group.split()
        for word in words:
            others = tuple(other for other in words if other != word)
            found[word] = found.get(word, ()) + tuple(each for each in others if each not in found.get(word, ()))
    return found


PAIRED = _grouped(_GROUPS)
"""Names of the language and its library, each with those it is mistaken for, nearest first."""
ANTONYMS = _grouped(_ANTONYMS)
"""Parts of names with their counterparts."""


def counterparts(name: str) -> tuple[str, ...]:
    """Return the names made from `name` by exchanging one of its parts by a counterpart."""
    parts = name.split("_")
    return tuple(
        "_".join((*parts[:at], other, *parts[at + 1 :]))
        for at, part in enumerate(parts)
        for other in ANTONYMS.get(part, ())
    )


@cache
def offers(dotted: str) -> frozenset[str]:
    """Return the public attributes of a module or object of the standard library; none for one that is not known as harmless."""
    found = _known(dotted)
    return frozenset(name for name in dir(found) if not name.startswith("_")) if found is not None else frozenset()


@cache
def constructors(dotted: str) -> tuple[str, ...]:
    """Return a standard or builtin class's alternative constructors (its public class and static methods)."""
    found = _known(dotted) if "." in dotted else getattr(builtins, dotted, None)
    if not isinstance(found, type):
        return ()
    kinds = (classmethod, staticmethod, ClassMethodDescriptorType)
    own = {name: value for base in reversed(found.__mro__) for name, value in vars(base).items()}
    return tuple(sorted(name for name, value in own.items() if isinstance(value, kinds) and not name.startswith("_")))


def _known(dotted: str) -> object:
    """Return a module of the standard library or what lies in it, None where importing it might have an effect."""
    parts = dotted.split(".")
    for at in range(len(parts), 0, -1):
        if ".".join(parts[:at]) in _HARMLESS:
            found: object = importlib.import_module(".".join(parts[:at]))
            for part in parts[at:]:
                found = getattr(found, part, None)
            return found
    return None
