"""The world around the desk breaks while people work: the desk comes back by itself; nothing acknowledged is lost, nothing doubled."""

from collections.abc import Iterator
from itertools import cycle

import pytest

from tests.faults.callers import Caller
from tests.faults.history import Wanted
from tests.faults.session import Session
from tests.faults.world import FAULTS, Fault, lacking, on_disks
from tests.faults.world.processes import second

_AT_ONCE = 10
"""Tickets that one person may open in an hour."""

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """One desk and the people at work on it, for all faults in turn."""
    session = Session(tmp_path_factory.mktemp("world"), seed=11, slack=60.0)
    with on_disks(session.desk), session:
        yield session


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_desk_comes_back_by_itself_and_nothing_is_lost(session: Session, fault: Fault) -> None:
    if reason := lacking(fault, session.desk):
        pytest.skip(reason)
    fault.run(session.desk, session.load)
    assert session.glance().violations == []


def test_two_processes_that_limit_what_one_person_opens_count_together(session: Session) -> None:
    desk, limited = session.desk, {"STE_RATE_LIMITS": "on"}
    with second(desk, "tickets", **limited) as here, second(desk, "tickets", **limited) as there:
        in_turn = desk.client("userd", detours={"/api/tickets": cycle((here, there))})  # the others go on without a limit
        caller = Caller("userd", in_turn, session.history)
        statuses = [_opened(caller, f"One of many {number}") for number in range(2 * _AT_ONCE)]
    assert statuses == [201] * _AT_ONCE + [429] * _AT_ONCE


def _opened(caller: Caller, title: str) -> int | None:
    body, wanted = {"title": title, "body": "Too many."}, Wanted(("ticket.created",), {"title": title})
    return caller.once("open", "tickets", "POST", "/api/tickets", body=body, wanted=wanted, refusals=(429,)).status


def test_after_all_that_every_promise_is_kept(session: Session) -> None:
    assert session.finish().violations == []
