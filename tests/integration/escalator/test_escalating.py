"""From a policy to an escalated ticket: once, and at the first moment at which it may be."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from tests.integration.escalator.conftest import DEADLINES, Escalation, escalation, soon
from tests.integration.tickets.conftest import good, refused
from tests.support.house import declared

DAY = {"name": "default", "levels": [{"after": "24h"}]}
AT_ONCE = {"name": "default", "levels": [{"after": "1s"}]}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop for the file, so that its tests can share a desk: each looks at tickets of its own, under policies of its own."""
    return "asyncio"


@pytest.fixture(scope="module")
async def there(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Escalation]:
    async with escalation(tmp_path_factory.mktemp("escalating")) as running:
        yield running


async def test_a_ticket_that_nobody_takes_escalates_once_at_its_deadline(there: Escalation) -> None:
    good(await there.set(AT_ONCE))
    ticket = await there.desk.open()
    found = await there.escalated(ticket)
    assert found["version"] == ticket["version"]
    (deadline,) = await there.deadlines_of(ticket, state="fired")
    created, due = (datetime.fromisoformat(text) for text in (ticket["created_at"], deadline["due_at"]))
    assert due - created == timedelta(seconds=1)
    assert datetime.fromisoformat(found["escalated_at"]) >= due
    assert deadline["fired_at"] == found["escalated_at"]
    assert await there.escalations(ticket) == [1]


async def test_the_escalation_follows_from_the_ask_and_the_ask_from_the_ticket(there: Escalation) -> None:
    good(await there.set(AT_ONCE))
    ticket = await there.desk.open()
    await there.escalated(ticket)
    heads = {}
    for source in ("tickets", "escalator"):
        async with there.desk.house.peer(source) as peer:
            told = good(await peer.get("/internal/events", params={"after": 0, "limit": 1000}))["events"]
        heads.update({wire["head"]["type"]: wire["head"] for wire in told if wire["head"]["subject"] == f"ticket/{ticket['id']}"})
    assert heads["escalation.due"]["causationid"] == heads["ticket.created"]["id"]
    assert heads["ticket.escalated"]["causationid"] == heads["escalation.due"]["id"]
    assert (heads["escalation.due"]["actorkind"], heads["escalation.due"]["actorid"]) == ("system", "escalator")


async def test_a_ticket_at_work_escalates_when_it_is_open_again(there: Escalation) -> None:
    good(await there.set(AT_ONCE))
    ticket = await there.desk.open()
    good(await there.desk.put(ticket, "status", "in_progress"))
    other = await there.desk.open()
    await there.escalated(other)  # so the deadline of the first, which is older, has passed too
    assert await there.escalations(ticket) == []
    good(await there.desk.put(ticket, "status", "open"))
    await there.escalated(ticket)
    assert await there.escalations(ticket) == [1]


async def test_a_condition_that_comes_true_later_escalates_then(there: Escalation) -> None:
    good(await there.set({**AT_ONCE, "when": {"priority": ["urgent"], "assigned": False}}))
    ticket, witness = await there.desk.open(), await there.desk.open(priority="urgent")
    await there.escalated(witness)
    assert await there.states(ticket) == {("default", 1): "pending"}
    good(await there.desk.put(ticket, "priority", "urgent"))
    await there.escalated(ticket)
    assert await there.escalations(ticket) == [1]


async def test_a_resolved_ticket_does_not_escalate_and_its_deadline_is_cancelled(there: Escalation) -> None:
    good(await there.set(AT_ONCE))
    ticket = await there.desk.open()
    good(await there.desk.put(ticket, "status", "resolved"))
    witness = await there.desk.open()
    await there.escalated(witness)
    assert await there.escalations(ticket) == []
    assert await there.states(ticket) == {("default", 1): "cancelled"}


async def test_levels_follow_each_other_and_none_comes_twice(there: Escalation) -> None:
    good(await there.set({"name": "default", "levels": [{"after": "1s"}, {"after": "2s", "notify": "admins"}]}))
    ticket = await there.desk.open()
    await there.escalated(ticket, level=2)
    for status in ("resolved", "open"):
        good(await there.desk.put(ticket, "status", status))
    await there.escalated(await there.desk.open(), level=2)
    assert await there.escalations(ticket) == [1, 2]


async def test_a_change_leaves_a_deadline_that_would_be_past_unless_it_applies_to_the_past(there: Escalation) -> None:
    good(await there.set(DAY))
    ticket = await there.desk.open()
    await there.desk.house.settled()
    (before,) = await there.deadlines_of(ticket)

    async def past() -> bool:
        opened = datetime.fromisoformat(ticket["created_at"])
        return there.desk.house.running("escalator").environment.now() > opened + timedelta(seconds=1)

    await soon(past)
    good(await there.set(AT_ONCE))
    assert await there.deadlines_of(ticket) == [before]
    good(await there.set({**AT_ONCE, "when": {"assigned": False}}, apply_to_past=True))
    await there.escalated(ticket)
    assert await there.escalations(ticket) == [1]


async def test_a_policy_that_is_taken_away_cancels_its_deadlines_and_brings_them_back_with_it(there: Escalation) -> None:
    good(await there.set(DAY))
    ticket = await there.desk.open()
    await there.desk.house.settled()
    good(await there.set())
    assert await there.states(ticket) == {("default", 1): "cancelled"}
    good(await there.set({"name": "default", "levels": [{"after": "2d"}]}))
    assert await there.states(ticket) == {("default", 1): "pending"}


async def test_what_became_due_while_the_escalator_was_down_escalates_when_it_is_back(there: Escalation) -> None:
    good(await there.set(AT_ONCE))
    escalated = await there.desk.open()
    await there.escalated(escalated)
    await there.desk.house.stop("escalator")
    ticket = await there.desk.open()
    await there.desk.house.start(declared("escalator"))
    await there.escalated(ticket)
    assert await there.escalations(ticket) == [1]
    assert await there.escalations(escalated) == [1]


async def test_nothing_escalates_twice_when_every_event_comes_again(there: Escalation) -> None:
    good(await there.set(AT_ONCE))
    ticket = await there.desk.open()
    await there.escalated(ticket)
    for name in ("tickets", "escalator"):
        async with there.desk.house.peer(name, "operator") as operator:
            assert (await operator.post("/internal/relay/refill")).is_success
    await there.desk.house.restart("escalator")
    await there.desk.house.restart("tickets")
    witness = await there.desk.open()
    await there.escalated(witness)
    assert await there.escalations(ticket) == [1]
    assert await there.states(ticket) == {("default", 1): "fired"}


async def test_deadlines_come_page_by_page_the_next_first(there: Escalation) -> None:
    good(await there.set({"name": "b", "levels": [{"after": "2h"}, {"after": "1h"}]}, {"name": "a", "levels": [{"after": "1h"}]}))
    opened = [(await there.desk.open())["id"] for _ in range(3)]
    await there.desk.house.settled()
    everything = await there.deadlines(state="pending")
    assert await there.deadlines(state="pending", limit=2) == everything
    assert [item["due_at"] for item in everything] == sorted(item["due_at"] for item in everything)
    own = [(item["policy"], item["level"]) for item in everything if item["ticket_id"] in opened]
    assert (sorted(own[:6]), own[6:]) == ([("a", 1)] * 3 + [("b", 2)] * 3, [("b", 1)] * 3)
    assert {item["ticket_id"] for item in await there.deadlines(state="fired")}.isdisjoint(opened)


async def test_of_one_ticket_it_is_told_when_it_escalates_and_whether_it_waits_for_more_than_its_time(there: Escalation) -> None:
    good(await there.set({"name": "b", "levels": [{"after": "2h"}, {"after": "1h"}]}, {"name": "a", "levels": [{"after": "1h"}]}))
    ticket, _ = await there.desk.open(), await there.desk.open()
    await there.desk.house.settled()
    pending = await there.deadlines(ticket=ticket["id"], state="pending")
    assert pending == [item for item in await there.deadlines(state="pending") if item["ticket_id"] == ticket["id"]]
    assert [(item["policy"], item["level"], item["ready"]) for item in pending] == [("a", 1, True), ("b", 2, True), ("b", 1, True)]
    assert await there.deadlines(ticket=ticket["id"], state="pending", limit=1) == pending
    assert await there.deadlines(ticket=ticket["id"]) == [*pending, *await there.deadlines(ticket=ticket["id"], state="cancelled")]
    assert await there.deadlines(ticket=999_999) == []

    good(await there.desk.put(ticket, "status", "in_progress"))
    await there.desk.house.settled()
    waiting = await there.deadlines(ticket=ticket["id"], state="pending")
    assert waiting == [{**item, "ready": False} for item in pending]


async def test_a_cursor_of_one_tickets_deadlines_is_good_for_no_others(there: Escalation) -> None:
    good(await there.set({"name": "b", "levels": [{"after": "2h"}, {"after": "1h"}]}))
    one, other = await there.desk.open(), await there.desk.open()
    await there.desk.house.settled()
    cursor = good(await there.admin.get(DEADLINES, params={"ticket": one["id"], "limit": 1}))["next_cursor"]
    refused(await there.admin.get(DEADLINES, params={"ticket": other["id"], "cursor": cursor}), 422, "invalid")
    refused(await there.admin.get(DEADLINES, params={"cursor": cursor}), 422, "invalid")
