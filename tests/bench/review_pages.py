"""Pages in a browser: how long one takes until it is drawn, and the same bytes as a file beside it."""

from __future__ import annotations

import http.server
import re
import statistics
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urljoin

from playwright.sync_api import Page

LINES = 5_000
_DRAWN = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()), 0)))"


def big_change(directory: Path) -> str:
    """Return an agent that repairs the small project, and changes 5,000 lines besides."""
    script = directory / "big.py"
    script.write_text(
        "from pathlib import Path\n"
        "total = Path('shop/total.py')\n"
        "total.write_text(total.read_text().replace('range(1, ', 'range(0, '))\n"
        f"for part in range({LINES // 250}):\n"
        "    lines = [f'def priced_{part}_{at}(price):\\n    return price * {at} + {part}\\n\\n\\n' for at in range(63)]\n"
        "    Path(f'shop/part_{part}.py').write_text(''.join(lines))\n"
    )
    return f"command:sh -c '{_embedded(script)}'"


def _embedded(script: Path) -> str:
    """Return a shell's command that runs a script which the sandbox does not see."""
    import base64

    code = base64.b64encode(script.read_bytes()).decode()
    return f"echo {code} | base64 -d | python3 -"


def drawn(page: Page, ways: Mapping[str, str], times: int) -> dict[str, float]:
    """Return the median of the seconds from asking for each page until it is drawn, the ways taking turns; the first look of each is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(times + 1):
        for name, address in ways.items():
            page.goto(address, wait_until="load")
            passed: float = page.evaluate(_DRAWN)
            if turn:
                taken[name].append(passed / 1000)
    return {name: statistics.median(each) for name, each in taken.items()}


@contextmanager
def static_site(page: Page, address: str) -> Iterator[str]:
    """Serve a page's bytes, its styles with it, as files; its script is blanked out. Yields the address."""
    text = page.request.get(address).text()
    with TemporaryDirectory(prefix="nightcrew-static-") as directory:
        root = Path(directory)
        (root / "static").mkdir()
        for name in re.findall(r'href="(/static/[^"]+)"', text):
            (root / name.lstrip("/")).write_bytes(page.request.get(urljoin(address, name)).body())
        blank = re.sub(r"<script[^>]*></script>", lambda found: " " * len(found[0]), text)
        (root / "index.html").write_text(blank)
        handler = partial(_Quiet, directory=directory)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/index.html"
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""
