"""What people write is shown, on every page and wherever a script shows it, and never becomes a part of the page.

The policy of the pages would let no script of theirs run; so it is looked for in the page itself, where an escape that is missing shows.
"""

from typing import Any
from uuid import uuid4

import httpx2
from playwright.sync_api import Page, expect

from tests.e2e.web.conftest import Open
from tests.e2e.web.people import PASSWORD, new_person
from tests.support.desk import Desk
from tests.support.waiting import eventually

HURT = "\"'></title></textarea><img src=x onerror='window.hurt=1'><script>window.hurt=1</script>{{7*7}}"
SEEN = "<img src=x onerror="
FOREIGN = "[src='x'], [onerror], [onfocus], main script, header script, a[href^='javascript' i], .toasts img, main style, iframe"


def good(answer: httpx2.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


def hostile(desk: Desk) -> tuple[httpx2.Client, str]:
    """Return a client of somebody whose every text is an attempt, and their e-mail."""
    email = f"hostile.{uuid4().hex[:8]}@pages.example.org"
    with desk.client() as nobody:
        good(nobody.post("/api/auth/register", json={"name": f"Eve {HURT}"[:100], "email": email, "password": PASSWORD}))
        good(nobody.post("/api/auth/login", json={"email": email, "password": PASSWORD}, headers={"User-Agent": f"Eve/1 {SEEN}x>"}))
    return desk.client(email, PASSWORD), email


def is_clean(page: Page, path: str) -> None:
    assert page.locator(FOREIGN).count() == 0, path
    assert page.evaluate("window.hurt") is None, path


def test_what_people_write_is_text_wherever_it_is_shown(open_as: Open, desk: Desk) -> None:
    admin, (eve, email) = desk.client("admina"), hostile(desk)
    me = good(eve.get("/api/auth/me"))["id"]
    number = good(eve.post("/api/tickets", json={"title": f"Lift {HURT}", "body": f"Stuck {HURT} https://x.example/{HURT}"}))["id"]
    good(eve.post("/api/auth/tokens", json={"name": f"Key {HURT}"[:100], "expires_in_days": 1, "scopes": ["read"]}))
    good(eve.patch(f"/api/tickets/{number}", json={"title": f"Lift again {HURT}", "body": f"Stuck again {HURT}"}))
    good(admin.post(f"/api/tickets/{number}/notes", json={"body": f"Note {HURT}"}))
    theirs = ["/tickets", f"/tickets/{number}", f"/tickets/{number}?version=1", f"/tickets?q={SEEN}", "/account"]
    theirs += ["/account/security", "/account/tokens"]
    done = f"/tickets/bulk?what=status&t={number}:1:open:in_progress:done:"
    ours = ["/tickets", f"/tickets/{number}", f"/tickets?requester={me}", f"/tickets?by=no {SEEN}", done, f"/audit?actor={me}"]
    ours += [f"/audit?q={SEEN}", f"/admin/people?q={email}", f"/admin/people/{me}", f"/admin/people/{me}/erase"]
    for page, paths in ((open_as(email, PASSWORD), theirs), (open_as("admina"), ours)):
        for path in paths:
            page.goto(path)
            page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
            assert SEEN in page.locator("body").inner_text() or page.locator(f'input[value*="{SEEN}"]').count(), path
            is_clean(page, path)


def test_what_a_script_says_of_somebody_is_text(open_as: Open, desk: Desk) -> None:
    admin, (eve, email), told = desk.client("admina"), hostile(desk), new_person(desk, "Told")
    number, me, them = told.open_ticket("Lamp"), good(eve.get("/api/auth/me"))["id"], good(told.client.get("/api/auth/me"))["id"]
    for person in (me, them):
        good(admin.patch(f"/api/auth/users/{person}", json={"role": "admin"}))
    page = open_as(told.email, PASSWORD)
    page.goto("/account")
    page.wait_for_function("async () => (await navigator.locks.query()).held.length === 1")
    eve = desk.client(email, PASSWORD)
    given = {"assignee_id": them}
    eventually(lambda: eve.put(f"/api/tickets/{number}/assignee", json=given).is_success, within=60, what="the right of both admins")
    expect(page.locator("[data-unread]")).to_have_text("1")
    expect(page.locator(".toast")).to_contain_text(SEEN)
    is_clean(page, "the toast")
    page.goto("/notifications")
    expect(page.locator("main")).to_contain_text(SEEN)
    is_clean(page, "the inbox")
    page.get_by_role("link", name="Why?").click()
    expect(page.locator("main")).to_contain_text(SEEN)
    is_clean(page, "why")


def test_a_text_that_turns_the_direction_of_writing_turns_nothing_else_round(open_as: Open, desk: Desk) -> None:
    person = new_person(desk, "Turning")
    number = good(person.client.post("/api/tickets", json={"title": "Lamp", "body": "It is\u202e dark"}))["id"]
    good(person.client.patch(f"/api/tickets/{number}", json={"body": "It is bright"}))
    page = open_as(person.email, PASSWORD)
    page.goto(f"/tickets/{number}")
    added = page.locator("ins", has_text="bright")
    expect(added).to_have_count(1)
    assert added.evaluate(LEFT_TO_RIGHT)


LEFT_TO_RIGHT = """(element) => {
  const text = element.lastChild.previousSibling, at = text.data.indexOf("bright"), range = document.createRange();
  const left = (index) => { range.setStart(text, index); range.setEnd(text, index + 1); return range.getBoundingClientRect().left; };
  return left(at) < left(at + 5);
}"""
"""Whether the word "bright" in what was added begins at the left."""
