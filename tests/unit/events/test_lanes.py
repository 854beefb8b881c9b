"""Lanes: what takes long in one of them holds up nobody in another, and who waits too long in vain is told to come back."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from events.errors import Unavailable
from events.lanes import Lane


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Where work waits until it is opened."""
    made = threading.Event()
    yield made
    made.set()


def lane(patience: float = 0.05) -> Lane:
    return Lane("counting sheep", 2, patience)


async def begun(some: Lane, gate: threading.Event, count: int) -> list[asyncio.Task[bool]]:
    """Let so many begin in the lane, or wait in it."""
    tasks = [asyncio.create_task(some.run(lambda: gate.wait(60), patient=True)) for _ in range(count)]
    await asyncio.sleep(0)
    assert some.crowd == count
    return tasks


async def test_who_waits_in_vain_is_told_when_to_come_back(gate: threading.Event) -> None:
    full = lane()
    tasks = await begun(full, gate, 2)
    with pytest.raises(Unavailable, match="Too many ask for this at once: counting sheep") as refused:
        await full.run(lambda: True)
    assert refused.value.retry_after == 1
    gate.set()
    assert await asyncio.gather(*tasks) == [True, True]
    assert await full.run(lambda: 7) == 7
    full.close()


async def test_the_patient_are_served_in_their_order_and_others_in_another_lane_at_once(gate: threading.Event) -> None:
    full, other, served = lane(), lane(), list[int]()
    tasks = await begun(full, gate, 2)
    waiting = [asyncio.create_task(full.run(lambda number=number: served.append(number), patient=True)) for number in range(4)]  # type: ignore[misc]
    assert await other.run(lambda: 7) == 7
    assert served == []
    gate.set()
    await asyncio.gather(*tasks, *waiting)
    assert sorted(served) == [0, 1, 2, 3]
    for each in (full, other):
        each.close()


async def test_a_place_is_taken_until_the_work_has_ended_though_nobody_waits_for_it_any_more(gate: threading.Event) -> None:
    full = lane()
    tasks = await begun(full, gate, 2)
    for task in tasks:
        task.cancel()
    assert [type(each) for each in await asyncio.gather(*tasks, return_exceptions=True)] == [asyncio.CancelledError] * 2
    with pytest.raises(Unavailable):
        await full.run(lambda: True)
    gate.set()
    assert await full.run(lambda: 7, patient=True) == 7
    full.close()


async def test_what_fails_leaves_its_place(gate: threading.Event) -> None:
    some = lane()
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            await some.run(lambda: 1 // 0)
    assert (await some.run(lambda: 7), some.crowd) == (7, 0)
    some.close()


async def test_nobody_is_let_in_where_there_is_a_crowd(gate: threading.Event) -> None:
    full = lane()
    tasks = await begun(full, gate, 3)
    full.require_room(4, retry_after=30)
    with pytest.raises(Unavailable) as refused:
        full.require_room(3, retry_after=30)
    assert refused.value.retry_after == 30
    gate.set()
    await asyncio.gather(*tasks)
    full.require_room(1, retry_after=30)
    full.close()
