"""A server for the built book and a real Chromium to read it with.

Pages are found from the table of contents and the build; nothing is typed in here.
"""

from __future__ import annotations

import functools
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.site.book import HTML, SIZES, THEMES, View, pages, visit

CHROMIUM_FLAGS = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give `page_name`, `size` and `theme` their values."""
    for name, values in (("page_name", pages()), ("size", list(SIZES)), ("theme", list(THEMES))):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, values)


class QuietHandler(SimpleHTTPRequestHandler):
    """Serve files without a line in the log for each."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """Return the address of the built book, served on this machine alone."""
    if not (HTML / "index.html").is_file():
        pytest.fail(f"there is no built book in {HTML}: run `make book` first")
    handler = functools.partial(QuietHandler, directory=str(HTML))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return Chromium; without one these tests fail, since they would check nothing."""
    path = os.environ.get("CHROMIUM") or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if path is None:
        pytest.fail("no Chromium: install one, or name it in the environment variable CHROMIUM")
    flags = [*CHROMIUM_FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def seen(browser: Browser, site: str) -> Callable[[str, str, str], View]:
    """Return a function that views a page in a size and theme, once."""
    return functools.cache(functools.partial(visit, browser, site))


@pytest.fixture
def view(seen: Callable[[str, str, str], View], page_name: str, size: str, theme: str) -> View:
    """Return what `page_name` shows in the asked-for size and theme."""
    return seen(page_name, size, theme)
