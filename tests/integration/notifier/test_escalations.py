"""An escalation, from the deadline to the inboxes, over all four services: the assignee hears, or every admin who can sign in."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.notifier.conftest import Inboxes, inboxes, soon
from tests.integration.notifier.listening import listening
from tests.integration.tickets.conftest import Json, good
from tests.support.house import declared

POLICIES: Json = {
    "policies": [{"name": "soon", "levels": [{"after": "1s"}, {"after": "2s", "notify": "admins"}]}],
    "apply_to_past": True,
}


@pytest.fixture(scope="module")
async def strict(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Inboxes]:
    """A desk on which a ticket may be open for one second, and then for two."""
    async with inboxes(tmp_path_factory.mktemp("strict")) as there:
        house = there.desk.house
        await house.start(declared("escalator"))
        async with house.client("escalator", cookies={"sid": there.ada.cookies["sid"]}) as admin:
            good(await admin.put("/api/escalations/policies", json=POLICIES))
        await house.settled()
        yield there


async def escalated(there: Inboxes, ticket: Json, level: int) -> None:
    async def there_yet() -> bool:
        return bool(good(await there.desk.ada.get(f"/api/tickets/{ticket['id']}"))["escalation_level"] >= level)

    await soon(there_yet)


async def test_every_admin_hears_once_of_what_nobody_has_taken_on(strict: Inboxes) -> None:
    async with listening(strict.alf) as stream:
        ticket = await strict.desk.open()
        heard = await stream.until("notification")
        assert (heard["kind"], heard["ticket_id"]) == ("ticket.escalated", ticket["id"])
        assert "nobody has taken on" in heard["message"]
        heard = await stream.until("notification")
        assert heard["subject"] == f"Ticket #{ticket['id']} was escalated to level 2"
    assert await strict.kinds(strict.ada, ticket) == ["ticket.escalated"] * 2
    assert await strict.kinds(strict.alf, ticket) == ["ticket.escalated"] * 2
    assert await strict.kinds(strict.anna, ticket) == []


async def test_the_assignee_hears_alone_until_a_level_is_for_all_admins(strict: Inboxes) -> None:
    ticket = await strict.desk.open()
    await strict.assign(ticket, "alf")
    await escalated(strict, ticket, 1)
    assert (await strict.kinds(strict.alf, ticket))[:2] == ["ticket.assigned", "ticket.escalated"]
    await escalated(strict, ticket, 2)

    async def all_told() -> bool:
        return len(await strict.kinds(strict.alf, ticket)) == 3 and len(await strict.kinds(strict.ada, ticket)) == 1

    await soon(all_told)
    newest = (await strict.told(strict.ada))[0]
    assert "which is assigned to" in newest["message"]
