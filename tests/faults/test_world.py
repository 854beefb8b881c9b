"""The world around the desk breaks while people work: the desk comes back by itself; nothing acknowledged is lost, nothing doubled."""

from collections.abc import Iterator

import pytest

from tests.faults.load import Load, compare, compare_sequences
from tests.faults.world import FAULTS, Fault, caught_up, desk_on_disks, lacking
from tests.faults.world.processes import second
from tests.support.desk import Desk
from tests.support.waiting import eventually

_AT_ONCE = 10
"""Tickets that one person may open in ten minutes."""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk_on_disks(tmp_path_factory.mktemp("world")) as running:
        yield running


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_desk_keeps_every_promise(desk: Desk, fault: Fault) -> None:
    if reason := lacking(fault, desk):
        pytest.skip(reason)
    with Load(desk) as load:
        fault.run(desk, load)
    eventually(lambda: caught_up(desk), within=20, what="catching up")
    compare(desk, load.promised)
    compare_sequences(desk)


def test_two_processes_that_limit_what_one_person_opens_count_together(desk: Desk) -> None:
    limited = {"STE_RATE_LIMITS": "on"}
    with second(desk, "tickets", **limited) as here, second(desk, "tickets", **limited) as there, desk.detour("/api/tickets", here, there):
        someone = desk.client("userd")
        statuses = [
            someone.post("/api/tickets", json={"title": "One of many", "body": "Too many."}).status_code for _ in range(2 * _AT_ONCE)
        ]
    assert statuses == [201] * _AT_ONCE + [429] * _AT_ONCE
