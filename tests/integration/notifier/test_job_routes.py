"""Jobs over HTTP, in a desk that has a way out of the house: admins see them and revive what is dead; nobody else does."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from notifier.app import declare
from notifier.channels import Refused
from tests.integration.notifier.conftest import INBOX, Inboxes, inboxes, soon
from tests.integration.notifier.office import Outside
from tests.integration.tickets.conftest import Json, good, refused

JOBS = "/api/jobs"


@dataclass(frozen=True)
class Mailing:
    inboxes: Inboxes
    mail: Outside

    async def assign(self, *fails: Exception) -> Json:
        """Let Alf be assigned a ticket, and return the job of the mail about it once it was tried; `fails` is what goes wrong with it."""
        self.mail.fails = list(fails)
        known = {job["id"] for job in await self.jobs(type="email")}
        await self.inboxes.assign(await self.inboxes.desk.open(), "alf")
        found: list[Json] = []

        async def tried() -> bool:
            nonlocal found
            found = [job for job in await self.jobs(type="email") if job["id"] not in known]
            return bool(found) and found[0]["status"] not in ("queued", "processing")

        await soon(tried)
        return found[0]

    async def jobs(self, **query: Any) -> list[Json]:
        items: list[Json] = good(await self.inboxes.ada.get(JOBS, params={"limit": 100, **query}))["items"]
        return items


@pytest.fixture(scope="module")
async def mailing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mailing]:
    mail = Outside(repeatable=False)
    async with inboxes(tmp_path_factory.mktemp("mailing"), declare({"email": mail})) as there:
        yield Mailing(there, mail)


async def test_what_was_sent_is_listed_with_what_it_was_about(mailing: Mailing) -> None:
    job = await mailing.assign()
    newest = (await mailing.inboxes.told(mailing.inboxes.alf))[0]
    assert (job["status"], job["attempts"], job["last_error"]) == ("succeeded", 1, None)
    assert (job["notification_id"], job["recipient_id"]) == (newest["id"], mailing.inboxes.desk.ids["alf"])
    assert good(await mailing.inboxes.ada.get(f"{JOBS}/{job['id']}")) == job


async def test_who_wants_no_mail_gets_none_and_is_told_in_the_desk_all_the_same(mailing: Mailing) -> None:
    there = mailing.inboxes
    good(await there.anna.put(f"{INBOX}/preferences", json={"email": False}))
    ticket = await there.desk.open()
    await there.resolve(ticket)
    assert await there.kinds(there.anna, ticket) == ["ticket.status_changed"]
    assert there.desk.ids["anna"] not in {job["recipient_id"] for job in await mailing.jobs(type="email")}


async def test_a_dead_job_is_revived_by_an_admin_and_that_is_in_the_audit(mailing: Mailing) -> None:
    there = mailing.inboxes
    job = await mailing.assign(Refused("The mailbox is full."))
    assert (job["status"], job["last_error"]) == ("dead", "The mailbox is full.")
    assert job["id"] in {dead["id"] for dead in await mailing.jobs(status="dead")}
    key = {"Idempotency-Key": f"again-{job['id']}"}
    answer = await there.ada.post(f"{JOBS}/{job['id']}/retry", headers=key)
    queued = good(answer, 202)
    assert (queued["id"], queued["status"], queued["attempts"]) == (job["id"], "queued", 0)

    async def sent() -> bool:
        now = good(await there.ada.get(f"{JOBS}/{job['id']}"))
        return bool(now["status"] == "succeeded")

    await soon(sent)
    assert good(await there.ada.post(f"{JOBS}/{job['id']}/retry", headers=key), 202) == queued
    problem = refused(await there.ada.post(f"{JOBS}/{job['id']}/retry"), 409, "not-dead")
    assert problem["job_status"] == "succeeded"
    await there.desk.house.settled()
    listed = good(await there.desk.ada.get("/api/audit", params={"action": "job_retried", "entity": "job", "entity_id": job["id"]}))[
        "items"
    ]
    assert [(entry["source"], entry["actor"]["id"]) for entry in listed] == [("/notifier", there.desk.ids["ada"])]


async def test_what_may_have_arrived_is_unknown_and_not_revived(mailing: Mailing) -> None:
    job = await mailing.assign(OSError("cut off"))
    assert job["status"] == "unknown"
    refused(await mailing.inboxes.ada.post(f"{JOBS}/{job['id']}/retry"), 409, "not-dead")


async def test_jobs_are_listed_page_by_page_by_status_and_type(mailing: Mailing) -> None:
    ada = mailing.inboxes.ada
    await mailing.assign()
    everything = await mailing.jobs()
    assert len(everything) >= 2
    assert [job["id"] for job in everything] == sorted((job["id"] for job in everything), reverse=True)
    found: list[str] = []
    query: dict[str, Any] = {"limit": 1}
    while True:
        page = good(await ada.get(JOBS, params=query))
        found += [job["id"] for job in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert found == [job["id"] for job in everything]
    for filters in (
        {"type": "email"},
        {"type": "in_app"},
        {"status": "succeeded"},
        {"status": "succeeded", "type": "email"},
        {"type": "no_such"},
    ):
        wanted = [job for job in everything if all(job[name] == value for name, value in filters.items())]
        assert await mailing.jobs(**filters) == wanted
    cursor = good(await ada.get(JOBS, params={"limit": 1}))["next_cursor"]
    refused(await ada.get(JOBS, params={"cursor": cursor, "type": "email"}), 422, "invalid")
    for bad in ({"status": "lost"}, {"type": "E-Mail"}, {"type": ""}, {"state": "dead"}):
        refused(await ada.get(JOBS, params=bad), 422, "invalid")


async def test_jobs_are_the_admins_alone(mailing: Mailing) -> None:
    there = mailing.inboxes
    job = (await mailing.jobs())[0]
    for method, path in (("GET", ""), ("GET", f"/{job['id']}"), ("GET", "/none"), ("POST", f"/{job['id']}/retry"), ("POST", "/none/retry")):
        refused(await there.anna.request(method, JOBS + path), 403, "not-permitted")
        refused(await there.anonymous.request(method, JOBS + path), 401, "not-signed-in")
    refused(await there.ada.get(f"{JOBS}/none"), 404, "not-found")
    refused(await there.ada.post(f"{JOBS}/none/retry"), 404, "not-found")


async def test_the_operator_lists_and_revives_jobs_by_the_back_door_and_a_service_only_looks(mailing: Mailing) -> None:
    there = mailing.inboxes
    job = await mailing.assign(Refused("No."))
    house = there.desk.house
    async with house.peer("notifier", "operator") as operator, house.peer("notifier") as peer:
        listed = good(await operator.get("/internal/jobs", params={"status": "dead"}))["items"]
        assert listed == await mailing.jobs(status="dead")
        assert good(await peer.get("/internal/jobs", params={"status": "dead"}))["items"] == listed
        refused(await peer.post(f"/internal/jobs/{job['id']}/retry"), 403, "not-permitted")
        assert good(await operator.post(f"/internal/jobs/{job['id']}/retry"), 202)["status"] == "queued"
        refused(await operator.post("/internal/jobs/none/retry"), 404, "not-found")
    refused(await there.ada.get("/internal/jobs"), 403, "not-permitted")
    await house.settled()
    listed = good(await there.desk.ada.get("/api/audit", params={"action": "job_retried", "entity_id": job["id"]}))["items"]
    assert [entry["actor"]["kind"] for entry in listed] == ["system"]


async def test_dead_and_unknown_jobs_show_in_the_figures(mailing: Mailing) -> None:
    await mailing.assign(Refused("No."))
    await mailing.assign(OSError())
    async with httpx2.AsyncClient(base_url=mailing.inboxes.desk.house.url("notifier"), trust_env=False) as anybody:

        async def shown() -> bool:
            figures = good(await anybody.get("/readyz"))["figures"]
            counted = [len(await mailing.jobs(status=status)) for status in ("dead", "unknown")]
            return counted == [figures["jobs_dead"], figures["jobs_unknown"]] and 0 not in counted

        await soon(shown)
