"""Tickets in the browser: a customer and an admin, two windows at odds, many tickets at once, the past, a phone, and no script."""

import re
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.web.conftest import Open
from tests.support.desk import Desk

expect.set_options(timeout=60_000)
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True}
NASTY = "<script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'>"

Report = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def usera(desk: Desk) -> httpx2.Client:
    return desk.client("usera")


@pytest.fixture(scope="module")
def admina(desk: Desk) -> httpx2.Client:
    return desk.client("admina")


@pytest.fixture(scope="module")
def adminb(desk: Desk) -> httpx2.Client:
    return desk.client("adminb")


def good(answer: httpx2.Response) -> dict[str, Any]:
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def report(usera: httpx2.Client) -> Report:
    """Return how to open a ticket as User A."""

    def reported(title: str, body: str = "It does not work.", **values: str) -> dict[str, Any]:
        return good(usera.post("/api/tickets", json={"title": title, "body": body, **values}))

    return reported


def titles(page: Page) -> list[str]:
    return page.locator("[data-open]").all_inner_texts()


def put(page: Page, label: str, option: str) -> None:
    page.get_by_label(label, exact=True).select_option(label=option)
    page.locator("form", has=page.get_by_label(label, exact=True)).get_by_role("button").click()


def test_a_customer_reports_edits_and_follows_what_becomes_of_it(open_as: Open, admina: httpx2.Client) -> None:
    page = open_as("usera")
    page.get_by_role("link", name="New ticket").click()
    page.get_by_label("What is the matter?").fill("The gate does not close")
    page.get_by_label("Tell us more").fill("Since Monday, see https://example.com/gate. The motor hums.")
    page.get_by_role("button", name="Open the ticket").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("The gate does not close")
    expect(page.get_by_role("link", name="https://example.com/gate")).to_have_attribute("rel", re.compile("noopener"))
    expect(page.get_by_role("complementary")).to_contain_text("Open")
    expect(page.get_by_role("button", name="Assign to me")).to_have_count(0)
    number = page.url.rsplit("/", 1)[1]

    page.get_by_text("Edit", exact=True).click()
    page.get_by_label("Text").fill("Since Tuesday, see https://example.com/gate. The motor hums.")
    page.get_by_role("button", name="Save").click()
    changed = page.locator(".event.ticket_edited")
    expect(changed.locator("del")).to_contain_text("Monday")
    expect(changed.locator("ins")).to_contain_text("Tuesday")

    good(admina.put(f"/api/tickets/{number}/status", json={"status": "resolved"}))
    page.reload()
    expect(page.locator(".event.ticket_status_changed")).to_contain_text("Admin A moved it from Open to Resolved")


def test_an_admin_takes_a_ticket_and_comes_back_to_the_row(open_as: Open, report: Report) -> None:
    reported = [report(f"Lamp {number} is dark", priority="high") for number in range(3)]
    page = open_as("admina")
    page.goto("/tickets?assigned_to=none&priority=high")
    expect(page.get_by_role("link", name="Unassigned")).to_have_attribute("aria-current", "page")
    page.get_by_role("link", name="Lamp 1 is dark").click()
    page.get_by_role("button", name="Assign to me").click()
    expect(page.locator(".event.ticket_assigned")).to_contain_text("Admin A took the ticket")
    expect(page.get_by_role("button", name="Assign to me")).to_have_count(0)
    put(page, "Change the status", "In progress")
    expect(page.get_by_role("status").first).to_contain_text("The status is changed.")
    page.get_by_label("Add a note").fill("The fuse, again.")
    page.get_by_role("button", name="Add the note").click()
    expect(page.locator(".note").last).to_contain_text("The fuse, again.")
    page.locator("[data-back]").click()
    page.wait_for_url("**/tickets?assigned_to=none&priority=high")
    expect(page.locator(f'[data-ticket="{reported[1]["id"]}"]')).to_have_count(0)
    expect(page.get_by_role("link", name="Lamp 2 is dark")).to_be_visible()


def test_pages_go_both_ways_and_a_ticket_leads_back_to_its_page(open_as: Open, report: Report) -> None:
    for number in range(52):
        report(f"Chair {number:02} wobbles", priority="low")
    page = open_as("usera")
    page.goto("/tickets?priority=low")
    expect(page.locator("[data-row]")).to_have_count(50)
    first = titles(page)
    page.get_by_role("link", name="Next page").click()
    expect(page.get_by_text("Page 2")).to_be_visible()
    second = titles(page)
    assert not set(first) & set(second)
    chair = page.get_by_role("link", name="Chair 01 wobbles")
    chair.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Chair 01 wobbles")
    page.locator("[data-back]").click()
    expect(page.get_by_text("Page 2")).to_be_visible()
    expect(chair).to_be_focused()
    page.get_by_role("link", name="Previous page").click()
    expect(page.get_by_text("Page 1")).to_be_visible()
    assert titles(page) == first


def test_tickets_of_one_person_are_found_by_a_part_of_the_name(open_as: Open, report: Report) -> None:
    report("Of User A")
    page = open_as("admina")
    for asked in ("usera@example", "user"):
        page.goto("/tickets?status=open")
        page.get_by_text("Filter and sort").click()
        page.get_by_label("Requester").fill(asked)
        page.get_by_role("button", name="Show these").click()
        if asked == "user":
            page.get_by_role("link", name="User A (usera@example.com)").click()
        expect(page.get_by_label("Shown are")).to_contain_text("From User A")
        expect(page.locator(".from", has_not_text="User A")).to_have_count(0)
        expect(page.get_by_role("link", name="Of User A").first).to_be_visible()


def test_an_edit_in_two_windows_shows_both_and_lets_the_person_choose(open_as: Open, report: Report) -> None:
    number = report("Two windows", "The first text.")["id"]
    one = open_as("usera")
    other = one.context.new_page()
    for page, text in ((one, "The text of one."), (other, "The text of the other.")):
        page.goto(f"/tickets/{number}")
        page.get_by_text("Edit", exact=True).click()
        page.get_by_label("Text").fill(text)
    one.get_by_role("button", name="Save").click()
    expect(one.get_by_role("status").first).to_contain_text("Your changes are saved.")

    with other.expect_response(lambda answer: answer.request.method == "POST") as answered:
        other.get_by_role("button", name="Save").click()
    assert answered.value.status == 412
    expect(other.get_by_role("alert")).to_contain_text("Nothing was overwritten")
    expect(other.get_by_role("region", name="Yours")).to_contain_text("The text of the other.")
    expect(other.get_by_role("region", name="As it is now")).to_contain_text("The text of one.")
    other.get_by_role("button", name="Keep mine").click()
    expect(other.get_by_role("article").first).to_contain_text("The text of the other.")
    expect(other.locator(".event.ticket_edited")).to_have_count(2)


def test_what_two_change_in_different_places_is_both_saved(open_as: Open, admina: httpx2.Client, report: Report) -> None:
    number = report("Beside each other", "The first text.")["id"]
    page = open_as("usera")
    page.goto(f"/tickets/{number}")
    page.get_by_text("Edit", exact=True).click()
    page.get_by_label("Text").fill("The second text.")
    good(admina.put(f"/api/tickets/{number}/status", json={"status": "in_progress"}))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("saved, beside what had changed meanwhile")
    expect(page.get_by_role("complementary")).to_contain_text("In progress")
    expect(page.get_by_role("article").first).to_contain_text("The second text.")


def test_a_stale_status_is_set_only_after_a_look(open_window: Open, usera: httpx2.Client, report: Report) -> None:
    number = report("Overtaken", "It hums.")["id"]
    page = signed_in(open_window, "admina", complains=True)
    page.goto(f"/tickets/{number}")
    good(usera.patch(f"/api/tickets/{number}", json={"body": "It hums and smokes."}))
    put(page, "Change the status", "Resolved")
    expect(page.get_by_role("alert")).to_contain_text("no longer what you had before you")
    expect(page.locator("ins")).to_contain_text("and smokes.")
    assert good(usera.get(f"/api/tickets/{number}"))["status"] == "open"
    page.get_by_role("button", name="Set yours").click()
    expect(page.get_by_role("status").first).to_contain_text("The status is changed.")
    assert good(usera.get(f"/api/tickets/{number}"))["status"] == "resolved"


def signed_in(open_window: Open, who: str, **options: Any) -> Page:
    page = open_window(**options)
    page.goto("/login")
    page.get_by_label("E-mail").fill(f"{who}@example.com")
    page.get_by_label("Password").fill("demo123")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/tickets")
    return page


@pytest.mark.parametrize("script", [True, False], ids=["with a script", "without"])
def test_many_are_changed_at_once_and_back_but_for_what_somebody_changed_since(
    open_as: Open, usera: httpx2.Client, report: Report, script: bool
) -> None:
    word = "Umbra" if script else "Penumbra"
    one, two, three = (report(f"{word} {number}")["id"] for number in range(3))
    page = open_as("admina", java_script_enabled=script)
    page.goto(f"/tickets?status=open&q={word}")
    if script:
        page.get_by_role("button", name="Select all on this page").click()
        expect(page.get_by_role("button", name="3 chosen")).to_be_visible()
    else:
        page.get_by_role("link", name="Select all on this page").click()
    good(usera.patch(f"/api/tickets/{three}", json={"body": "Changed while it was chosen."}))
    page.get_by_label("Move them to").select_option(label="Resolved")
    page.get_by_role("button", name="Move").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("2 tickets changed, 1 not")
    rows = page.locator(".result")
    expect(rows.filter(has_text=f"{word} 0")).to_contain_text("done")
    expect(rows.filter(has_text=f"{word} 2")).to_contain_text("Somebody changed it since you saw it.")
    assert [good(usera.get(f"/api/tickets/{number}"))["status"] for number in (one, two, three)] == ["resolved", "resolved", "open"]
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("2 tickets changed, 1 not")

    good(usera.patch(f"/api/tickets/{two}", json={"body": "Changed since."}))
    page.get_by_role("button", name="Undo 2 changes").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 ticket changed, 1 not")
    expect(rows.filter(has_text=f"{word} 1")).to_contain_text("left alone")
    assert [good(usera.get(f"/api/tickets/{number}"))["status"] for number in (one, two, three)] == ["open", "resolved", "open"]
    moved = [entry["after"]["status"] for entry in good(usera.get(f"/api/tickets/{one}/history"))["items"][1:]]
    assert moved == ["resolved", "open"]


def test_a_form_for_many_that_is_sent_twice_does_it_once_and_says_so_both_times(admina: httpx2.Client, report: Report) -> None:
    numbers = [report("Twice")["id"] for _ in range(3)]
    me = good(admina.get("/api/auth/me"))["id"]
    content = "&".join(["what=assignee", f"assignee_id={me}", *(f"ticket_id={number}:1:open:" for number in numbers)])
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    first, second = (admina.post("/tickets/bulk", content=content, headers=headers, follow_redirects=False) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["location"] == second.headers["location"]
    for number in numbers:
        history = good(admina.get(f"/api/tickets/{number}/history"))["items"]
        assert [entry["action"] for entry in history] == ["ticket_created", "ticket_assigned"]


def test_only_who_changed_many_is_offered_to_undo_it(
    usera: httpx2.Client, admina: httpx2.Client, adminb: httpx2.Client, report: Report
) -> None:
    """An address that somebody made up, or that is another's, offers nothing."""
    number = report("Undone by nobody")["id"]
    content = f"what=status&status=resolved&ticket_id={number}:1:open:"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    address = admina.post("/tickets/bulk", content=content, headers=headers, follow_redirects=False).headers["location"]
    offered = ['name="step_id"' in client.get(address).text for client in (usera, adminb, admina)]
    assert offered == [False, False, True]
    assert 'name="step_id"' not in admina.get(f"/tickets/bulk?what=status&t={number}:2:in_progress:resolved:done:").text


def test_why_a_change_is_refused_stands_at_its_field(usera: httpx2.Client, admina: httpx2.Client, report: Report) -> None:
    number, nobody_to_have_it = report("For an admin who is none any more")["id"], good(usera.get("/api/auth/me"))["id"]
    answer = admina.post(f"/tickets/{number}/assignee", data={"version": 1, "assignee_id": nobody_to_have_it})
    assert answer.status_code == 422
    assert 'id="assignee-error">This is not an active admin.</p>' in answer.text
    assert re.search(r'<select id="assignee" [^>]*aria-invalid="true" aria-describedby="assignee-error"', answer.text)


def test_the_slider_shows_a_ticket_as_it_was_and_keeps_what_was_typed(open_as: Open, usera: httpx2.Client, report: Report) -> None:
    number = report("First title", "First text.")["id"]
    good(usera.patch(f"/api/tickets/{number}", json={"title": "Second title"}))
    good(usera.patch(f"/api/tickets/{number}", json={"title": "Third title"}))
    page = open_as("admina")
    page.goto(f"/tickets/{number}")
    page.get_by_label("Add a note").fill("Half a thought")
    slider = page.get_by_role("slider", name="As it was")
    slider.press("ArrowLeft")
    expect(page.locator(".past")).to_contain_text("version 2 of 3")
    expect(page.get_by_role("heading", name="Second title")).to_be_visible()
    assert page.url.endswith(f"/tickets/{number}?version=2")
    expect(page.get_by_role("button", name="Assign to me")).to_be_hidden()
    slider.press("Home")
    expect(page.get_by_role("heading", name="First title")).to_be_visible()
    slider.press("End")
    expect(page.locator(".past")).to_be_hidden()
    expect(page.get_by_label("Add a note")).to_have_value("Half a thought")
    assert page.url.endswith(f"/tickets/{number}")


def test_without_a_script_the_slider_and_the_history_lead_to_the_past(open_as: Open, usera: httpx2.Client, report: Report) -> None:
    number = report("Before", "Text.")["id"]
    good(usera.patch(f"/api/tickets/{number}", json={"title": "After"}))
    page = open_as("usera", java_script_enabled=False)
    page.goto(f"/tickets/{number}")
    page.get_by_role("slider", name="As it was").press("Home")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", level=2, name="Before")).to_be_visible()
    page.get_by_role("link", name="Back to now").click()
    page.get_by_role("link", name="as it was then").first.click()
    expect(page.locator(".past")).to_contain_text("version 1 of 2")
    expect(page.locator("form[method=post] button")).to_have_count(1)  # signing out


def test_the_desk_as_it_was_has_no_controls(open_as: Open, report: Report) -> None:
    report("Not there then")
    page = open_as("admina", timezone_id="Europe/Berlin")
    page.goto("/tickets?as_of=2001-02-03T04:05&priority=normal")
    expect(page.locator(".past")).to_contain_text("3 Feb 2001, 04:05")
    expect(page.get_by_role("heading", name="Nothing there then")).to_be_visible()
    expect(page.get_by_label("Assign them to")).to_have_count(0)
    page.locator(".past").get_by_role("link", name="Back to now").click()
    expect(page.get_by_role("link", name="Not there then").first).to_be_visible()


def test_what_people_write_is_shown_and_never_run(open_as: Open, usera: httpx2.Client, admina: httpx2.Client, report: Report) -> None:
    number = report(f"Nasty {NASTY}", f"{NASTY} javascript:alert(1)")["id"]
    good(admina.post(f"/api/tickets/{number}/notes", json={"body": NASTY}))
    good(usera.patch(f"/api/tickets/{number}", json={"title": f"Nastier {NASTY}", "body": f"More {NASTY}"}))
    page = open_as("admina")
    for path in (f"/tickets/{number}", f"/tickets/{number}?version=1", "/tickets?q=nastier", f"/tickets?q={NASTY}"):
        page.goto(path)
        expect(page.locator("main")).to_contain_text("script>window.hurt")
        assert page.evaluate("window.hurt") is None
        assert page.locator("main script, main img[src=x], main a[href^='javascript']").count() == 0


def test_on_a_phone_a_ticket_is_a_card_of_which_everything_can_be_reached(open_as: Open, report: Report) -> None:
    report("A title that is so long that it needs more than one line of a phone to be read in whole", priority="urgent")
    page = open_as("admina", **PHONE)
    page.goto("/tickets?status=open")
    for address in ("/tickets?status=open", page.locator("[data-open]").first.get_attribute("href")):
        page.goto(str(address))
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    expect(page.get_by_role("button", name="Assign to me")).to_be_visible()


def test_everything_in_a_list_is_reached_by_keyboard(open_as: Open, report: Report) -> None:
    for number in range(3):
        report(f"Keyboard {number}")
    page = open_as("admina")
    page.goto("/tickets?q=keyboard&sort=created_at")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="Keyboard 0")).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_label("Select", exact=False).nth(1)).to_be_checked()
    page.keyboard.press("k")
    expect(page.get_by_role("link", name="Keyboard 0")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("j")  # goes nowhere meanwhile
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("/")
    page.keyboard.type("jokn?")
    expect(page.get_by_label("Search tickets")).to_have_value("jokn?")
    page.keyboard.press("Escape")
    page.keyboard.press("o")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Keyboard 0")

    page.keyboard.press("?")
    page.get_by_label("Use single keys").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("n")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Keyboard 0")


def test_what_was_begun_is_there_again_until_it_is_sent(open_as: Open) -> None:
    page = open_as("userb")
    page.goto("/tickets/new")
    page.get_by_label("What is the matter?").fill("Half written")
    page.get_by_label("Tell us more").fill("The first line,")
    page.goto("/tickets")
    page.goto("/tickets/new")
    expect(page.get_by_label("Tell us more")).to_have_value("The first line,")
    page.get_by_label("Tell us more").fill("The first line, and the second.")
    page.get_by_role("button", name="Open the ticket").click()
    expect(page.get_by_role("article")).to_contain_text("The first line, and the second.")
    page.goto("/tickets/new")
    expect(page.get_by_label("Tell us more")).to_have_value("")
