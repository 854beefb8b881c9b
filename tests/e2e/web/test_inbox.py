"""The inbox: read and unread, by day, page after page, and why somebody was told."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.web.conftest import Open
from tests.e2e.web.people import PASSWORD, Person, move, new_person
from tests.support.desk import Desk
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def anna(desk: Desk) -> Person:
    """Return somebody who was told thirty things, more than a page."""
    found, admin = new_person(desk, "Anna"), desk.client("admina")
    number = found.open_ticket("The lamp in the hall")
    for _ in range(10):
        for status in ("in_progress", "resolved", "open"):
            move(admin, number, status)
    eventually(lambda: found.unread() == 30, within=60, what="thirty notifications")
    return found


@pytest.mark.parametrize("scripts", [True, False])
def test_one_is_marked_and_marked_again_and_the_place_is_kept(open_as: Open, anna: Person, scripts: bool) -> None:
    page = open_as(anna.email, PASSWORD, java_script_enabled=scripts, viewport={"width": 360, "height": 740})
    page.goto("/notifications")
    expect(page.get_by_role("heading", level=2)).to_have_text(["Today"])
    page.get_by_role("link", name="Next page").click()
    page.wait_for_url("**/notifications?cursor=*")
    row = page.locator("[data-row]").nth(3)
    before = anna.unread()
    row.get_by_role("button", name="Mark as read").click()
    expect(row.get_by_role("button")).to_have_text("Mark as unread")
    expect(row).not_to_have_class(re.compile("unread"))
    assert anna.unread() == before - 1
    assert "cursor=" in page.url
    expect(row).to_be_in_viewport()
    row.get_by_role("button", name="Mark as unread").click()
    expect(row).to_have_class(re.compile("unread"))
    assert anna.unread() == before


def test_whoever_opens_one_has_read_it_and_whoever_was_led_there_by_another_site_has_not(open_as: Open, anna: Person, desk: Desk) -> None:
    page = open_as(anna.email, PASSWORD)
    page.goto("/notifications?unread=true")
    before = anna.unread()
    first = page.locator("[data-open]").first
    address = first.get_attribute("href")
    assert address is not None
    for header in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-origin", "Sec-Purpose": "prefetch"}):
        assert anna.client.get(address, headers=header).status_code == 303
    assert anna.unread() == before
    first.click()
    page.wait_for_url("**/tickets/*")
    assert anna.unread() == before - 1
    assert anna.client.get("/notifications/x", params={"ticket": "//evil.example"}).headers["location"] == "/notifications"


def test_why_somebody_was_told_begins_with_who_did_it(open_as: Open, anna: Person) -> None:
    page = open_as(anna.email, PASSWORD)
    page.goto("/notifications")
    page.get_by_role("link", name="Why?").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Why you were told")
    expect(page.get_by_role("list", name="What led to it")).to_contain_text("Admin A")
    page.get_by_role("main").get_by_role("link", name="Notifications").click()
    page.wait_for_url("**/notifications")


def test_an_admin_looks_for_one_kind_of_news_among_what_is_read(open_as: Open, desk: Desk, anna: Person) -> None:
    admin, other = desk.client("admina"), desk.client("adminb")
    number = anna.open_ticket("The window")
    for somebody in (other.get("/api/auth/me").json()["id"], None):
        assert admin.put(f"/api/tickets/{number}/assignee", json={"assignee_id": somebody}).status_code == 200
    page = open_as("adminb")
    page.goto("/notifications")
    taken = page.locator("[data-row]").filter(has_text=f"Ticket #{number} is no longer assigned to you")
    taken.get_by_role("button", name="Mark as read").click()
    expect(taken.get_by_role("button")).to_have_text("Mark as unread")
    page.get_by_role("navigation", name="Which notifications").get_by_role("link", name="Read", exact=True).click()
    expect(taken).to_be_visible()
    page.get_by_label("Kind").select_option("Assigned to you")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**/notifications?unread=false&kind=ticket.assigned")
    expect(page.get_by_role("heading", level=1)).to_have_text("Notifications")
    expect(taken).to_have_count(0)
    page.get_by_label("Kind").select_option("Taken from you")
    page.get_by_role("button", name="Show").click()
    expect(taken).to_be_visible()


def test_everything_is_read_at_once(open_as: Open, desk: Desk) -> None:
    ben, admin = new_person(desk, "Ben"), desk.client("admina")
    move(admin, ben.open_ticket("The door"), "resolved")
    eventually(lambda: ben.unread() == 1, within=60, what="the notification")
    page = open_as(ben.email, PASSWORD)
    page.goto("/notifications?unread=true")
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.get_by_role("status").first).to_contain_text("1 notification is marked as read.")
    expect(page.get_by_role("button", name="Mark all as read")).to_have_count(0)
    page.get_by_role("link", name="Unread", exact=True).click()
    expect(page.get_by_role("heading", name="Nothing unread")).to_be_visible()


def test_what_comes_while_somebody_looks_is_a_link_away(open_as: Open, desk: Desk) -> None:
    cleo, admin = new_person(desk, "Cleo"), desk.client("admina")
    number = cleo.open_ticket("The stairs")
    page = open_as(cleo.email, PASSWORD)
    page.goto("/notifications")
    expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
    move(admin, number, "in_progress")
    page.get_by_role("link", name="1 new notification: show it").click()
    expect(page.locator("[data-open]")).to_contain_text(f"Ticket #{number} is in progress")


def test_a_mark_after_the_session_has_ended_leads_to_sign_in_and_back(open_as: Open, anna: Person) -> None:
    page = open_as(anna.email, PASSWORD, complains=True)
    page.route("**/api/notifications/stream", lambda route: route.abort())  # which would have told it
    page.goto("/notifications?unread=true")
    anna.client.post("/api/auth/login", json={"email": anna.email, "password": PASSWORD})
    assert anna.client.delete("/api/auth/sessions").status_code == 204
    page.get_by_role("button", name="Mark as read").first.click()
    page.wait_for_url("**/login?next=*")
    page.get_by_label("E-mail").fill(anna.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/notifications?unread=true")
