"""`make screenshots`: every page as it is, of a desk with a month of made-up history, into docs/screenshots."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.screenshots.past import lines
from tests.support.desk import DEMO_PASSWORD, Desk
from tests.support.waiting import eventually

PICTURES = Path(__file__).parents[2] / "docs" / "screenshots"


@dataclass(frozen=True, slots=True)
class Picture:
    """`name` is that of the file, `who` looks at it; `look` is "light", "dark" or "phone"; `then` is done before it is drawn."""

    name: str
    path: str
    who: str = "admina"
    look: str = "light"
    then: Callable[[Page], None] | None = None


LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light", "device_scale_factor": 2},
}


def try_another_policy(page: Page) -> None:
    """Ask what another policy would have done with the month, and look at the answer."""
    page.locator("#after-1").fill("4")
    page.get_by_role("button", name="Try it").last.click()
    page.locator(".verdict").wait_for()  # the answer takes the place of the form
    page.locator("section[aria-labelledby=what-if]").evaluate("section => section.scrollIntoView()")


def pictures(ticket: int) -> Sequence[Picture]:
    """Return what is drawn; `ticket` is one with a history worth showing."""
    return (
        Picture("sign-in", "/login", who="nobody"),
        Picture("register", "/register", who="nobody"),
        Picture("tickets", "/tickets?status=open"),
        Picture("tickets-dark", "/tickets", look="dark"),
        Picture("tickets-phone", "/tickets", look="phone"),
        Picture("new-ticket", "/tickets/new", who="usera"),
        Picture("ticket", f"/tickets/{ticket}"),
        Picture("ticket-phone", f"/tickets/{ticket}", look="phone"),
        Picture("notifications", "/notifications"),
        Picture("audit", "/audit"),
        Picture("admin", "/admin"),
        Picture("admin-dark", "/admin", look="dark"),
        Picture("people", "/admin/people"),
        Picture("policies", "/admin/policies"),
        Picture("what-if", "/admin/policies/default", then=try_another_policy),
        Picture("jobs", "/admin/jobs"),
        Picture("parked", "/admin/parked"),
        Picture("health", "/admin/health"),
        Picture("account", "/account", who="usera"),
    )


def furnish(desk: Desk) -> int:
    """Give the desk a past, and a few things that happen now; return the number of a ticket that a lot has happened to."""
    file = desk.directory / "past.jsonl"
    file.write_text("\n".join(lines(datetime.now(UTC) - timedelta(minutes=5))) + "\n")
    done = desk.ste("import", "jsonl", str(file))
    if done.returncode:
        raise RuntimeError(f"The past could not be brought in: {done.stderr}")
    admin, other, user = (desk.client(name) for name in ("admina", "adminb", "usera"))
    asked = {"title": "The lift is stuck", "body": "Between the second and the third floor.\n\nNobody is in it.", "priority": "high"}
    number = int(user.post("/api/tickets", json=asked).json()["id"])
    ticket = f"/api/tickets/{number}"
    me = other.get("/api/auth/me").json()["id"]
    assert other.put(f"{ticket}/assignee", json={"assignee_id": me}).is_success
    assert other.put(f"{ticket}/status", json={"status": "in_progress"}).is_success
    better = "Between the second and the fourth floor.\n\nNobody is in it. It hums."
    assert user.patch(ticket, json={"title": "The lift is stuck again", "body": better}).is_success
    assert other.post(f"{ticket}/notes", json={"body": "The company that looks after it comes at noon."}).is_success
    assert admin.put(f"{ticket}/priority", json={"priority": "urgent"}).is_success
    assert other.put(f"{ticket}/assignee", json={"assignee_id": admin.get("/api/auth/me").json()["id"]}).is_success
    admin.post("/api/audit/verify")
    for client in (admin, user):
        eventually(partial(_told, client), within=60, what="notifications")
    return number


def _told(client: Any) -> bool:
    return bool(client.get("/api/notifications/unread-count").json()["count"])


@contextmanager
def window(browser: Browser, desk: Desk, who: str, look: str) -> Iterator[Page]:
    """Open a window in which that person is signed in."""
    with browser.new_context(base_url=desk.url, timezone_id="Europe/Berlin", **LOOKS[look]) as context:
        page = context.new_page()
        page.goto("/login")
        if who != "nobody":
            page.get_by_label("E-mail").fill(f"{who}@example.com")
            page.get_by_label("Password", exact=True).fill(DEMO_PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url("**/tickets")
        yield page


def draw(desk: Desk, into: Path) -> None:
    """Write every picture into a directory."""
    ticket = furnish(desk)
    into.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        for picture in pictures(ticket):
            with window(browser, desk, picture.who, picture.look) as page:
                answer = page.goto(picture.path)
                if answer is None or answer.status != 200:
                    raise RuntimeError(f"{picture.path} is {answer and answer.status}.")
                if picture.then is not None:
                    picture.then(page)
                page.screenshot(path=into / f"{picture.name}.png")
                print(f"{picture.name}.png  {picture.path}")
        browser.close()


def _chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        sys.exit("There is no Chromium: make test-tools installs it.")
    return found


if __name__ == "__main__":
    _chromium()
    with tempfile.TemporaryDirectory() as scratch, Desk(Path(scratch)) as running:
        draw(running, PICTURES)
