"""Several units as one: in their order, all in one transaction, each refused alone."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from events.contracts.ticket import TicketStatusChanged
from events.decider import Context, Key, Transaction, Unit
from events.environment import real_environment
from events.errors import Conflict, DomainError, Unavailable
from events.in_order import InOrder
from tests.support.stores import Shop


@dataclass(frozen=True)
class Step:
    """Appends an event to a ticket, and then, perhaps, refuses. Returns how many events the ticket has."""

    ticket: int
    context: Context
    error: Exception | None = None

    def reads(self) -> Iterable[Key]:
        return [("stream", f"ticket/{self.ticket}")]

    def run(self, tx: Transaction) -> int:
        subject = f"ticket/{self.ticket}"
        event = TicketStatusChanged(requester="anna", assignee=None, before={"status": "open"}, after={"status": "resolved"})
        tx.append(subject, [event], self.context)
        tx.put(("counter", "steps"), int(tx.state(("counter", "steps"))) + 1)
        if self.error is not None:
            raise self.error
        return tx.stream(subject).version


@dataclass(frozen=True)
class Count:
    """Returns how many steps were taken."""

    def reads(self) -> Iterable[Key]:
        return [("counter", "steps")]

    def run(self, tx: Transaction) -> int:
        return int(tx.state(("counter", "steps")))


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    made = Shop(tmp_path / "shop.sqlite3", "/tickets", real_environment())
    yield made
    await made.close()


async def run(shop: Shop, *units: Unit[int]) -> list[int | DomainError]:
    return await shop.writer.execute(InOrder(units))


async def test_units_see_what_those_before_them_did(shop: Shop) -> None:
    context = shop.context()
    assert await run(shop, Step(1, context), Step(2, context), Step(1, context), Count()) == [1, 1, 2, 3]
    assert [stored.subject for stored in shop.log()] == ["ticket/1", "ticket/2", "ticket/1"]
    assert await run(shop, Step(1, context), Count()) == [3, 4]


async def test_a_refused_unit_leaves_no_trace_and_the_others_are_done(shop: Shop) -> None:
    context, refusal = shop.context(), Conflict("No.")
    assert await run(shop, Step(1, context), Step(1, context, refusal), Step(2, context, refusal), Step(1, context), Count()) == [
        1,
        refusal,
        refusal,
        2,
        2,
    ]
    assert [stored.streamversion for stored in shop.log()] == [1, 2]
    assert await run(shop, Count()) == [2]


@pytest.mark.parametrize("error", [Unavailable("Not now."), ValueError("a mistake")])
async def test_what_is_nobodys_refusal_undoes_all_of_them(shop: Shop, error: Exception) -> None:
    context = shop.context()
    with pytest.raises(type(error)):
        await run(shop, Step(1, context), Step(2, context, error))
    assert shop.log() == []
    assert await run(shop, Step(1, context), Count()) == [1, 1]


async def test_nothing_to_do_is_nothing(shop: Shop) -> None:
    assert await run(shop) == []
