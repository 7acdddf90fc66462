"""A server for the built book and a real Chromium to read it with.

Pages are found from the table of contents and the build; nothing is typed in here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.site import chromium
from tests.site.book import HTML, SIZES, THEMES, View, pages, visit
from tests.site.server import serving

expect.set_options(timeout=60_000)  # ms, for a busy machine


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give `page_name`, `size` and `theme` their values."""
    for name, values in (("page_name", pages()), ("size", list(SIZES)), ("theme", list(THEMES))):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, values)


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """Return the address of the built book, served on this machine alone."""
    if not (HTML / "index.html").is_file():
        pytest.fail(f"there is no built book in {HTML}: run `make book` first")
    with serving(HTML) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return Chromium; without one these tests fail, since they would check nothing."""
    path = chromium.find()
    if path is None:
        pytest.fail(chromium.MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.FLAGS)
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
