"""An admin sees how the parts of the desk are, and tries again what failed."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.e2e.web.conftest import Open
from tests.support.desk import Desk
from tests.support.waiting import eventually

expect.set_options(timeout=60_000)


def a_dead_job(desk: Desk) -> str:
    """Return the id of a job that was done, and is as one that failed eight times: nothing else in a desk that is well makes one."""
    admin = desk.client("admina")
    number = desk.client("usera").post("/api/tickets", json={"title": "Told", "body": "Once."}).json()["id"]
    admin.put(f"/api/tickets/{number}/status", json={"status": "in_progress"}).raise_for_status()
    eventually(lambda: _done(desk), within=60, what="a job that is done")
    job = _done(desk)
    with closing(sqlite3.connect(desk.data_dir / "notifier.sqlite3", timeout=30)) as store, store:
        store.execute("UPDATE jobs SET status = 'dead', attempts = 8, last_error = '<b>No such mailbox</b>' WHERE id = ?", (job,))
    return str(job)


def _done(desk: Desk) -> str | None:
    found = desk.client("admina").get("/api/jobs", params={"status": "succeeded"}).json()["items"]
    return str(found[0]["id"]) if found else None


def test_an_admin_tries_a_job_again_that_failed_for_good(desk: Desk, open_as: Open) -> None:
    job = a_dead_job(desk)
    page = open_as("admina")
    page.goto("/admin/health")
    page.get_by_role("link", name="failed for good").click()
    row = page.locator(".row", has_text=job)
    expect(row).to_contain_text("<b>No such mailbox</b>")
    row.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("It is tried again, with all its tries.")).to_be_visible()
    expect(page.locator(".row", has_text=job)).to_have_count(0)
    page.goto(f"/audit?entity=job&entity_id={job}")
    expect(page.locator(".log > li", has_text="retried a job")).to_have_count(1)


def a_parked_event(desk: Desk) -> int:
    """Return the sequence of an event of auth that the notifier has done, and is as one that failed until all its tries were used up."""
    mail = f"{uuid4().hex}@example.com"
    desk.client().post("/api/auth/register", json={"name": "Parked", "email": mail, "password": "four-words-say-more"}).raise_for_status()
    person = desk.client(mail, "four-words-say-more").get("/api/auth/me").json()["id"]

    def heard() -> tuple[Any, ...] | None:
        with closing(sqlite3.connect(desk.data_dir / "tickets.sqlite3", timeout=30)) as store:
            found = "SELECT source, sequence, subject, type, wire FROM journal WHERE subject = ? AND type = 'user.logged_in'"
            return store.execute(found, (f"user/{person}",)).fetchone()  # type: ignore[no-any-return]

    eventually(lambda: heard() is not None, within=60, what="the event in the journal")
    event = heard()
    assert event is not None
    sequence = int(event[1])
    eventually(lambda: _position(desk) >= sequence, within=60, what="the notifier past it")
    with closing(sqlite3.connect(desk.data_dir / "notifier.sqlite3", timeout=30)) as store, store:
        fate = ("99", None, "ValueError at <notifier>/rules.py:42", "2026-11-27T07:00:00.000000Z")
        store.execute("INSERT INTO parked VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*event, *fate))
    return sequence


def _position(desk: Desk) -> int:
    consumers = desk.client("admina").get("/api/notifier/system").json()["consumers"]
    return int(next(each["position"] for each in consumers if each["source"] == "/auth"))


@pytest.fixture
def nothing_parked_after(desk: Desk) -> Iterator[None]:
    """Leave the shared desk as it was, whatever became of the test."""
    yield
    with closing(sqlite3.connect(desk.data_dir / "notifier.sqlite3", timeout=30)) as store, store:
        store.execute("DELETE FROM parked WHERE tries = 99")


@pytest.mark.usefixtures("nothing_parked_after")
def test_an_admin_tries_a_parked_event_again_and_gives_another_up(desk: Desk, open_as: Open) -> None:
    first, second = a_parked_event(desk), a_parked_event(desk)
    page = open_as("admina")
    page.goto("/admin/parked?service=notifier")
    expect(page.get_by_text("ValueError at <notifier>/rules.py:42").first).to_be_visible()
    page.get_by_role("button", name=f"Try again : event {first} of /auth").click()
    expect(page.get_by_text(f"Event {first} of auth is handled now.")).to_be_visible()

    page.locator("summary", has_text=f"event {second} of").click()
    form = page.locator(f"form[action$='/notifier/auth/{second}/skip']")
    form.get_by_label("Why").select_option("not-needed")
    form.get_by_label("I am sure").check()
    assert Axe().run(page).violations_count == 0, Axe().run(page).generate_report()
    form.get_by_role("button", name="Give it up").click()
    expect(page.get_by_text(f"Event {second} of auth is given up.")).to_be_visible()
    page.goto("/audit?action=event_skipped")
    expect(page.locator(".log > li", has_text="gave a parked event up").first).to_contain_text("Admin A")


def test_the_health_of_every_part_is_told_with_the_next_deadlines(desk: Desk, open_as: Open) -> None:
    desk.client("usera").post("/api/tickets", json={"title": "Due", "body": "Tomorrow."}).raise_for_status()
    page = open_as("admina")
    page.goto("/admin/health")
    for name in ("auth", "tickets", "notifier", "escalator"):
        expect(page.get_by_role("heading", name=name).first).to_be_visible()
    expect(page.get_by_role("region", name="Next deadlines").get_by_role("link", name="default").first).to_be_visible()
    page.get_by_role("link", name="Parked events").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Parked events")


@pytest.mark.parametrize("path", ["/admin/jobs", "/admin/parked", "/admin/health"])
def test_what_goes_on_inside_the_desk_is_for_admins(desk: Desk, path: str) -> None:
    assert desk.client("usera").get(path).status_code == 403


@pytest.mark.parametrize("path", ["/admin/jobs/1/retry", "/admin/parked/notifier/tickets/1/retry", "/admin/parked/notifier/tickets/1/skip"])
def test_no_customer_moves_what_failed(desk: Desk, path: str) -> None:
    answer = desk.client("usera").post(path, data={"reason": "not-needed", "sure": "yes"})
    assert answer.status_code in {403, 404}
