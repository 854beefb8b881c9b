"""What the notifier knows of people is derived: filled anew from auth's feed it is the same, row for row, and nobody is told again."""

from pathlib import Path
from typing import Any

from sqlalchemy import Table, delete, insert, select

from events.decider import Key, Transaction
from events.rebuilding import rebuild
from notifier.tables import inboxes as inbox_table
from notifier.tables import jobs, notifications, people
from tests.integration.notifier.conftest import Inboxes, inboxes
from tests.integration.tickets.conftest import good

REGISTRATION = {"name": "Nora Nagel", "email": "nora@example.com", "password": "four-words-say-more"}


def rows(there: Inboxes, *tables: Table) -> dict[str, list[Any]]:
    with there.desk.house.running("notifier").store.read() as connection:
        return {table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))] for table in tables}


class Damage:
    """Makes the derived table wrong: one person is gone, and there is one who never was."""

    sql = True

    def reads(self) -> list[Key]:
        return []

    def run(self, tx: Transaction) -> None:
        some = tx.connection.execute(select(people.c.id).limit(1)).scalar_one()
        tx.connection.execute(delete(people).where(people.c.id == some))
        nobody = {"id": "nobody", "name": "Nobody", "role": "admin", "active": True, "can_sign_in": True}
        tx.connection.execute(insert(people), nobody)


async def busy_time(there: Inboxes) -> None:
    """People come, change and go, and are told of things."""
    house = there.desk.house
    async with house.client("auth", cookies={"sid": there.ada.cookies["sid"]}) as admin:
        nora = good(await admin.post("/api/auth/register", json=REGISTRATION), 201)["id"]
        for id_, change in (
            (nora, {"role": "admin"}),
            (there.desk.ids["alf"], {"active": False}),
            (there.desk.ids["ben"], {"active": False}),
            (there.desk.ids["ben"], {"active": True}),
            (nora, {"role": "user"}),
        ):
            good(await admin.patch(f"/api/auth/users/{id_}", json=change))
    for _ in range(3):
        await there.resolve(await there.desk.open())
    await there.told(there.anna)


async def test_people_filled_anew_are_the_same_and_nobody_is_told_again(tmp_path: Path) -> None:
    async with inboxes(tmp_path) as there:
        await busy_time(there)
        live = there.desk.house.running("notifier")
        before, told = rows(there, people), rows(there, notifications, inbox_table, jobs)
        assert len(before["people"]) >= 7
        assert {row[2:] for row in before["people"]} == {("user", 1, 1), ("admin", 1, 1), ("admin", 0, 1)}
        await live.writer.execute(Damage())
        assert rows(there, people) != before
        subscription = next(one for one in live.parts.subscriptions if one.source == "/auth")
        await rebuild(writer=live.writer, store=live.store, own="/notifier", subscription=subscription, feed=live.peers.feed)
        assert rows(there, people) == before
        assert rows(there, notifications, inbox_table, jobs) == told
