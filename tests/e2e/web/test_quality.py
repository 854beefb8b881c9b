"""What holds for every page: nothing of others' is loaded, everybody can use it, it fits, it is small, and it says what it is."""

import gzip
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.e2e.web.conftest import Open
from tests.support.desk import Desk

NOBODYS = ["/login", "/register", "/nothing-here"]
EVERYBODYS = [
    "/tickets",
    "/tickets?status=resolved",
    "/tickets?q=nothingislikethis",
    "/tickets/new",
    "/tickets/1",
    "/tickets/1?version=1",
    "/tickets/1/why",
    "/notifications",
    "/notifications?unread=true",
    "/account",
    "/account/security",
    "/account/two-factor",
    "/account/tokens",
]
ADMINS = [
    "/tickets?as_of=2020-01-01T00:00",
    "/tickets/1/assign",
    "/tickets/bulk?what=status&t=1:2:open:resolved:done:&t=2:1:open:resolved:stale:",
    "/audit",
    "/audit/checkpoints",
    "/admin",
    "/admin/people",
    "/admin/jobs",
    "/admin/parked",
    "/admin/health",
    "/admin/policies",
    "/admin/policies/default",
]
PAGES = (
    [("nobody", path) for path in NOBODYS] + [("usera", path) for path in EVERYBODYS] + [("admina", path) for path in EVERYBODYS + ADMINS]
)
LOOKS: dict[str, dict[str, Any]] = {
    "phone, dark": {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark", "has_touch": True},
    "desk, light": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"},
}
WCAG = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}
POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}
STILL = 0.01
"""The sum of layout shifts that nobody sees: a tenth of what web.dev/articles/cls calls good. A busy machine may paint a page in parts."""
LARGEST = 30_000
"""Bytes, compressed, of the first page that somebody sees, with all that it loads."""


@pytest.fixture(scope="module", params=list(LOOKS))
def windows(request: pytest.FixtureRequest, browser: Any, desk: Desk) -> Iterator[dict[str, Page]]:
    """Return a window of each kind of visitor, by name."""
    found = {}
    for who in ("nobody", "usera", "admina"):
        context = browser.new_context(base_url=desk.url, **LOOKS[request.param])
        context.set_default_timeout(60_000)
        found[who] = context.new_page()
        if who != "nobody":
            found[who].goto("/login")
            found[who].get_by_label("E-mail").fill(f"{who}@example.com")
            found[who].get_by_label("Password", exact=True).fill("demo123")
            found[who].get_by_role("button", name="Sign in").click()
            found[who].wait_for_url("**/tickets")
    yield found
    for page in found.values():
        page.context.close()


@pytest.mark.parametrize(("who", "path"), PAGES)
def test_a_page_can_be_used_by_everybody_and_fits(windows: dict[str, Page], who: str, path: str) -> None:
    page, loaded = windows[who], list[str]()
    page.on("request", lambda request: loaded.append(request.url))
    page.add_init_script("""
        window.shifts = [];
        new PerformanceObserver((list) => list.getEntries().forEach((entry) => window.shifts.push(entry.value)))
            .observe({type: "layout-shift", buffered: true});
    """)
    answer = page.goto(path, wait_until="load")
    assert answer is not None
    assert answer.status == (404 if path == "/nothing-here" else 200)
    found = Axe().run(page, options=WCAG)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("document.documentElement.clientWidth")
    assert sum(page.evaluate("window.shifts")) < STILL
    assert page.evaluate("document.querySelectorAll('[style], style, script:not([src])').length") == 0
    assert {url.split("/")[2] for url in loaded} == {page.url.split("/")[2]}


@pytest.mark.parametrize(("who", "path"), PAGES)
def test_a_page_loads_nothing_but_our_own(desk: Desk, who: str, path: str) -> None:
    client = desk.client(None if who == "nobody" else who)
    answer = client.get(path)
    assert set(answer.headers["Content-Security-Policy"].split("; ")) == POLICY
    assert answer.headers["Cache-Control"] == "no-store"
    assert "page;dur=" in answer.headers["Server-Timing"]
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_titles_tell_pages_apart(desk: Desk) -> None:
    client = desk.client("admina")
    paths = ["/tickets", "/tickets/new", "/tickets/1", "/notifications", "/account", *ADMINS]
    titles = [client.get(path).text.partition("<title>")[2].partition("</title>")[0] for path in paths]
    assert len(set(titles)) == len(paths)
    assert all(title.endswith("Support Ticket Express") for title in titles)


@pytest.mark.parametrize(("who", "path"), [("nobody", "/login"), ("admina", "/tickets")])
def test_the_first_page_is_small(desk: Desk, who: str, path: str) -> None:
    """With its style, script and pictures, as bytes on the wire; the gateway compresses at least as well."""
    client = desk.client(None if who == "nobody" else who)
    text = client.get(path).text
    files = {part.partition('"')[0].partition("#")[0] for part in text.split('"')[1::2] if part.startswith("/static/")}
    assert len(files) >= 3
    assert sum(len(gzip.compress(body)) for body in [text.encode(), *(client.get(file).content for file in files)]) < LARGEST


def test_a_file_under_its_name_is_kept_for_good_and_no_other_is_there(desk: Desk) -> None:
    client = desk.client()
    page = client.get("/login").text
    name = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    found = client.get(name)
    assert (found.status_code, found.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in found.headers["Cache-Control"]
    for other in ("/static/ste.css", "/static/../app.py", "/static/%2e%2e%2fapp.py", "/static/ste.000000000000.css", "/static/"):
        assert client.get(other).status_code == 404


def test_a_tablet_in_portrait_has_one_line_of_bar_and_pages_that_fit(open_as: Open) -> None:
    page = open_as("admina", viewport={"width": 768, "height": 1024})
    for path in ("/tickets", "/tickets/1", "/audit", "/admin", "/admin/people", "/admin/policies/default"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("document.documentElement.clientWidth"), path
        box = page.get_by_role("banner").bounding_box()
        assert box is not None
        assert box["height"] < 80, path
