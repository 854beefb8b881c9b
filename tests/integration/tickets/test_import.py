"""Rows of another desk's history: decided as live commands are, with their own times and people, each once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select

from chassis.tables import QUOTAS
from events.store import log_head, read_log
from events.tables import events
from events.times import to_text
from tests.integration.tickets.conftest import Desk, Json, good, refused, running_desk
from tickets.importing import forget
from tickets.tables import imported_rows

OPENED, LATER, LAST = "2016-02-29T01:16:00.000000Z", "2016-02-29T01:23:00.000000Z", "2016-03-01T12:00:00.000000Z"
PATH = "/internal/import"


class There:
    """A desk, the operator at it, and the people of a history: two callers, Rita and Ron, and two who handle tickets, Hal and Hedy."""

    def __init__(self, desk: Desk, operator: httpx2.AsyncClient) -> None:
        self.desk, self.operator = desk, operator
        self.ids: dict[str, str] = {}
        self.heard = 0

    async def people(self, **roles: str) -> None:
        async with self.desk.house.peer("auth", "operator") as auth:
            people = [{"name": name, "role": role, "at": OPENED} for name, role in roles.items()]
            told = good(await auth.post(PATH, json={"source": "there", "people": people}))
        self.ids |= {name: found["id"] for name, found in zip(roles, told["people"], strict=True)}
        self.heard = told["head"]

    def row(self, number: str, row: str = "1", **values: Any) -> Json:
        """Return a row of Hal's that opens a ticket of Rita's; people are named."""
        requester = self.ids[values.pop("requester", "rita")]
        opening = {"requester": requester, "at": OPENED, "title": f"Ticket {number}", "body": "It burns."}
        made = {"number": number, "row": row, "at": LATER, "by": "hal", "opening": opening, **values}
        for name in ("by", "assignee"):
            made |= {name: self.ids.get(made[name], made[name])} if name in made else {}
        return {name: value for name, value in made.items() if value != "left out"}

    async def bring(self, *rows: Any, source: str = "there") -> list[Json]:
        answer = await self.operator.post(PATH, json={"source": source, "heard": self.heard, "rows": rows})
        told: list[Json] = good(answer)["rows"]
        return told

    def log(self, ticket: int) -> list[Any]:
        """Return the events of a ticket."""
        with self.desk.house.running("tickets").store.read() as connection:
            return [stored for stored in read_log(connection, 0, 10_000) if stored.subject == f"ticket/{ticket}"]

    def head(self) -> int:
        with self.desk.house.running("tickets").store.read() as connection:
            return log_head(connection).sequence


@pytest.fixture(scope="module")
async def there(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[There]:
    async with (
        running_desk(tmp_path_factory.mktemp("import"), rate_limits="on") as desk,
        desk.house.peer("tickets", "operator") as operator,
    ):
        made = There(desk, operator)
        await made.people(rita="user", ron="user", hal="admin", hedy="admin")
        yield made


async def test_a_row_happens_at_its_time_by_its_person_and_is_marked_as_imported(there: There) -> None:
    (told,) = await there.bring(there.row("story", assignee="hedy", priority="high", status="in_progress", note="Called her."))
    assert told == {"ticket": told["ticket"], "new": True, "events": 4}
    log = there.log(told["ticket"])
    assert [(stored.type, stored.time, stored.actorkind, stored.actorid, stored.imported) for stored in log] == [
        ("ticket.created", OPENED, "user", there.ids["rita"], True),
        ("ticket.assigned", LATER, "user", there.ids["hal"], True),
        ("ticket.status_changed", LATER, "user", there.ids["hal"], True),
        ("ticket.note_added", LATER, "user", there.ids["hal"], True),
    ]
    shown = good(await there.desk.ada.get(f"/api/tickets/{told['ticket']}"))
    assert (shown["title"], shown["body"], shown["priority"], shown["status"]) == ("Ticket story", "It burns.", "high", "in_progress")
    assert (shown["requester"]["email"], shown["assignee"]["name"]) == ("rita@imported.invalid", "hedy")
    assert (shown["created_at"], shown["updated_at"]) == (OPENED, LATER)


async def test_a_ticket_gets_the_desks_next_number(there: There) -> None:
    live = await there.desk.open(there.desk.ada)
    (told,) = await there.bring(there.row("INC0000001"))
    assert told["ticket"] == live["id"] + 1
    assert (await there.desk.open(there.desk.ada))["id"] == live["id"] + 2


async def test_what_a_row_leaves_out_stays_and_nobody_is_somebody(there: There) -> None:
    rows = [
        there.row("steps", "1", assignee="hal", priority="urgent"),
        there.row("steps", "2", at=LAST, status="resolved"),
        there.row("steps", "3", at=LAST, assignee=None, opening="left out"),
        there.row("steps", "4", at=LAST, assignee=None, priority="urgent", status="resolved"),
    ]
    told = await there.bring(*rows)
    assert [each["events"] for each in told] == [2, 1, 1, 0]
    shown = good(await there.desk.ada.get(f"/api/tickets/{told[0]['ticket']}"))
    assert (shown["priority"], shown["status"], shown["assignee"]) == ("urgent", "resolved", None)


async def test_with_each_row_it_is_kept_how_far_its_ticket_was(there: There) -> None:
    """So that a restore to an earlier moment can take back the rows whose events it takes back."""
    rows = [there.row("kept", str(row), status=status) for row, status in enumerate(("in_progress", "in_progress", "resolved"), 1)]
    told = await there.bring(*rows)
    with there.desk.house.running("tickets").store.read() as connection:
        kept = connection.execute(select(imported_rows).where(imported_rows.c.number == "kept").order_by(imported_rows.c.row_key)).all()
    assert [(row.source, row.row_key, row.ticket, row.version) for row in kept] == [
        ("there", "1", told[0]["ticket"], 2),
        ("there", "2", told[0]["ticket"], 2),
        ("there", "3", told[0]["ticket"], 3),
    ]
    with there.desk.house.running("tickets").store.writing.connect() as connection:

        def left(kept: int) -> list[str]:
            """Return the rows that are known after a cut behind this event, which is undone again."""
            forget(connection, kept)
            found = connection.scalars(select(imported_rows.c.row_key).where(imported_rows.c.number == "kept"))
            keys = sorted(found)
            connection.rollback()
            return keys

        last = there.log(told[0]["ticket"])[-1].sequence
        assert [left(last - back) for back in range(4)] == [["1", "2", "3"], ["1", "2"], [], []]


async def test_what_is_in_is_not_added_again_also_from_within_one_request(there: There) -> None:
    rows = [there.row("again", "1", status="in_progress"), there.row("again", "2", at=LAST, status="resolved")]
    first = await there.bring(rows[0])
    both = await there.bring(*rows, rows[1])
    head = there.head()
    again = await there.bring(*rows)
    assert [each["new"] for each in (*first, *both, *again)] == [True, False, True, False, False, False]
    assert len({each["ticket"] for each in (*first, *both, *again)}) == 1
    assert there.head() == head
    await there.desk.house.restart("tickets")
    assert [each["new"] for each in await there.bring(*rows)] == [False, False]


async def test_two_imports_at_once_add_once(there: There) -> None:
    rows = [
        there.row(f"at-once-{number}", str(row), status=status) for number in range(5) for row, status in ((1, "open"), (2, "resolved"))
    ]
    head = there.head()
    answers = await asyncio.gather(*(there.bring(*rows) for _ in range(4)))
    assert len({tuple(each["ticket"] for each in answer) for answer in answers}) == 1
    assert sum(each["new"] for answer in answers for each in answer) == len(rows)
    assert there.head() - head == sum(each["events"] for answer in answers for each in answer) == 10


async def test_a_key_is_one_rows_and_one_sources(there: There) -> None:
    await there.bring(there.row("taken", status="resolved"))
    head = there.head()
    (other,) = await there.bring(there.row("taken", status="in_progress"))
    assert "says something else" in other["refused"]
    assert there.head() == head
    (elsewhere,) = await there.bring(there.row("taken", status="in_progress"), source="elsewhere")
    assert elsewhere["new"]


async def test_a_row_of_the_same_facts_is_the_same_however_its_texts_are_made(there: There) -> None:
    row = there.row("texts")
    await there.bring(row)
    (again,) = await there.bring({**row, "opening": {**row["opening"], "title": "As it is written today", "body": "More of it."}})
    assert again["new"] is False


async def test_an_auditor_sees_what_was_imported_and_when(there: There) -> None:
    began = to_text(datetime.now(UTC))
    (told,) = await there.bring(there.row("told apart", status="in_progress"))
    good(await there.desk.put({"id": told["ticket"]}, "priority", "low"))
    path, about = f"/api/tickets/{told['ticket']}/history", {"entity": "ticket", "entity_id": str(told["ticket"])}
    history = good(await there.desk.ada.get(path))["items"]
    assert [(entry["time"] == LATER, entry["imported"]) for entry in history[1:]] == [(True, True), (False, False)]
    assert (history[0]["time"], history[0]["imported"]) == (OPENED, True)
    assert began <= history[0]["recorded_at"] <= history[1]["recorded_at"] <= history[2]["recorded_at"] <= to_text(datetime.now(UTC))
    listed = good(await there.desk.ada.get("/api/audit", params=about))["items"]
    searched = good(await there.operator.get("/internal/audit", params=about))["items"]
    assert listed == searched == history[::-1]


async def test_history_is_added_to_and_never_changed(there: There) -> None:
    (told,) = await there.bring(there.row("late", "2", at=LAST, status="resolved"))
    (late,) = await there.bring(there.row("late", "1", at=LATER, status="in_progress"))
    assert f"Ticket {told['ticket']} has gone on until {LAST}" in late["refused"]
    good(await there.desk.put(told["ticket"], "status", "open"))
    (after,) = await there.bring(there.row("late", "3", at="2016-04-01T00:00:00.000000Z", status="resolved"))
    assert "has gone on until" in after["refused"]
    assert good(await there.desk.ada.get(f"/api/tickets/{told['ticket']}"))["status"] == "open"


async def test_a_refused_row_leaves_no_trace_and_the_rest_goes_in(there: There) -> None:
    head = there.head()
    wrong = there.row("partly", "1", assignee="ron", status="in_progress")
    before, first, second, behind = await there.bring(
        there.row("before"), wrong, there.row("partly", "2", status="resolved"), there.row("behind")
    )
    assert first == {"refused": "This is not an active admin."}
    assert [each["events"] for each in (before, second, behind)] == [1, 2, 1]
    assert [stored.type for stored in there.log(second["ticket"])] == ["ticket.created", "ticket.status_changed"]
    assert behind["ticket"] == second["ticket"] + 1  # its number was not used up
    assert there.head() == head + 4
    assert (await there.bring(wrong))[0]["refused"] == "This is not an active admin."


async def test_a_row_that_opens_nothing_needs_a_ticket(there: There) -> None:
    (orphan,) = await there.bring(there.row("orphan", opening="left out"))
    assert "does not say how it was opened" in orphan["refused"]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"status": "closed"}, "status"),
        ({"priority": "P1"}, "priority"),
        ({"number": ""}, "number"),
        ({"number": "x" * 201}, "number"),
        ({"row": "x" * 65}, "row"),
        ({"at": "2016-02-29T01:23:00Z"}, "at"),
        ({"at": 7}, "at"),
        ({"at": "1969-12-31T23:59:59.000000Z"}, "at must not be before 1970"),
        ({"at": "2999-01-01T00:00:00.000000Z"}, "at must not be in the future"),
        ({"by": "no/body"}, "by"),
        ({"note": ""}, "note"),
        ({"note": "x" * 10_001}, "note"),
        ({"opening": {}}, "opening.requester"),
        ({"stauts": "open"}, "stauts"),
    ],
)
async def test_a_row_that_cannot_be_meant_is_refused_alone(there: There, values: Json, why: str) -> None:
    wrong, sound = await there.bring({**there.row("wrong"), **values}, there.row(f"sound-{why}-{len(str(values))}"))
    assert why in wrong["refused"]
    assert sound["new"]


async def test_what_is_no_row_at_all_is_refused_alone(there: There) -> None:
    told = await there.bring("row", None, 7, [], there.row("sound"))
    assert ["refused" in each for each in told] == [True, True, True, True, False]


async def test_nobodys_limits_are_spent(there: There) -> None:
    def spent() -> int:
        with there.desk.house.running("tickets").store.read() as connection:
            return int(connection.scalar(select(func.count()).select_from(QUOTAS)) or 0)

    before = spent()
    told = await there.bring(*(there.row(f"many-{number}") for number in range(60)))
    assert all(each["new"] for each in told)
    assert spent() == before


async def test_rows_wait_until_everybody_in_them_is_known(there: There) -> None:
    there.heard += 1
    asked = asyncio.create_task(there.bring(there.row("patient", assignee="hedy")))
    await there.desk.house.settled()
    assert not asked.done()
    await there.people(latecomer="user")
    async with asyncio.timeout(30):
        (told,) = await asked
    assert told["events"] == 2


async def test_rows_about_people_of_whom_auth_has_just_told_are_taken_at_once(there: There) -> None:
    for number in range(5):
        name = f"resolver-{number}"
        await there.people(**{name: "admin"})
        (told,) = await there.bring(there.row(name, assignee=name))
        assert told["events"] == 2, told


async def test_only_the_operator_brings_rows(there: There) -> None:
    body = {"source": "there", "heard": 0, "rows": [there.row("mine")]}
    async with there.desk.house.peer("tickets") as peer:
        for client in (there.desk.ada, there.desk.anonymous, peer):
            refused(await client.post(PATH, json=body), 403, "not-permitted")
    for wrong in (
        {},
        {**body, "heard": -1},
        {**body, "source": "A b"},
        {**body, "rows": []},
        {**body, "rows": [None] * 101},
        {**body, "x": 1},
    ):
        refused(await there.operator.post(PATH, json=wrong), 422, "invalid")


async def test_an_import_into_a_desk_that_goes_on_keeps_the_order_of_its_rows(tmp_path: Path) -> None:
    """Rows of many tickets, in one request after the other while people open tickets: in the log they stand as they were sent."""
    async with running_desk(tmp_path) as desk, desk.house.peer("tickets", "operator") as operator:
        there = There(desk, operator)
        await there.people(rita="user", hal="admin")
        rows = [there.row(f"t{index % 7}", str(index), at=f"2016-03-01T00:{index:02}:00.000000Z", note=f"{index}") for index in range(60)]

        async def live() -> None:
            for _ in range(20):
                await desk.open()

        lively = asyncio.create_task(live())
        for start in range(0, 60, 20):
            assert all(each["new"] for each in await there.bring(*rows[start : start + 20]))
        await lively
        with desk.house.running("tickets").store.read() as connection:
            query = select(events.c.time).where(events.c.type == "ticket.note_added").order_by(events.c.sequence)
            assert list(connection.scalars(query)) == [row["at"] for row in rows]
