"""Why, asked of a desk with all its services: by those whom it concerns, and by nobody else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from events.contracts.user import UserErased
from events.decider import Context
from events.envelope import Actor, chain
from tests.integration.notifier.conftest import Inboxes, inboxes, soon
from tests.integration.tickets.conftest import Json, good, refused
from tests.support.house import declared
from tests.support.stores import Append
from tickets.why_routes import WhyOut


@dataclass(frozen=True)
class Asking:
    there: Inboxes
    boss: httpx2.AsyncClient
    """Ada at the escalator."""

    async def why(self, client: httpx2.AsyncClient, ticket: Json | int, **query: str) -> Json:
        answer = await self.ask(client, ticket, **query)
        WhyOut.model_validate_json(answer.content)
        explained: Json = good(answer)
        assert explained["ticket_id"] == (ticket if isinstance(ticket, int) else ticket["id"])
        return explained

    async def ask(self, client: httpx2.AsyncClient, ticket: Json | int, **query: str) -> httpx2.Response:
        number = ticket if isinstance(ticket, int) else ticket["id"]
        return await client.get(f"/api/tickets/{number}/why", params=query)

    async def last(self, ticket: Json, type_: str) -> str:
        """Return the id of the ticket's last event of that type."""
        history = good(await self.there.desk.ada.get(f"/api/tickets/{ticket['id']}/history", params={"limit": 100}))["items"]
        found: str = [entry["id"] for entry in history if entry["action"] == type_][-1]
        return found

    async def told(self, name: str, ticket: Json) -> Json:
        """Return the newest notification that somebody has of a ticket."""
        return next(item for item in await self.there.told(getattr(self.there, name)) if item["ticket_id"] == ticket["id"])

    async def policies(self, *policies: Json, **more: Any) -> None:
        good(await self.boss.put("/api/escalations/policies", json={"policies": list(policies), **more}))


def policy(name: str, after: str, **more: Any) -> Json:
    return {"name": name, "levels": [{"after": after}], **more}


def kinds(explained: Json) -> list[str]:
    return [step["event"]["type"] if step["kind"] == "event" else step["kind"] for step in explained["steps"]]


@asynccontextmanager
async def asking_at(directory: Path) -> AsyncIterator[Asking]:
    async with inboxes(directory) as there:
        await there.desk.house.start(declared("escalator"))
        async with there.desk.house.client("escalator", cookies={"sid": there.desk.ada.cookies["sid"]}) as boss:
            await there.desk.house.settled()
            yield Asking(there, boss)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    async with asking_at(tmp_path_factory.mktemp("desk")) as running:
        yield running


async def test_from_the_click_to_the_message(desk: Asking) -> None:
    ada, anna = desk.there.desk.ada, desk.there.desk.anna
    ticket = await desk.there.desk.open()
    clicked = await ada.put(f"/api/tickets/{ticket['id']}/status", json={"status": "in_progress"})
    notification = await desk.told("anna", ticket)
    explained = await desk.why(anna, ticket, notification=notification["id"])
    assert explained["happened"]
    assert kinds(explained) == ["request", "ticket.status_changed", "rule", "notification"]
    click, event, _, message = explained["steps"]
    assert click["request"] == event["request"] == clicked.headers["x-request-id"]
    assert click["actor"] == event["actor"] == {"kind": "user", "id": desk.there.desk.ids["ada"], "name": "Admin A"}
    assert event["event"]["id"] == await desk.last(ticket, "ticket_status_changed")
    assert message["sentence"] == f"User A was told: “{notification['subject']}”."
    assert explained == await desk.why(ada, ticket, notification=notification["id"])
    assert explained == await desk.why(anna, ticket, event=event["event"]["id"])
    assert explained == await desk.why(ada, ticket, event=event["event"]["id"], person=desk.there.desk.ids["anna"])


async def test_an_event_that_is_named_is_the_one_of_the_feed(desk: Asking) -> None:
    ticket = await desk.there.desk.open()
    await desk.there.assign(ticket, "alf")
    explained = await desk.why(desk.there.desk.alf, ticket, notification=(await desk.told("alf", ticket))["id"])
    feed = good(
        await desk.there.desk.ada.get("/api/events", params={"entity": "ticket", "entity_id": str(ticket["id"]), "type": "ticket.assigned"})
    )
    [head] = [item["event"]["head"] | {"hash": item["event"]["hash"]} for item in feed["items"]]
    assert explained["steps"][1]["event"] == {name: head[name] for name in ("id", "source", "sequence", "type", "hash")}


async def test_a_notification_is_explained_to_who_has_it_and_to_admins_alone(desk: Asking) -> None:
    there = desk.there.desk
    ticket = await there.open()
    await desk.there.assign(ticket, "alf")
    notification = (await desk.told("alf", ticket))["id"]
    assert (await desk.why(there.alf, ticket, notification=notification))["happened"]
    for client in (there.anna, there.ben):  # the ticket is Anna's, and the notification is not
        refused(await desk.ask(client, ticket, notification=notification), 404, "not-found")
    refused(await desk.ask(there.anonymous, ticket, notification=notification), 401, "not-signed-in")
    other = await there.open()
    refused(await desk.ask(there.alf, other, notification=notification), 404, "not-found")
    refused(await desk.ask(there.alf, ticket, notification="0193b3f1-9fa0-761a-802f-aec59d0d5465"), 404, "not-found")


async def test_who_asks_about_an_event_asks_for_themselves_and_an_admin_for_anybody(desk: Asking) -> None:
    there = desk.there.desk
    ticket = await there.open()
    good(await there.put(ticket, "status", "resolved"))
    good(await there.ada.post(f"/api/tickets/{ticket['id']}/notes", json={"body": "For admins."}), 201)
    await there.house.settled()
    event, note = await desk.last(ticket, "ticket_status_changed"), await desk.last(ticket, "ticket_note_added")
    refused(await desk.ask(there.anna, ticket, event=event, person=there.ids["alf"]), 403, "not-permitted")
    refused(await desk.ask(there.ben, ticket, event=event, person=there.ids["alf"]), 404, "not-found")
    refused(await desk.ask(there.ben, ticket, event=event), 404, "not-found")
    refused(await desk.ask(there.anna, ticket, event=note), 404, "not-found")
    refused(await desk.ask(there.ada, ticket, event="0193b3f1-9fa0-761a-802f-aec59d0d5465"), 404, "not-found")
    assert (await desk.why(there.ada, ticket, event=note))["reason"] == "tells-nobody"
    assert (await desk.why(there.ada, ticket, event=event, person="me"))["reason"] == "not-concerned"
    assert (await desk.why(there.ada, ticket, event=event, person=there.ids["ben"]))["reason"] == "not-concerned"


async def test_who_did_it_is_not_told_and_told_why(desk: Asking) -> None:
    there = desk.there.desk
    ticket = await there.open(there.ada)
    good(await there.put(ticket, "status", "resolved"))
    await there.house.settled()
    explained = await desk.why(there.ada, ticket, event=await desk.last(ticket, "ticket_status_changed"))
    assert (explained["happened"], explained["reason"]) == (False, "own-deed")
    assert explained["summary"] == "Admin A was not told. Admin A did it, and nobody is told of what they did themselves."


async def test_who_was_erased_is_nobody_any_more(desk: Asking) -> None:
    there, auth = desk.there.desk, desk.there.desk.house.running("auth")
    async with there.house.client("auth") as door:
        body = {"name": "Erin", "email": "erin@example.com", "password": "four-words-say-more"}
        erin = good(await door.post("/api/auth/register", json=body), 201)
        login = await door.post("/api/auth/login", json={name: body[name] for name in ("email", "password")})
    async with there.house.client("tickets", cookies={"sid": login.cookies["sid"]}) as client:
        ticket = await there.open(client)
    by = Context(actor=Actor(kind="system", id="operator"), at=auth.environment.now())
    await auth.writer.execute(Append(f"user/{erin['id']}", [UserErased()], by))
    await there.house.settled()
    good(await there.put(ticket, "priority", "high"))
    explained = await desk.why(there.ada, ticket, event=await desk.last(ticket, "ticket_created"), person=erin["id"])
    assert explained["steps"][1]["actor"] == {"kind": "user", "id": erin["id"], "name": None}
    assert explained["steps"][1]["sentence"] == "Somebody who was erased opened the ticket, with priority normal."


async def test_a_ticket_that_a_newer_version_opened_is_explained_as_far_as_it_can_be_read(desk: Asking) -> None:
    there = desk.there.desk
    ticket = await there.open()
    good(await there.put(ticket, "status", "in_progress"))
    await there.house.settled()
    event = await desk.last(ticket, "ticket_status_changed")
    written_by_a_newer_version(there.house.settings.data_dir / "tickets.sqlite3", f"ticket/{ticket['id']}")
    explained = await desk.why(there.anna, ticket, event=event)
    assert kinds(explained) == ["request", "ticket.status_changed", "rule", "notification"]
    refused(await desk.ask(there.ben, ticket, event=event), 404, "not-found")
    problem = refused(await desk.ask(there.anna, ticket, escalation="default:1"), 503, "unavailable")
    assert problem["detail"].startswith("The ticket was opened by a newer version of the desk.")


def written_by_a_newer_version(path: Path, subject: str) -> None:
    """Give a stream's first event a version that nobody here can read."""
    pysqlite3 = pytest.importorskip("pysqlite3", reason="the system's SQLite may be too old for these tests")
    connection = pysqlite3.connect(path, timeout=30, isolation_level=None)
    try:
        guards = list(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'"))
        connection.execute("BEGIN IMMEDIATE")
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        where = "WHERE subject = ? AND streamversion = 1"
        [(head, prevhash)] = connection.execute(f"SELECT head, prevhash FROM events {where}", (subject,))
        newer = head.replace(b'"dataversion":1,', b'"dataversion":99,')
        connection.execute(f"UPDATE events SET dataversion = 99, head = ?, hash = ? {where}", (newer, chain(prevhash, newer), subject))
        for _, sql in guards:
            connection.execute(sql)
        connection.execute("COMMIT")
    finally:
        connection.close()


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"person": "me"},
        {"escalation": "default:1", "person": "me"},
        {"escalation": "default:1", "event": "x"},
        {"event": "x", "notification": "x"},
        {"escalation": "default:1", "escalated": "x"},
    ],
    ids=str,
)
async def test_one_question_is_asked_at_a_time(desk: Asking, query: dict[str, str]) -> None:
    ticket = await desk.there.desk.open()
    refused(await desk.ask(desk.there.desk.anna, ticket, **query), 422, "invalid")
    refused(await desk.ask(desk.there.desk.ben, ticket, **query), 404, "not-found")


@pytest.mark.parametrize("escalation", ["", "default:0", "default:x", "default:100", "Default:1", "default:1:1", "a b", ":1"])
async def test_a_level_that_cannot_be_meant_is_refused(desk: Asking, escalation: str) -> None:
    refused(await desk.ask(desk.there.desk.ada, 1, escalation=escalation), 422, "invalid")


async def test_a_level_or_a_ticket_that_never_was_is_not_found(desk: Asking) -> None:
    ticket = await desk.there.desk.open()
    for escalation in ("nothing:1", "default:9"):
        refused(await desk.ask(desk.there.desk.anna, ticket, escalation=escalation), 404, "not-found")
    refused(await desk.ask(desk.there.desk.ada, 999_999_999, escalation="default:1"), 404, "not-found")


async def test_an_escalation_is_explained_to_the_requester_and_to_admins_and_to_nobody_else(desk: Asking) -> None:
    there = desk.there.desk
    ticket = await there.open()
    await there.house.settled()
    for client in (there.anna, there.ada):
        assert (await desk.why(client, ticket, escalation="default:1"))["reason"] == "not-due-yet"
    refused(await desk.ask(there.ben, ticket, escalation="default:1"), 404, "not-found")


async def test_why_not_yet_and_then_why(desk: Asking) -> None:
    """By way of every reason that a policy can give, to the message that all admins get at last."""
    there = desk.there.desk
    later, urgent = policy("later", "100d"), policy("fast", "1s", when={"priority": ["urgent"]})
    await desk.policies(policy("default", "24h"), later, urgent)
    ticket = await there.open()
    await there.house.settled()

    async def reason(name: str = "fast:1") -> str | None:
        why: str | None = (await desk.why(there.anna, ticket, escalation=name))["reason"]
        return why

    assert await reason("later") == "not-due-yet"
    assert await reason() == "other-priority"
    good(await there.put(ticket, "status", "in_progress"))
    good(await there.put(ticket, "priority", "urgent"))
    await there.house.settled()
    assert await reason() == "not-open"
    await desk.policies(policy("default", "24h"), later)
    assert await reason() == "policy-gone"
    await desk.policies(policy("default", "24h"), later, urgent)
    good(await there.put(ticket, "status", "open"))

    async def escalated() -> bool:
        return await reason() is None

    await soon(escalated, 30)
    await there.house.settled()
    explained = await desk.why(there.anna, ticket, escalation="fast:1")
    assert kinds(explained)[-1] == "ticket.escalated"
    event = await desk.last(ticket, "ticket_escalated")
    assert await desk.why(there.anna, ticket, escalated=event) == explained
    refused(await desk.ask(there.ben, ticket, escalated=event), 404, "not-found")
    for other in (await desk.last(ticket, "ticket_created"), "nothing"):
        refused(await desk.ask(there.anna, ticket, escalated=other), 404, "not-found")
    notification = await desk.told("alf", ticket)
    explained = await desk.why(there.alf, ticket, notification=notification["id"])
    assert kinds(explained)[:2] == ["request", "ticket.created"]
    assert kinds(explained)[-8:] == [
        "escalation.policy_changed", "ticket.status_changed", "deadline", "escalation.due", "ticket.escalated", "rule", "job",
        "notification",
    ]  # fmt: skip
    change = next(step for step in explained["steps"] if step["event"] and step["event"]["type"] == "escalation.policy_changed")
    assert change["actor"]["name"] == "Admin A"
    ours = await desk.why(there.anna, ticket, escalation="fast:1")
    change = next(step for step in ours["steps"] if step["event"] and step["event"]["type"] == "escalation.policy_changed")
    assert change["actor"] is None
    assert change["sentence"].startswith("An admin ")
    assert (await desk.why(there.anna, ticket, event=event))["reason"] == "not-admin"
    await desk.policies(policy("default", "24h"))
    assert (await desk.why(there.anna, ticket, escalation="fast:1"))["happened"], "What has escalated has, whatever becomes of the policy."


async def test_a_ticket_that_is_older_than_a_policy_is_not_the_policys(desk: Asking) -> None:
    there = desk.there.desk
    ticket = await there.open()
    await there.house.settled()
    names = (f"late-{number}" for number in range(1000))

    async def is_older() -> bool:
        """Once it is a second old, a level of one second that comes to be, or comes back, does not concern it."""
        name = next(names)
        for _ in range(2):
            await desk.policies(policy("default", "24h"), policy(name, "1s", when={"assigned": True}))
            explained = await desk.why(there.anna, ticket, escalation=name)
            await desk.policies(policy("default", "24h"))
        assert explained["reason"] in ("unassigned", "older-than-policy")
        return bool(explained["reason"] == "older-than-policy")

    await soon(is_older, 30)
    assert await is_older()


async def test_somebody_who_is_no_admin_any_more_sees_what_they_were_told_and_no_more(desk: Asking) -> None:
    there = desk.there.desk
    ticket = await there.open()
    await desk.there.assign(ticket, "alf")
    notification = (await desk.told("alf", ticket))["id"]
    async with there.house.client("auth", cookies={"sid": there.ada.cookies["sid"]}) as auth:
        good(await auth.patch(f"/api/auth/users/{there.ids['alf']}", json={"role": "user"}))
        try:

            async def demoted() -> bool:
                return (await there.alf.get(f"/api/tickets/{ticket['id']}")).status_code == 404

            await soon(demoted)
            explained = await desk.why(there.alf, ticket, notification=notification)
            assert kinds(explained) == ["request", "ticket.assigned", "rule", "notification"]
            assert (await desk.why(there.alf, ticket, event=await desk.last(ticket, "ticket_assigned"))) == explained
            refused(await desk.ask(there.alf, ticket, event=await desk.last(ticket, "ticket_created")), 404, "not-found")
            refused(await desk.ask(there.alf, ticket, escalation="default:1"), 404, "not-found")
        finally:
            good(await auth.patch(f"/api/auth/users/{there.ids['alf']}", json={"role": "admin"}))


async def test_the_operator_sees_what_an_admin_sees(desk: Asking) -> None:
    there = desk.there.desk
    ticket = await there.open()
    await there.house.settled()
    async with there.house.peer("tickets", "operator") as operator:
        answer = good(await operator.get("/internal/why", params={"ticket": ticket["id"], "escalation": "default:1"}))
    assert answer == await desk.why(there.ada, ticket, escalation="default:1")
    async with there.house.peer("tickets") as peer:
        refused(await peer.get("/internal/why", params={"ticket": ticket["id"], "escalation": "default:1"}), 403, "not-permitted")


async def test_while_a_service_that_has_to_be_asked_is_down_there_is_no_answer_yet(tmp_path: Path) -> None:
    async with asking_at(tmp_path) as desk:
        there = desk.there.desk
        ticket = await there.open()
        good(await there.put(ticket, "status", "in_progress"))
        notification = (await desk.told("anna", ticket))["id"]
        await there.house.stop("escalator")
        answer = await desk.ask(there.anna, ticket, escalation="default:1")
        refused(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1
        assert (await desk.why(there.anna, ticket, notification=notification))["happened"], "Nobody has to ask the escalator for that."
        await there.house.stop("notifier")
        answer = await desk.ask(there.anna, ticket, notification=notification)
        refused(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1
