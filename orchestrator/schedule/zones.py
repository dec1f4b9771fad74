"""Zones: local time becomes an instant, also on the two nights of a year when clocks change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_LOCALTIME = Path("/etc/localtime")


def named_zone(name: str) -> tzinfo:
    """Return the zone that IANA calls so. Raises `ValueError`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f"{name!r} is no time zone that this machine knows: write one as in Europe/Berlin (its list is the package tzdata)"
        ) from error


def machine_zone(environ: Mapping[str, str], localtime: Path = _LOCALTIME) -> tzinfo:
    """Return the zone of this machine: what `TZ` names, else its `/etc/localtime`, else UTC."""
    named = environ.get("TZ", "").removeprefix(":")
    if named:
        try:
            return named_zone(named)
        except ValueError:
            # A rule such as CET-1CEST is no name: then the machine's own file is nearest.
            pass
    try:
        with localtime.open("rb") as file:
            return ZoneInfo.from_file(file, "local")
    except (OSError, ValueError):
        return UTC


def first_instant(local: datetime, zone: tzinfo) -> float:
    """Return the Unix time at which a clock of `zone` first shows the naive time `local`, or goes beyond it.

    Where the clock shows it twice that is the first time; where it skips it, the moment of the jump.
    """
    early, late = (_unix(local.replace(fold=fold), zone) for fold in (0, 1))
    if early <= late:
        return early
    # In a gap the earlier fold counts with the offset of before, and so lies behind the jump: the jump is between the two.
    before, behind = int(late), int(early)
    offset = _offset(before, zone)
    while behind - before > 1:
        middle = (before + behind) // 2
        if _offset(middle, zone) == offset:
            before = middle
        else:
            behind = middle
    return float(behind)


def _unix(local: datetime, zone: tzinfo) -> float:
    return local.replace(tzinfo=zone).timestamp()


def _offset(at: float, zone: tzinfo) -> timedelta | None:
    return datetime.fromtimestamp(at, zone).utcoffset()
