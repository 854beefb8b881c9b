"""What the desk knows of people: as much as auth has told, and of who asks what comes with them."""

import sqlite3 as sqlite
from pathlib import Path

import httpx2

from tests.integration.tickets.conftest import Desk, good, refused, running_desk
from tests.support.house import eventually

PASSWORD = "plum-garden-seven-ships"


async def newcomer(desk: Desk) -> tuple[str, httpx2.AsyncClient]:
    """Somebody who has just registered and signed in, and their client of the desk."""
    async with desk.house.client("auth") as door:
        account = {"name": "Nora Neu", "email": "nora@example.com", "password": PASSWORD}
        id_ = good(await door.post("/api/auth/register", json=account), 201)["id"]
        answer = await door.post("/api/auth/login", json={"email": account["email"], "password": PASSWORD})
        good(answer)
        return id_, desk.house.client("tickets", cookies={"sid": answer.cookies["sid"]})


async def led_by_another(desk: Desk) -> None:
    """Start the desk again as one of two replicas: the other one, which hears of nothing, has the lease."""
    service = desk.house.running("tickets").service
    await desk.house.stop("tickets")
    with sqlite.connect(desk.house.settings.data_dir / "tickets.sqlite3") as connection:
        connection.execute("INSERT OR REPLACE INTO leases VALUES ('leader', 'elsewhere/1/00', '2999-01-01T00:00:00.000000Z')")
    connection.close()
    await desk.house.start(service)


async def test_people_see_their_own_name_before_the_desk_has_heard_of_them(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        await led_by_another(desk)
        id_, client = await newcomer(desk)
        async with client:
            ticket = good(await client.post("/api/tickets", json={"title": "a", "body": "b"}), 201)
            me = {"id": id_, "name": "Nora Neu", "email": "nora@example.com"}
            assert ticket["requester"] == me
            assert good(await client.get(f"/api/tickets/{ticket['id']}"))["requester"] == me
            assert good(await client.get("/api/tickets"))["items"][0]["requester"] == me
            assert good(await client.patch(f"/api/tickets/{ticket['id']}", json={"title": "c"}))["requester"] == me
            (first, _) = good(await client.get(f"/api/tickets/{ticket['id']}/history"))["items"]
            assert first["actor"]["name"] == "Nora Neu"
        assert good(await desk.ada.get(f"/api/tickets/{ticket['id']}"))["requester"] == {"id": id_, "name": None, "email": None}


async def test_a_ticket_is_not_given_to_an_admin_who_has_left(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        ticket = await desk.open()
        good(await desk.put(ticket, "assignee", desk.ids["alf"]))
        async with desk.house.client("auth", cookies=dict(desk.ada.cookies)) as auth:
            good(await auth.patch(f"/api/auth/users/{desk.ids['alf']}", json={"active": False}))
            await desk.house.settled()
            assert good(await desk.put(ticket, "assignee", desk.ids["alf"]))["version"] == 2  # as it is: nothing happens
            good(await desk.put(ticket, "assignee", None))
            refused(await desk.put(ticket, "assignee", desk.ids["alf"]), 422, "invalid")
            good(await auth.patch(f"/api/auth/users/{desk.ids['alf']}", json={"active": True}))
            await desk.house.settled()
        good(await desk.put(ticket, "assignee", desk.ids["alf"]))


async def test_the_desk_works_while_the_broker_is_down(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        ticket = await desk.open()
        desk.house.broker.kill()
        await eventually(lambda: not desk.house.running("tickets").broker.connected)
        other = await desk.open(title="Without a broker")
        good(await desk.put(ticket, "status", "resolved"))
        assert good(await desk.anna.get("/api/tickets?q=without"))["items"][0]["id"] == other["id"]
        desk.house.broker.start()
        await desk.house.settled()
        await eventually(lambda: desk.house.running("tickets").relay.lag().events == 0)
