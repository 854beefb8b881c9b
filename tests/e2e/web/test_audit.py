"""An admin looks something up in the audit, and makes sure that it can be believed."""

import re
from uuid import uuid4

from playwright.sync_api import Route, expect

from tests.e2e.web.conftest import Open
from tests.support.desk import Desk
from tests.support.seals import drawn, facts

SLOW = 60_000

expect.set_options(timeout=60_000)


def a_ticket(desk: Desk, title: str) -> str:
    """Return the number of a new ticket that User A opened, and Admin A edited the priority of."""
    number = str(desk.client("usera").post("/api/tickets", json={"title": title, "body": title}).json()["id"])
    desk.client("admina").put(f"/api/tickets/{number}/priority", json={"priority": "high"}).raise_for_status()
    return number


def test_an_admin_filters_the_log_and_opens_an_entry_to_what_changed(desk: Desk, open_as: Open) -> None:
    title = f"<script>alert('audit')</script> {uuid4()}"
    number = a_ticket(desk, title)
    page = open_as("admina")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Audit").click()
    page.get_by_label("Of what").select_option("Ticket")
    page.get_by_label("Number or id").fill(f"#{number}")
    page.get_by_role("button", name="Show").click()

    entries = page.locator(".log > li")
    expect(entries).to_have_count(2)
    entries.first.locator("summary").click()
    expect(entries.first.get_by_role("row").nth(1)).to_have_text(re.compile(r"Priority\s+Normal\s+High"))
    expect(entries.first).to_contain_text("/tickets")
    entries.nth(1).locator("summary").click()
    expect(entries.nth(1)).to_contain_text(title)
    expect(page.get_by_role("link", name=f"Download the proof of #{number}")).to_be_visible()

    page.get_by_label("Who").fill("admin a")
    page.get_by_role("button", name="Show").click()
    expect(entries).to_have_count(1)
    page.get_by_label("From").fill("2090-01-01T00:00")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name="Nothing fits")).to_be_visible()


def test_an_admin_verifies_the_log_and_is_told_up_to_where(open_as: Open) -> None:
    page = open_as("admina")
    page.goto("/audit")
    page.get_by_role("button", name="Verify now").click()
    seal = page.locator("#seal")
    expect(seal.get_by_role("heading")).to_have_text("The log is what was recorded", timeout=SLOW)
    expect(seal.locator(".stores li")).to_have_count(4)
    expect(seal.locator(".stores .good", has_text="/tickets")).to_contain_text("up to")
    page.goto("/audit/checkpoints")
    expect(page.get_by_role("heading", name="/escalator")).to_be_visible()


def test_what_cannot_be_looked_for_is_said_at_its_field(open_as: Open) -> None:
    page = open_as("admina", java_script_enabled=False, complains=True)
    page.goto("/audit?entity_id=who%40example.com&since=yesterday")
    expect(page.get_by_label("From")).to_have_attribute("aria-invalid", "true")
    page.goto("/audit?entity_id=who%40example.com")
    expect(page.get_by_label("Number or id")).to_have_attribute("aria-invalid", "true")


def test_the_audit_is_the_admins(open_as: Open) -> None:
    page = open_as("usera", complains=True)
    for path in ("/audit", "/audit/seal", "/audit/checkpoints"):
        answer = page.goto(path)
        assert answer is not None
        assert (answer.status, page.url.endswith(path)) == (403, True), path


def test_a_verification_that_goes_on_is_followed_to_its_result_without_a_reload(open_as: Open) -> None:
    """What the service would say while it runs is put in its place: the page, its script and all else are real."""
    page = open_as("admina")
    steps = ["0/200", "120/200", None]

    def seal() -> str:
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        if step is None:
            return drawn(facts(ok=True))
        return drawn(None, step)

    def whole(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(
            response=answer, body=re.sub(r'<section class="card seal.*?</section>', lambda _: seal(), answer.text(), flags=re.DOTALL)
        )

    page.route(lambda url: url.endswith("/audit?entity=user"), whole)
    page.route(lambda url: url.endswith("/audit/seal"), lambda route: route.fulfill(content_type="text/html; charset=utf-8", body=seal()))
    page.goto("/audit?entity=user")
    page.evaluate("window.untouched = true")
    shown = page.locator("#seal")
    expect(shown.get_by_role("heading")).to_have_text("The log is what was recorded")
    expect(shown.get_by_role("button", name="Verify now")).to_be_visible()
    expect(shown.locator("[name=next]")).to_have_value("/audit?entity=user")
    assert page.evaluate("window.untouched")
    assert steps == [None]
