"""The world around the desk breaks while people work: the desk comes back by itself; nothing acknowledged is lost, nothing doubled."""

from collections.abc import Iterator

import pytest

from tests.faults.load import Load, compare, compare_sequences
from tests.faults.world import FAULTS, Fault, caught_up, desk_on_disks, lacking
from tests.support.desk import Desk
from tests.support.waiting import eventually

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
