"""A real browser, and the built site served to it.

`nox -s tests` builds the site beside the tests, and these come last; elsewhere build
it first.
"""

import functools
import gzip
import os
import shutil
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright
from selectolax.lexbor import LexborHTMLParser

SITE = Path(__file__).parents[2] / "build" / "html"
QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run"
    " --disable-background-networking --disable-component-update --disable-sync"
    " --process-per-site"
)
NO_BROWSER = (
    "no browser: install Chromium from your system's packages, "
    "or run `python -m playwright install chromium`"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ask last for the site: until it is built, other tests can run."""
    items.sort(key=lambda item: item.path.is_relative_to(Path(__file__).parent))


@pytest.fixture(scope="session", autouse=True)
def built() -> None:
    """Wait for the site, where `nox -s tests` is building it."""
    if ended := os.environ.get("SITE_ENDED"):
        while not (said := Path(ended).read_text() if Path(ended).exists() else ""):
            time.sleep(0.2)
        if said != "0":
            why = "the site cannot be built: build/docs.log says why"
            pytest.fail(why, pytrace=False)


@functools.cache
def names() -> list[str]:
    """Every page of the site."""
    assert (SITE / "index.html").exists(), "build the site first: nox -s docs"
    return sorted(
        path.relative_to(SITE).as_posix()
        for path in SITE.rglob("*.html")
        if "_static" not in path.parts
    )


def parsed(name: str) -> LexborHTMLParser:
    """A page of the site; this parser takes milliseconds, and there are hundreds."""
    return LexborHTMLParser((SITE / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def pages() -> dict[str, LexborHTMLParser]:
    """Every page of the site, parsed: to look at, and not to change."""
    return {name: parsed(name) for name in names()}


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, 404.html where there is none, and tells nobody."""

    protocol_version = "HTTP/1.1"  # a connection lasts for many files

    def log_message(self, *_said: object) -> None:
        """Say nothing."""

    def send_error(self, code: int, *_said: object) -> None:
        """Answer as a host of static pages does."""
        body = (SITE / "404.html").read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="session")
def served() -> Iterator[str]:
    """The address of the site, with a slash at its end."""
    assert (SITE / "index.html").exists(), "build the site first: nox -s docs"
    handler = functools.partial(Quiet, directory=str(SITE))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium: the system's, else the one that Playwright has installed.

    The one that has no window at all does with two thirds of the work.
    """
    known = ("chromium-headless-shell", "chromium", "chromium-browser")
    installed = next(filter(None, map(shutil.which, known)), None)
    with sync_playwright() as playwright:
        try:
            running = playwright.chromium.launch(
                executable_path=installed, args=QUIET.split()
            )
        except Error as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"{NO_BROWSER} ({str(error).splitlines()[0]})")
        yield running
        running.close()


def stay(context: BrowserContext) -> None:
    """Keep a page of the site open, so that others find its process running.

    To start one costs more than to load a page.
    """
    context.new_page().goto("_static/favicon.svg")


@pytest.fixture(scope="session")
def laptop(browser: Browser, served: str) -> Iterator[BrowserContext]:
    """A laptop on which nobody changes a setting; links begin at the site's root."""
    context = browser.new_context(
        base_url=served, viewport={"width": 1440, "height": 900}
    )
    stay(context)
    yield context
    context.close()


@pytest.fixture
def page(laptop: BrowserContext) -> Iterator[Page]:
    """An empty page on the laptop."""
    page = laptop.new_page()
    yield page
    assert laptop.storage_state()["origins"] == [], "take a context of your own"
    page.close()


def barriers(
    page: Page, context: str | None = None, options: dict | None = None
) -> list[tuple[str, str]]:
    """What axe-core objects to in a part of a page, with the first element of each."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    asked = {"resultTypes": ["violations"], **(options or {})}
    found = page.evaluate(
        """async ([context, options]) => {
          const { violations } = await axe.run(context ?? document, options);
          return violations.map(({ id, nodes }) => [id, nodes[0].html]);
        }""",
        [context, asked],
    )
    return [(rule, html) for rule, html in found]


class Watched:
    """What a browser's pages said and asked for."""

    def __init__(self, context: BrowserContext) -> None:
        self.said: list[str] = []
        self.elsewhere: list[str] = []
        self.asked: dict[str, int] = {}
        """From the address of each file that came to its size, gzipped."""
        context.on("console", lambda message: self.said.append(message.text))
        context.on("weberror", lambda error: self.said.append(str(error.error)))
        context.on("request", lambda request: self._note(request.url))

    def forget(self) -> None:
        """Begin again, with nothing."""
        self.said, self.elsewhere, self.asked = [], [], {}

    def _note(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme in ("data", "blob"):
            return
        if parts.hostname != "127.0.0.1":
            self.elsewhere.append(address)
            return
        path = SITE / parts.path.lstrip("/")
        self.asked[address] = weight(path / "index.html" if path.is_dir() else path)


@functools.cache
def weight(file: Path) -> int:
    """The bytes of a file on their way to a reader."""
    content = file.read_bytes() if file.is_file() else b""
    packed = file.suffix in (".woff2", ".png")
    return len(content if packed else gzip.compress(content))
