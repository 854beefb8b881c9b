import asyncio
from dataclasses import replace
from functools import partial

import pytest

from chassis.supervise import background, forever, together
from events.environment import Environment, real_environment


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def environment(slept: list[float]) -> Environment:
    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    return replace(real_environment(), sleep=sleep)


async def test_a_task_that_fails_begins_again_later_each_time(
    environment: Environment, slept: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    tries = 0

    async def body() -> None:
        nonlocal tries
        tries += 1
        if tries < 9:
            raise RuntimeError("not yet")

    await forever(body, environment)
    assert slept == [0.25, 0.5, 1, 2, 4, 8, 10, 10]
    assert caplog.text.count("begins again") == 8


async def test_what_a_task_was_given_is_not_in_the_log(environment: Environment, caplog: pytest.LogCaptureFixture) -> None:
    tries = iter([True, False])

    async def work(secret: str) -> None:
        if next(tries):
            raise RuntimeError(f"it failed with {len(secret)} letters")

    await forever(partial(partial(work), "hunter2"), environment)
    assert "work failed" in caplog.text
    assert "hunter2" not in caplog.text


async def test_one_that_fails_does_not_stop_the_others(environment: Environment) -> None:
    failed = asyncio.Event()
    ended = asyncio.Event()

    async def failing() -> None:
        failed.set()
        await asyncio.sleep(0)
        raise RuntimeError("always")

    async def waiting() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def both() -> None:
        await together([failing, waiting], environment)

    async with background(both, environment):
        await failed.wait()
        failed.clear()
        await failed.wait()
        assert not ended.is_set()
    assert ended.is_set()


async def test_leaving_the_block_waits_for_the_task_to_have_ended(environment: Environment) -> None:
    order: list[str] = []
    started = asyncio.Event()

    async def body() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            order.append("cleaned up")

    async with background(body, environment):
        await started.wait()
    order.append("left")
    assert order == ["cleaned up", "left"]
