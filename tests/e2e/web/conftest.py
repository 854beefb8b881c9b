"""A real browser before a real desk."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.desk import DEMO_PASSWORD, Desk

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

expect.set_options(timeout=60_000)
"""A machine under load may be slow; what is not so is not so after a minute either."""

Open = Callable[..., Page]
"""`open_as("admina")` is a window in which that person is signed in; further arguments are those of Playwright's `new_context`."""


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Return a desk that is ready, with the demo, for the tests of the pages. Whoever uses it may add to it, and breaks nothing."""
    with Desk(tmp_path_factory.mktemp("pages")) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return Debian's Chromium. It is not its own sandbox that is tested, and as root it has none."""
    if CHROMIUM is None:
        pytest.skip("There is no Chromium: make test-tools installs it.")
    playwright = sync_playwright().start()

    def close() -> None:
        found.close()
        playwright.stop()

    found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
    _to_close.append(close)
    yield found
    _close_all()


_to_close: list[Callable[[], None]] = []


def _close_all() -> None:
    while _to_close:
        _to_close.pop()()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """Close the browser after the last test of the pages: its loop would stand in the way of every asynchronous test of this process."""
    if nextitem is None or not nextitem.path.is_relative_to(Path(__file__).parent):
        _close_all()


@pytest.fixture
def open_window(browser: Browser, desk: Desk) -> Iterator[Open]:
    """Return how to open a window of nobody's. What a page complains of in its console fails the test at its end."""
    contexts, complaints = [], list[str]()

    def opened(*, complains: bool = False, **options: Any) -> Page:
        context = browser.new_context(base_url=desk.url, **options)
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        if not complains:
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def open_as(open_window: Open) -> Open:
    """Return how to open a window in which somebody is signed in, by the name before @example.com."""

    def opened(who: str, password: str = DEMO_PASSWORD, **options: Any) -> Page:
        page = open_window(**options)
        page.goto("/login")
        page.get_by_label("E-mail").fill(who if "@" in who else f"{who}@example.com")
        page.get_by_label("Password", exact=True).fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/tickets")
        return page

    return opened
