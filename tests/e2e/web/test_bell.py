"""The bell: live, in one stream per browser, through tabs that close, sessions that end and networks that are gone."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.web.conftest import Open
from tests.e2e.web.people import PASSWORD, Person, move, new_person
from tests.support.desk import Desk
from tests.support.waiting import eventually

SOON = 60_000
STREAM = "**/api/notifications/stream"


@pytest.fixture
def anna(desk: Desk) -> Person:
    return new_person(desk, "Anna")


def streams(page: Page) -> list[str]:
    """Return the list to which the streams that a page opens from now on are added."""
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url) if request.url.endswith("/notifications/stream") else None)
    return asked


def test_news_ring_the_bell_and_can_be_put_away_or_followed(desk: Desk, open_as: Open, anna: Person) -> None:
    admin, numbers = desk.client("admina"), [anna.open_ticket(f"Lamp {n}") for n in range(5)]
    page = open_as(anna.email, PASSWORD)
    page.goto("/account")
    bell, toasts = page.locator("[data-unread]"), page.locator(".toast")
    expect(bell).to_be_hidden()
    move(admin, numbers[0], "in_progress")
    expect(bell).to_have_text("1", timeout=SOON)
    expect(page).to_have_title(re.compile(r"^\(1\) Account"))
    expect(page.get_by_role("status").filter(has=toasts)).to_contain_text(f"Ticket #{numbers[0]} is in progress")
    page.get_by_role("button", name="Dismiss").press("Enter")
    expect(toasts).to_have_count(0)

    for number in numbers[1:]:
        move(admin, number, "in_progress")
    expect(bell).to_have_text("5", timeout=SOON)
    expect(toasts).to_have_count(3)
    toasts.last.get_by_role("link").click()
    page.wait_for_url(f"**/tickets/{numbers[-1]}")
    expect(bell).to_have_text("4")
    assert anna.unread() == 4


def test_the_tabs_of_a_browser_share_one_stream_and_pass_it_on(desk: Desk, open_as: Open, anna: Person) -> None:
    admin, number = desk.client("admina"), anna.open_ticket("Lamp")
    first = open_as(anna.email, PASSWORD)
    first.goto("/account")
    first.wait_for_function("async () => (await navigator.locks.query()).held.length === 1")
    asked = streams(first)
    second = first.context.new_page()
    second.goto("/notifications")
    second.wait_for_function("async () => (await navigator.locks.query()).pending.length === 1")
    move(admin, number, "in_progress")
    for page in (first, second):
        expect(page.locator("[data-unread]")).to_have_text("1", timeout=SOON)
    assert asked == []

    with second.expect_request(STREAM):
        first.close()
    move(admin, number, "resolved")
    expect(second.locator("[data-unread]")).to_have_text("2", timeout=SOON)


def test_where_there_are_no_locks_each_tab_has_a_stream_of_its_own(desk: Desk, open_as: Open, anna: Person) -> None:
    admin, number = desk.client("admina"), anna.open_ticket("Lamp")
    first = open_as(anna.email, PASSWORD)
    first.context.add_init_script("delete Navigator.prototype.locks")
    second = first.context.new_page()
    for page in (first, second):
        with page.expect_request(STREAM):
            page.goto("/account")
    move(admin, number, "in_progress")
    for page in (first, second):
        expect(page.locator("[data-unread]")).to_have_text("1", timeout=SOON)


def test_who_goes_back_hears_the_bell_again(desk: Desk, open_as: Open, anna: Person) -> None:
    admin, number = desk.client("admina"), anna.open_ticket("Lamp")
    page = open_as(anna.email, PASSWORD)
    page.goto("/account")
    page.goto("/account/tokens")
    move(admin, number, "in_progress")
    expect(page.locator("[data-unread]")).to_have_text("1", timeout=SOON)
    page.go_back()
    expect(page.get_by_role("heading", level=2).first).to_have_text("You")
    expect(page.locator("[data-unread]")).to_have_text("1", timeout=SOON)
    move(admin, number, "resolved")
    expect(page.locator("[data-unread]")).to_have_text("2", timeout=SOON)


def test_who_was_offline_is_told_and_sees_the_right_number_when_they_are_back(desk: Desk, open_as: Open, anna: Person) -> None:
    admin, number = desk.client("admina"), anna.open_ticket("Lamp")
    page = open_as(anna.email, PASSWORD, complains=True)  # the browser itself writes that it is offline
    page.goto("/account")
    bell, corner = page.locator("[data-unread]"), page.locator("[data-toasts]")
    page.context.set_offline(True)
    expect(corner).to_contain_text("You are offline")
    for status in ("in_progress", "resolved"):
        move(admin, number, status)
    eventually(lambda: anna.unread() == 2, within=60, what="both notifications")
    expect(bell).to_be_hidden()
    page.context.set_offline(False)
    expect(corner).to_contain_text("You are online again")
    expect(corner).not_to_contain_text("You are offline")
    expect(bell).to_have_text("2", timeout=SOON)
    move(admin, number, "open")
    expect(bell).to_have_text("3", timeout=SOON)


def test_a_session_that_is_ended_elsewhere_leads_to_sign_in_and_back(open_as: Open, anna: Person) -> None:
    ended, other = open_as(anna.email, PASSWORD, complains=True), open_as(anna.email, PASSWORD)
    ended.goto("/tickets?status=resolved")
    other.goto("/account/security")
    other.get_by_role("button", name="End all others").click()
    expect(other.get_by_role("status").first).to_contain_text("You are signed out everywhere else.")

    ended.wait_for_url("**/login?next=*", timeout=SOON)
    expect(ended.get_by_text("Your session has ended.")).to_be_visible()
    ended.get_by_label("E-mail").fill(anna.email)
    ended.get_by_label("Password", exact=True).fill(PASSWORD)
    ended.get_by_role("button", name="Sign in").click()
    ended.wait_for_url("**/tickets?status=resolved")
    other.reload()
    expect(other.get_by_role("heading", level=1)).to_have_text("Account")


@pytest.mark.parametrize("scripts", [True, False])
def test_what_somebody_wrote_outlives_their_session(open_as: Open, anna: Person, scripts: bool) -> None:
    page = open_as(anna.email, PASSWORD, complains=True, java_script_enabled=scripts)
    page.goto("/tickets/new")
    page.get_by_label("What is the matter?").fill("The lift & the <door>")
    page.get_by_label("Tell us more").fill("Stuck.\nNobody is in it.")
    anna.client.post("/api/auth/login", json={"email": anna.email, "password": PASSWORD})
    assert anna.client.delete("/api/auth/sessions").status_code == 204
    if scripts:
        expect(page.locator("[data-toasts]")).to_contain_text("What you have written stays here.", timeout=SOON)
    page.get_by_role("button", name="Open the ticket").click()

    expect(page.get_by_role("alert")).to_contain_text("Not saved yet.")
    page.get_by_label("E-mail").fill(anna.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Send what you wrote")
    expect(page.get_by_label("Text")).to_have_value("Stuck.\nNobody is in it.")
    page.get_by_role("button", name="Send it now").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("The lift & the <door>")
