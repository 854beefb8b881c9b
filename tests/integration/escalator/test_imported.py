"""No deadline fires for a ticket that an import opened, however old it is, until a live event opens it again."""

from pathlib import Path
from typing import Any

from tests.integration.escalator.conftest import escalation
from tests.integration.tickets.conftest import good

OPENED, LATER = "2016-02-29T01:16:00.000000Z", "2016-02-29T01:23:00.000000Z"


def row(number: str, key: str, by: str, **values: Any) -> dict[str, Any]:
    opening = {"requester": by, "at": OPENED, "title": number, "body": "Years ago."}
    return {"number": number, "row": key, "at": LATER, "by": by, "opening": opening, **values}


async def test_an_imported_ticket_escalates_once_a_live_event_has_opened_it_again(tmp_path: Path) -> None:
    async with escalation(tmp_path, escalate_after="1s") as there:
        house = there.desk.house
        async with house.peer("auth", "operator") as auth, house.peer("tickets", "operator") as tickets:
            people = {"source": "there", "people": [{"name": "Hal", "role": "admin", "at": OPENED}]}
            told = good(await auth.post("/internal/import", json=people))
            hal = told["people"][0]["id"]
            rows = [
                row("left open", "1", hal),
                row("reopened there", "1", hal, status="resolved"),
                row("reopened there", "2", hal, status="open"),
                row("resolved", "1", hal, status="resolved"),
            ]
            done = good(await tickets.post("/internal/import", json={"source": "there", "heard": told["head"], "rows": rows}))["rows"]
        left_open, _, reopened, resolved = ({"id": each["ticket"]} for each in done)
        imported = (left_open, reopened, resolved)
        await there.escalated(await there.desk.open())  # by then the timer has looked at everything that is due
        assert [await there.escalations(ticket) for ticket in imported] == [[], [], []]

        good(await there.desk.put(left_open["id"], "priority", "urgent"))  # live, but it opens nothing
        good(await there.desk.put(left_open["id"], "assignee", there.desk.ids["ada"]))
        good(await there.desk.put(resolved["id"], "status", "open"))
        assert (await there.escalated(resolved))["created_at"] == OPENED
        await there.escalated(await there.desk.open())
        assert [await there.escalations(ticket) for ticket in imported] == [[], [], [1]]

        good(await there.desk.put(left_open["id"], "status", "in_progress"))
        good(await there.desk.put(left_open["id"], "status", "open"))
        await there.escalated(left_open)
        assert [await there.escalations(ticket) for ticket in imported] == [[1], [], [1]]
