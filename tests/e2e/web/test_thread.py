"""One thread through the pages: a customer opens a ticket, an admin takes it, and the customer's bell moves while they look."""

import re

from playwright.sync_api import expect

from tests.e2e.web.conftest import Open


def test_a_ticket_goes_from_one_window_to_another(open_as: Open) -> None:
    customer, admin = open_as("usera"), open_as("admina")
    customer.get_by_role("link", name="New ticket").click()
    customer.get_by_label("What is the matter?").fill("The lift is stuck")
    customer.get_by_label("Tell us more").fill("Between two floors.\nNobody is in it.")
    customer.get_by_label("How urgent is it?").select_option("urgent")
    customer.get_by_role("button", name="Open the ticket").click()
    expect(customer.get_by_role("heading", level=1)).to_contain_text("The lift is stuck")
    unread = customer.locator("[data-unread]")
    before = int(unread.inner_text() or 0)

    admin.goto(customer.url)
    admin.get_by_label("Change the status").select_option("in_progress")
    admin.locator("form", has=admin.get_by_label("Change the status")).get_by_role("button").click()
    expect(admin.get_by_role("status").first).to_contain_text("The status is changed.")

    expect(unread).to_have_text(str(before + 1))
    expect(customer.locator(".toast")).to_be_visible()
    customer.locator("[data-bell]").click()
    expect(customer.locator(".unread").first).to_contain_text(re.compile("status|progress", re.IGNORECASE))


def test_who_is_not_signed_in_comes_back_to_where_they_were(open_window: Open) -> None:
    page = open_window()
    page.goto("/tickets?status=open&sort=created_at")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.get_by_label("E-mail").fill("usera@example.com")
    page.get_by_label("Password", exact=True).fill("demo123")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/tickets?status=open&sort=created_at")
