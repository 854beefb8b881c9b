"""An admin tries another escalation policy on what has been, and then saves it."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.web.conftest import Open
from tests.support.desk import Desk

expect.set_options(timeout=60_000)
PATH = "/api/escalations/policies"


@pytest.fixture
def name(desk: Desk) -> Iterator[str]:
    """Return the name of a policy that is gone at the end, whatever became of it."""
    found = f"pages-{uuid4().hex[:8]}"
    yield found
    put(desk, found, None)


def put(desk: Desk, name: str, policy: dict[str, Any] | None) -> None:
    """Set one policy, or take it away; the others stay."""
    admin = desk.client("admina")
    others = [other for other in admin.get(PATH).json()["policies"] if other["name"] != name]
    admin.put(PATH, json={"policies": [*others, *([policy] if policy else [])]}).raise_for_status()


def found(desk: Desk, name: str) -> dict[str, Any] | None:
    policies = desk.client("admina").get(PATH).json()["policies"]
    return next((policy for policy in policies if policy["name"] == name), None)


def button(page: Page, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True).last


def test_an_admin_tries_a_policy_on_what_has_been_before_saving_it(desk: Desk, open_as: Open, name: str) -> None:
    desk.client("usera").post("/api/tickets", json={"title": "Waits", "body": "For long.", "priority": "urgent"}).raise_for_status()
    page = open_as("admina", viewport={"width": 360, "height": 740})
    page.goto("/admin/policies")
    page.get_by_role("link", name="New policy").click()
    page.get_by_label("Name").fill(name)
    page.locator("#after-1").fill("900")
    page.locator("#unit-1").select_option("days")
    button(page, "Add a level").click()
    expect(page.locator("#after-2")).to_be_focused()
    page.locator("#after-2").fill("901")
    page.locator("#unit-2").select_option("days")
    page.locator("#notify-2").select_option("admins")
    page.get_by_label("Urgent").check()
    page.get_by_label("Working time only").check()
    button(page, "Add hours on Monday").click()
    page.get_by_label("Monday, span 1, from").fill("00:00")
    page.get_by_label("Monday, span 1, to").fill("00:00")
    button(page, "Use Monday's hours up to Friday").click()
    expect(page.get_by_label("Friday, span 1, to")).to_have_value("00:00")

    button(page, "Try it").click()
    expect(page.locator(".verdict")).to_contain_text("would have escalated")
    expect(page.get_by_role("img", name="Escalations over time")).to_be_visible()
    assert Axe().run(page).violations_count == 0, Axe().run(page).generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("document.documentElement.clientWidth")
    assert found(desk, name) is None

    button(page, "Save the policy").click()
    expect(page.get_by_text(f"The policy {name} is saved")).to_be_visible()
    saved = found(desk, name)
    assert saved is not None
    assert [level["after"] for level in saved["levels"]] == ["900d", "901d"]
    assert saved["when"] == {"priority": ["urgent"]}
    assert saved["calendar"]["hours"]["fri"] == ["00:00-24:00"]


def test_what_somebody_else_saved_meanwhile_is_shown_and_not_overwritten_unseen(desk: Desk, open_as: Open, name: str) -> None:
    put(desk, name, {"name": name, "levels": [{"after": "900d"}]})
    page = open_as("admina", complains=True)
    page.goto(f"/admin/policies/{name}")
    put(desk, name, {"name": name, "levels": [{"after": "800d"}]})
    page.locator("#after-1").fill("700")
    button(page, "Save the policy").click()
    expect(page.get_by_role("heading", name="Somebody changed this policy")).to_be_visible()
    expect(page.locator(".both")).to_contain_text("After 800 days")
    expect(page.locator(".both")).to_contain_text("After 700 days")
    expect(page.locator("#after-1")).to_have_value("700")
    button(page, "Save the policy").click()
    expect(page.get_by_text("is saved")).to_be_visible()
    saved = found(desk, name)
    assert saved is not None
    assert saved["levels"][0]["after"] == "700d"


def test_without_a_script_rows_come_and_go_and_what_was_typed_stays(desk: Desk, open_as: Open, name: str) -> None:
    put(desk, name, {"name": name, "levels": [{"after": "900d"}]})
    page = open_as("admina", java_script_enabled=False, complains=True)
    page.goto(f"/admin/policies/{name}")
    page.locator("#after-1").fill("880")
    button(page, "Add a level").click()
    page.locator("#after-2").fill("0")
    expect(page.locator("#after-1")).to_have_value("880")
    button(page, "Save the policy").click()
    expect(page.locator("#after-2")).to_have_attribute("aria-invalid", "true")
    button(page, "Remove level 2").click()
    expect(page.locator("#after-2")).to_have_count(0)
    button(page, "Try it").click()
    expect(page.locator(".verdict")).to_be_visible()
    button(page, "Save the policy").click()
    expect(page.get_by_text("is saved")).to_be_visible()

    page.goto(f"/admin/policies/{name}")
    page.get_by_text("As JSON").click()
    page.get_by_label("The policy").fill('{"levels": [')
    button(page, "Take it into the form").click()
    expect(page.get_by_label("The policy")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("The policy").fill('{"levels": [{"after": "870d", "notify": "admins"}]}')
    button(page, "Take it into the form").click()
    expect(page.locator("#after-1")).to_have_value("870")

    page.get_by_text("Take this policy away").click()
    page.get_by_label("I am sure").check()
    button(page, "Take it away").click()
    expect(page.get_by_text(f"The policy {name} is taken away")).to_be_visible()
    assert found(desk, name) is None


@pytest.mark.parametrize("path", ["/admin/policies", "/admin/new-policy", "/admin/policies/default"])
def test_policies_are_the_admins(desk: Desk, path: str) -> None:
    customer = desk.client("usera")
    assert customer.get(path).status_code == 403
    if path != "/admin/policies":
        assert customer.post(path, data={"do": "add-level"}).status_code == 403


def test_a_policy_with_all_the_holidays_that_it_can_have_is_saved_in_its_form(desk: Desk, open_as: Open, name: str) -> None:
    days = [str(date(2026, 1, 1) + timedelta(weeks=number)) for number in range(1_001)]
    calendar = {"zone": "UTC", "hours": {day: ["00:00-24:00"] for day in ("mon", "wed", "fri")}, "holidays": days[:-2]}
    put(desk, name, {"name": name, "levels": [{"after": "300d"}], "calendar": calendar})
    page = open_as("admina", java_script_enabled=False, complains=True)
    page.goto(f"/admin/policies/{name}")
    holidays = page.get_by_label("Holidays, one date a line")
    holidays.fill("\n".join(days))
    button(page, "Save the policy").click()
    expect(page.get_by_text("There can be 1,000 holidays, and these are 1,001. Leave out those that are over.")).to_be_visible()
    expect(holidays).to_have_value("\n".join(days) + "\n")
    holidays.fill("\n".join(days[1:]))
    button(page, "Save the policy").click()
    expect(page.get_by_text(f"The policy {name} is saved")).to_be_visible()
    saved = found(desk, name)
    assert saved is not None
    assert saved["calendar"]["holidays"] == days[1:]
