"""A full disk, told as what it is wherever it shows."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shadowfs.errors import NoSpace


@contextmanager
def needing_space(where: Path) -> Iterator[None]:
    """Turn the system's error for a full disk or quota into `NoSpace`, which names the directory."""
    try:
        yield
    except NoSpace:
        raise
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise NoSpace(
            error.errno, f"the disk that holds {where} is full: free some space or choose another --state"
        ) from error
