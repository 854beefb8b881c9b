"""An admin sees how the parts of the desk are, and tries again what failed."""

import sqlite3
from contextlib import closing

import pytest
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
