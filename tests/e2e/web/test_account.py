"""Signing in and the own account: by keyboard, without a script, with a second step."""

import re
import time

import pyotp
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.web.conftest import Open
from tests.e2e.web.people import PASSWORD, new_person
from tests.support.desk import Desk

OTHER_PASSWORD = "another-lamp-in-the-hall"


def said(page: Page) -> Locator:
    """Return what the page says of what was just done."""
    return page.get_by_role("main").get_by_role("status").first


def test_somebody_registers_signs_out_and_signs_in_by_keyboard_alone(open_window: Open) -> None:
    page = open_window(viewport={"width": 360, "height": 740}, complains=True)  # the browser itself writes of a 422
    page.goto("/login?next=/account")
    keys = page.keyboard
    expect(page.get_by_label("E-mail")).to_be_focused()
    page.get_by_role("link", name="Open one").focus()
    keys.press("Enter")
    expect(page.get_by_label("Your name")).to_be_focused()
    keys.type("Kim Keys")
    keys.press("Tab")
    keys.type("kim.keys@pages.example.org")
    keys.press("Tab")
    keys.type("password1")
    keys.press("Enter")
    field = page.get_by_label("Password", exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("attackers try first"))
    expect(page.get_by_label("Your name")).to_have_value("Kim Keys")
    keys.type(PASSWORD)
    keys.press("Enter")
    page.wait_for_url("**/account")
    expect(said(page)).to_contain_text("Welcome.")

    page.locator("summary", has_text="Your account").focus()
    keys.press("Enter")
    page.get_by_role("button", name="Sign out").focus()
    keys.press("Enter")
    page.wait_for_url("**/login")
    expect(said(page)).to_contain_text("You are signed out.")
    keys.type("kim.keys@pages.example.org")
    keys.press("Tab")
    keys.type("not the password")
    keys.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The e-mail or the password is wrong.")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    keys.type(PASSWORD)
    keys.press("Enter")
    page.wait_for_url("**/tickets")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_changed_password_ends_the_other_sessions_and_says_so(open_as: Open, desk: Desk, scripts: bool) -> None:
    anna = new_person(desk, "Anna")
    page = open_as(anna.email, PASSWORD, java_script_enabled=scripts, complains=True)
    page.goto("/account/security")
    expect(page.get_by_role("listitem").filter(has_text="this one")).to_have_count(1)
    page.get_by_label("Current password").fill("not the password")
    page.get_by_label("New password").fill(OTHER_PASSWORD)
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_label("Current password")).to_have_accessible_description(re.compile("Is not your current password"))
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password").fill(OTHER_PASSWORD)
    page.get_by_role("button", name="Change the password").click()
    expect(said(page)).to_contain_text("Your password is changed.")
    expect(page.get_by_text("You are signed in nowhere else.")).to_be_visible()
    assert anna.client.get("/api/auth/me").status_code == 401


def test_a_token_is_shown_once_works_and_is_revoked(open_as: Open, desk: Desk) -> None:
    page = open_as(new_person(desk, "Anna").email, PASSWORD, complains=True)
    page.goto("/account/tokens")
    page.get_by_label("What is it for?").fill("Nightly export")
    for scope in ("read", "write"):
        page.get_by_role("checkbox", name=scope).uncheck()
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_role("group", name="What may it do?")).to_contain_text("Choose at least one.")
    expect(page.get_by_label("What is it for?")).to_have_value("Nightly export")
    expect(page.get_by_role("checkbox", name="admin")).to_have_count(0)
    page.get_by_role("checkbox", name="read").check()
    page.get_by_role("button", name="Make the token").click()
    token = page.get_by_label("The token “Nightly export”").input_value()
    with desk.client() as program:
        program.headers["Authorization"] = f"Bearer {token}"
        assert program.get("/api/tickets").status_code == 200
        assert program.post("/api/tickets", json={"title": "x", "body": "y"}).status_code == 403
        page.goto("/account/tokens")
        assert token not in page.content()
        page.get_by_role("button", name="Revoke Nightly export").click()
        expect(said(page)).to_contain_text("The token is revoked")
        assert program.get("/api/tickets").status_code == 401


def test_how_somebody_likes_it_is_kept(open_as: Open, desk: Desk) -> None:
    anna = new_person(desk, "Anna")
    page = open_as(anna.email, PASSWORD, timezone_id="Europe/Helsinki")
    page.goto("/account")
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Helsinki")
    page.get_by_label("Colours").select_option("Dark")
    page.get_by_label("Time zone").select_option("America/Argentina/Buenos_Aires")
    page.get_by_role("button", name="Save").first.click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_label("Time zone")).to_have_value("America/Argentina/Buenos_Aires")
    expect(page.locator("time").first).to_have_attribute("title", re.compile("-03$"))
    page.get_by_role("checkbox", name="Also send me an e-mail").uncheck()
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("checkbox", name="Also send me an e-mail")).not_to_be_checked()
    assert anna.client.get("/api/notifications/preferences").json() == {"email": False}


@pytest.mark.parametrize("scripts", [True, False])
def test_a_second_step_is_turned_on_used_and_turned_off(open_as: Open, open_window: Open, desk: Desk, scripts: bool) -> None:
    anna = new_person(desk, "Anna")
    page = open_as(anna.email, PASSWORD, java_script_enabled=scripts, complains=True)
    page.goto("/account/two-factor")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    app = pyotp.TOTP(page.locator("#secret").text_content().replace(" ", ""))  # type: ignore[union-attr]
    page.get_by_label("Type the code").fill("000000")
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_label("Type the code")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    first = int(time.time())
    page.get_by_label("Type the code").fill(app.at(first))
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your recovery codes")
    codes = page.locator("#codes li").all_inner_texts()
    assert len(set(codes)) == 10
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    text = download.value.path().read_text()
    assert all(code in text for code in codes)
    assert anna.client.get("/api/auth/me").status_code == 401  # other sessions have ended

    other = open_window(java_script_enabled=scripts, complains=True)
    other.goto("/login?next=/account/two-factor")
    other.get_by_label("E-mail").fill(anna.email)
    other.get_by_label("Password", exact=True).fill(PASSWORD)
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("One more step")
    assert "challenge" not in other.url
    other.get_by_label("Code from your authenticator app").fill(app.at(first))  # used already
    other.get_by_role("button", name="Go on").click()
    expect(other.get_by_label("Code from your authenticator app")).to_have_accessible_description(re.compile("4 tries left"))
    other.get_by_text("You cannot use the app?").click()
    other.get_by_label("Recovery code").fill(codes[0].upper())
    other.get_by_role("button", name="Use this recovery code").click()
    other.wait_for_url("**/account/two-factor")
    expect(other.get_by_text("9 recovery codes left.")).to_be_visible()

    off = other.get_by_role("region", name="Turn it off")
    off.get_by_label("Current password").fill(PASSWORD)
    off.get_by_label("Code").fill(codes[1])
    off.get_by_role("button", name="Turn two-factor sign-in off").click()
    expect(said(other)).to_contain_text("Two-factor sign-in is off.")
    desk.client(anna.email, PASSWORD)
