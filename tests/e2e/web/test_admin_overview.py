"""The overview shows how the desk is doing, as pictures and as numbers."""

import re

from playwright.sync_api import expect

from tests.e2e.web.conftest import Open
from tests.support.desk import Desk

expect.set_options(timeout=60_000)


def test_the_overview_draws_what_waits_and_tells_the_numbers(desk: Desk, open_as: Open) -> None:
    desk.client("usera").post("/api/tickets", json={"title": "Counted", "body": "Once."}).raise_for_status()
    page = open_as("admina")
    page.goto("/admin?days=7")
    expect(page.get_by_role("img", name="Opened and resolved")).to_be_visible()
    flow = page.locator("figure", has=page.get_by_role("heading", name="Opened and resolved"))
    expect(flow.locator("rect[x]")).not_to_have_count(0)
    flow.get_by_text("The numbers").click()
    expect(flow.locator("tbody tr")).to_have_count(7)
    assert int(flow.locator("tbody tr").last.locator("td").first.inner_text()) >= 1
    expect(page.locator(".figures")).to_contain_text(re.compile(r"Open\s*\d+"))

    page.get_by_role("link", name="90 days").click()
    expect(page.locator("path.curve")).to_have_count(2)
