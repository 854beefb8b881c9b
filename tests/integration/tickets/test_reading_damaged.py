"""A log that somebody changed is read in words: what can still be shown is, and what cannot is refused, with what to do about it."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx2
import pytest

from events.envelope import COLUMNS
from tests.integration.tickets.conftest import Desk, Json, good, refused, running_desk
from tests.integration.tickets.damage import damaged, pysqlite3

VALUES = ["NULL", "'x'", "7", "X'FF'", "CAST(X'FFFE' AS TEXT)", "CAST('[1]' AS BLOB)", """CAST('{"title":5}' AS BLOB)"""]


@dataclass(frozen=True)
class Told:
    desk: Desk
    ticket: Json
    opened: str
    """The event that opened it."""
    first: int
    last: int

    async def asked(self) -> AsyncIterator[httpx2.Response]:
        """Yield the answers to all that is read from the own log about one ticket."""
        path, then = f"/api/tickets/{self.ticket['id']}", {"as_of": self.ticket["updated_at"]}
        ada = self.desk.ada
        for query in ({}, then, {"version": "1"}, {"at": str(self.last)}):
            yield await ada.get(path, params=query)
        for rest in ("/history", "/notes"):
            yield await ada.get(path + rest)
            yield await ada.get(path + rest, params=then)
        yield await ada.get("/api/tickets", params=then)
        yield await ada.get("/api/tickets/counts", params=then)
        yield await ada.get(f"{path}/why", params={"escalation": "default"})
        yield await ada.get(f"{path}/why", params={"event": self.opened})
        yield await ada.get(f"{path}/why", params={"escalated": self.opened})
        yield await ada.get("/api/audit")
        yield await ada.get("/api/events")


@pytest.fixture(scope="module")
async def told(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Told]:
    """A ticket with a history, all of which was read once: that it is read is no news that would be written behind what is changed."""
    async with running_desk(tmp_path_factory.mktemp("told"), "auth", "tickets", "notifier", "escalator") as desk:
        ticket = await desk.open()
        good(await desk.put(ticket, "priority", "high"))
        good(await desk.anna.patch(f"/api/tickets/{ticket['id']}", json={"title": "The screen"}))
        good(await desk.ada.post(f"/api/tickets/{ticket['id']}/notes", json={"body": "A fuse."}), 201)
        ticket = good(await desk.put(ticket, "status", "in_progress"))
        await desk.house.settled()
        history = good(await desk.ada.get(f"/api/tickets/{ticket['id']}/history"))["items"]
        made = Told(desk, ticket, history[0]["id"], history[0]["sequence"], history[-1]["sequence"])
        statuses = [answer.status_code async for answer in made.asked()]
        assert [status for status in statuses if status != 200] == [404]  # it was never escalated
        await desk.house.settled()
        yield made


@pytest.mark.parametrize("column", COLUMNS)
async def test_whatever_stands_in_a_column_is_shown_or_refused_in_words(told: Told, column: str) -> None:
    for value in VALUES:
        with (
            contextlib.suppress(pysqlite3.IntegrityError),
            damaged(told.desk, told.first, f"UPDATE events SET {column} = {value} WHERE sequence = :n"),
        ):
            async for answer in told.asked():
                if answer.status_code not in (200, 404):  # where its row says that it is of another ticket, there is no such event
                    assert "Let the stores be verified" in refused(answer, 409, "log-broken")["detail"], (value, answer.url)
