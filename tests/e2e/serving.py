"""A server as a person starts it, and a real Chromium that looks at it."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.e2e.command import NIGHTCREW, clean_environment

SCREENS = Path(__file__).parent.parent.parent / ".bench" / "screens"
_ARGUMENTS = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs: its address, and the link that lets in once."""

    process: subprocess.Popen[str]
    address: str
    link: str

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        """End it, and return its exit status."""
        self.process.send_signal(how)
        return self.process.wait(60)


@contextmanager
def serving(state: Path, *words: str | Path, environ: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run `nightcrew serve` on a port that is free for as long as the block lasts; what fails meanwhile tells what it said."""
    command = [NIGHTCREW, "serve", "--port", "0", "--state", state, *words]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment(environ)
    )
    assert process.stdout is not None and process.stderr is not None
    failed: Exception | None = None
    try:
        lines = [process.stdout.readline().strip() for _ in range(3)]
        assert lines[0].startswith("nightcrew serves at "), (lines, process.poll() and process.stderr.read())
        yield Server(process, lines[0].removeprefix("nightcrew serves at "), lines[1].removeprefix("enter by "))
    except Exception as error:
        failed = error
        raise
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        finally:
            said = process.stderr.read()
            if failed is not None:
                failed.add_note(f"the server said:\n{said[-4000:]}")
            process.stdout.close()
            process.stderr.close()
    assert "Traceback" not in said, said


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a real browser."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program is not None, "there is no Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=list(_ARGUMENTS), chromium_sandbox=False, timeout=120_000
        )
        yield browser
        browser.close()


@contextmanager
def entered(browser: Browser, server: Server, **given: object) -> Iterator[Page]:
    """Open a page that came in by the link; fail for whatever the browser complains of."""
    context: BrowserContext = browser.new_context(**given)  # type: ignore[arg-type]
    context.set_default_timeout(60_000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if _is_complaint(message) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(_link(server))
    yield page
    context.close()
    assert complaints == []


def _is_complaint(message: ConsoleMessage) -> bool:
    """Say whether a message is of the page's own doing: a conflict that the server answers with is told on the page."""
    return message.type == "error" and "status of 409" not in message.text


def _link(server: Server) -> str:
    """Return a link that nobody used: each is good once."""
    words = list(map(str, server.process.args)) if isinstance(server.process.args, list) else []
    done = subprocess.run(
        [NIGHTCREW, "serve", "--link", "--state", words[words.index("--state") + 1]],
        capture_output=True,
        text=True,
        check=True,
        env=clean_environment(),
    )
    return done.stdout.strip()


def shot(page: Page, name: str) -> None:
    """Keep a screenshot where CI finds it."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENS / f"{name}.png", full_page=True)
