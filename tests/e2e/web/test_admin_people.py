"""An admin looks after people: finds them, changes what they may, lets them in and out, and takes one out of the desk for good."""

from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.web.conftest import Open
from tests.support.desk import Desk

SLOW = 120_000
PASSWORD = "four-words-say-more"

expect.set_options(timeout=60_000)


def somebody(desk: Desk, name: str) -> dict[str, str]:
    """Return a person who has just registered under a name of their own."""
    mail = f"{uuid4().hex}@example.com"
    answer = desk.client().post("/api/auth/register", json={"name": name, "email": mail, "password": PASSWORD})
    answer.raise_for_status()
    return {"id": answer.json()["id"], "email": mail, "name": name}


def check(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_an_admin_finds_somebody_and_changes_what_they_may(desk: Desk, open_as: Open) -> None:
    person = somebody(desk, f"<img src=x onerror=alert(1)> {uuid4().hex[:8]}")
    page = open_as("admina")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Admin").click()
    page.get_by_role("navigation", name="Admin").get_by_role("link", name="People").click()
    page.get_by_label("Name or e-mail").fill(person["email"])
    page.get_by_role("button", name="Show").click()
    expect(page.locator("[data-row]")).to_have_count(1)
    page.get_by_role("link", name=person["name"]).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(person["name"])
    check(page)

    page.get_by_role("link", name="Make them an admin").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Make {person['name']} an admin?")
    check(page)
    page.get_by_role("button", name="Make them an admin").click()
    expect(page.get_by_text("They are an admin now.")).to_be_visible()
    page.get_by_role("link", name="Make them a customer").click()
    expect(page.get_by_text("They have no tickets that somebody else would have to take over.")).to_be_visible()
    page.get_by_role("button", name="Make them a customer").click()
    expect(page.get_by_text("They are no admin any more.")).to_be_visible()
    page.get_by_role("link", name="Deactivate").click()
    expect(page.get_by_text("Their API tokens, for good")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_text("They are out")).to_be_visible()
    assert desk.client().post("/api/auth/login", json={"email": person["email"], "password": PASSWORD}).status_code == 401
    page.get_by_role("button", name="Let them in again").click()
    expect(page.get_by_text("They can sign in again.")).to_be_visible()
    page.get_by_role("link", name="Turn their two-factor sign-in off").click()
    check(page)
    page.get_by_role("button", name="Turn it off").click()
    expect(page.get_by_text("Two-factor sign-in is off for them")).to_be_visible()

    page.get_by_role("link", name="What happened to their account").click()
    expect(page.locator(".log > li", has_text="deactivated a person")).to_have_count(1)
    page.goto("/admin/people?active=false&role=user")
    expect(page.get_by_text(person["email"])).to_have_count(0)


def test_an_admin_erases_somebody_after_reading_what_it_does(desk: Desk, open_as: Open) -> None:
    person = somebody(desk, f"Greta {uuid4().hex[:8]}")
    page = open_as("admina", complains=True)
    page.goto(f"/admin/people/{person['id']}")
    page.get_by_role("link", name="What an erasure does").click()
    check(page)
    page.get_by_label("Type their e-mail").fill("somebody.else@example.com")
    page.get_by_role("button", name="Erase this person").click()
    expect(page.get_by_label("Type their e-mail")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Type their e-mail")).to_have_value("somebody.else@example.com")

    page.get_by_label("Type their e-mail").fill(person["email"])
    page.get_by_role("button", name="Erase this person").click()
    expect(page.get_by_role("heading", name="The person is erased")).to_be_visible(timeout=SLOW)
    expect(page.locator(".steps .good")).to_have_count(4)
    check(page)
    page.goto(f"/admin/people/{person['id']}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Erased person")
    page.goto(f"/admin/people?q={person['email']}")
    expect(page.get_by_role("heading", name="Nobody fits")).to_be_visible()


def test_without_a_script_the_erasure_is_followed_as_well(desk: Desk, open_as: Open) -> None:
    person = somebody(desk, "Nora")
    page = open_as("admina", java_script_enabled=False)
    page.goto(f"/admin/people/{person['id']}/erase")
    page.get_by_label("Type their e-mail").fill(person["email"])
    page.get_by_role("button", name="Erase this person").click()
    expect(page.get_by_role("heading", name="The person is erased")).to_be_visible(timeout=SLOW)


@pytest.mark.parametrize(
    "path", ["/admin", "/admin/people", "{me}", "{me}/role", "{me}/activity", "{me}/two-factor", "{me}/erase", "{me}/erasure"]
)
def test_the_pages_about_people_are_the_admins(desk: Desk, path: str) -> None:
    customer = desk.client("usera")
    me = customer.get("/api/auth/me").json()["id"]
    assert customer.get(path.format(me=f"/admin/people/{me}")).status_code == 403


@pytest.mark.parametrize("form", ["role", "activity", "two-factor", "erase"])
def test_no_customer_makes_themself_more_than_that(desk: Desk, form: str) -> None:
    customer = desk.client("usera")
    me = customer.get("/api/auth/me").json()
    fields = {"role": "admin", "active": "false", "email": me["email"]}
    assert customer.post(f"/admin/people/{me['id']}/{form}", data=fields).status_code == 403
    assert customer.get("/api/auth/me").json() == me
