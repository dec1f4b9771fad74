"""The one file that runs in the project's interpreter, packed from `verifier/inside`."""

from __future__ import annotations

import io
import zipfile
from functools import lru_cache
from pathlib import Path

NAME = "nightcrew-inside.pyz"

_PACKAGE = "_nightcrew_inside"
# Read by whatever the project calls Python: this part alone keeps to the syntax of every version.
_MAIN = f"""import sys

if sys.version_info < (3, 8):
    sys.exit("nightcrew needs Python 3.8 or newer in the project's environment; %s is %s"
             % (sys.executable, sys.version.split()[0]))
from {_PACKAGE}.main import main

main()
"""


@lru_cache(1)
def pack() -> bytes:
    """Return a zip file that `python FILE` runs, packed once by each process. The same sources give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "__main__.py", _MAIN.encode())
        for path in sorted((Path(__file__).parent / "inside").glob("*.py")):
            _add(archive, f"{_PACKAGE}/{path.name}", path.read_bytes())
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
