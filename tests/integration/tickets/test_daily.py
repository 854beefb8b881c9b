"""Verification by itself: when it is due, by whom, one at a time, and where its result is told."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.decider import Context
from events.envelope import Actor
from events.times import from_text, to_text
from tests.integration.tickets.conftest import Desk, good, refused, running_desk
from tests.integration.tickets.damage import damaged
from tests.integration.tickets.test_audit import entries
from tickets import audit_routes
from tickets.daily import due
from tickets.turns import Turn
from tickets.verification import Verification

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def result(ok: bool | None) -> dict[str, Any]:
    return {"ok": ok, "checked_at": to_text(NOON), "stores": []}


@given(st.floats(0, 1), st.sampled_from([True, False]))
def test_the_next_is_due_a_day_after_the_last_and_a_little_later_each_time(jitter: float, ok: bool) -> None:
    assert NOON + DAY <= due(DAY, result(ok), NOON, jitter) <= NOON + DAY + DAY / 20


def test_a_desk_that_was_never_verified_is_so_soon_and_not_at_once() -> None:
    assert due(DAY, None, NOON, 0) == NOON + MINUTE
    assert due(DAY, None, NOON, 1) == NOON + MINUTE + DAY / 20


@given(st.floats(0, 1), st.sampled_from([True, False, None]), st.sampled_from([DAY, timedelta(seconds=1)]))
def test_an_overdue_desk_lets_the_others_start_first(jitter: float, ok: bool | None, every: timedelta) -> None:
    assert due(every, result(ok), NOON + 5 * DAY, jitter) == NOON + 5 * DAY + min(MINUTE, every / 20)


def test_what_could_not_be_asked_is_asked_again_within_the_hour() -> None:
    assert due(DAY, result(None), NOON, 0) == NOON + timedelta(hours=1)
    assert due(timedelta(minutes=5), result(None), NOON, 0) == NOON + timedelta(minutes=5)


async def verified(desk: Desk) -> list[dict[str, Any]]:
    return await entries(desk, action="ledger_verified")


async def until_verified(desk: Desk, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(60):
        while len(found := await verified(desk)) < count:  # noqa: ASYNC110 -- it is asked as an auditor asks
            await asyncio.sleep(0.1)
    return found


async def test_every_store_is_verified_by_itself_again_and_again(tmp_path: Path) -> None:
    async with running_desk(tmp_path, "auth", "tickets", "notifier", "escalator", verify_every="1s") as desk:
        found = await until_verified(desk, 3)
        assert found[0]["actor"] == {"kind": "system", "id": "tickets", "name": "tickets"}
        told = good(await desk.ada.get("/api/audit/verify"))
        assert told["ok"] is True
        times = [from_text(entry["time"]) for entry in found]
        assert all(later - earlier >= timedelta(seconds=0.9) for later, earlier in pairwise(times))


@pytest.fixture(scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with running_desk(tmp_path_factory.mktemp("desk"), "auth", "tickets", "notifier", "escalator") as running:
        yield running


async def test_two_processes_of_a_service_verify_once(desk: Desk) -> None:
    live = desk.house.running("tickets")
    context = Context(actor=Actor(kind="system", id="tickets"), at=live.environment.now())
    before = len(await verified(desk))
    one, other = await asyncio.gather(*(Verification(live).result(context, within_s=None) for _ in range(2)))
    assert one == other
    assert len(await verified(desk)) == before + 1


async def test_while_one_runs_it_is_told_how_far_it_is(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await desk.ada.post("/api/audit/verify")
    assert "ste-progress" not in (await desk.ada.get("/api/audit/verify")).headers
    live = desk.house.running("tickets")
    elsewhere = Turn(live.writer, live.environment)
    assert await elsewhere.take()
    monkeypatch.setattr(audit_routes, "PATIENCE_S", 0)
    async with elsewhere:
        started, meanwhile = await desk.ada.post("/api/audit/verify"), await desk.ada.get("/api/audit/verify")
    assert (started.status_code, started.json()) == (202, {"status": "running"})
    for answer in (started, meanwhile):
        done, total = map(int, answer.headers["ste-progress"].split("/"))
        assert 0 < done == total, "as far as the last one came"
    assert meanwhile.json() == good(first)
    async with asyncio.timeout(60):
        while (await desk.ada.get("/api/audit/verify")).json() == first.json():  # noqa: ASYNC110 -- as above
            await asyncio.sleep(0.05)


async def test_before_the_first_is_finished_that_is_told(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        live = desk.house.running("tickets")
        elsewhere = Turn(live.writer, live.environment)
        assert await elsewhere.take()
        async with elsewhere:
            assert "A verification runs" in refused(await desk.ada.get("/api/audit/verify"), 404, "not-found")["detail"]
        assert "A verification runs" not in refused(await desk.ada.get("/api/audit/verify"), 404, "not-found")["detail"]


async def test_what_it_found_is_told_by_the_services_health(desk: Desk) -> None:
    async def readiness(status: str) -> dict[str, Any]:
        async with asyncio.timeout(30), desk.house.client("tickets") as client:
            while (body := (await client.get("/readyz")).json())["status"] != status:  # noqa: ASYNC110 -- a look holds for a second
                await asyncio.sleep(0.1)
        return dict(body)

    ticket = await desk.open()
    first = (await entries(desk, entity="ticket", entity_id=str(ticket["id"])))[0]["sequence"]
    for _ in range(3):
        await desk.open()
    await desk.house.settled()
    with damaged(desk, first, "UPDATE events SET actorid = 'somebody' WHERE sequence = :n"):
        assert good(await desk.ada.post("/api/audit/verify"))["ok"] is False
        ready = await readiness("degraded")
        assert ready["figures"]["verified_ok"] == 0
        (reason,) = [each for each in ready["reasons"] if "verification" in each]
        assert f"found the store of /tickets damaged at event {first}: Its column actorid" in reason
    assert good(await desk.ada.post("/api/audit/verify"))["ok"] is True
    ready = await readiness("ok")
    assert (ready["figures"]["verified_ok"], ready["reasons"]) == (1, [])
