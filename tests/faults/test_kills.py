"""Parts of the desk that have no fail points die while people work, and the whole desk is told to stop: every promise holds."""

import json
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.faults.desk import heads
from tests.faults.evidence import everything
from tests.faults.session import Session
from tests.support.desk import Desk
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(400)

AT_WORK = 12
"""Acknowledgements between two faults: enough that something is under way when the next one comes."""


def gateway(session: Session) -> None:
    session.desk.wait_for_restart("gateway", session.desk.kill("gateway"))


def broker(session: Session) -> None:
    session.desk.wait_for_restart("broker", session.desk.kill("broker"))


def brokers_data(session: Session) -> None:
    """The broker loses everything, and is filled again with what was committed before."""
    desk, before = session.desk, heads(session.desk)
    # it is held while its directory goes, so that it cannot write into the new one
    pid = desk.kill("broker", signal.SIGSTOP)
    shutil.rmtree(desk.data_dir / "broker" / "jetstream", ignore_errors=True)
    desk.kill("broker")
    session.load.go_on(AT_WORK)  # commands are accepted while it is away
    desk.wait_for_restart("broker", pid)
    eventually(lambda: _lacking(desk, before) == {}, within=10, what="what was in the streams")


def stop_and_start(session: Session) -> None:
    """The desk is told to stop under load, with a live feed open; what is still repeated ends with the next start."""
    desk = session.desk
    with desk.client("usera").stream("GET", "/api/notifications/stream") as live:
        assert live.status_code == 200
        session.load.go_on(AT_WORK)
        assert desk.stop(within=20) == 0
    desk.start()
    desk.wait_until_ready()


def test_what_has_no_fail_points_dies_under_load_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    faults: tuple[Callable[[Session], None], ...] = (gateway, broker, brokers_data, stop_and_start)
    with Session(tmp_path, seed=7, slack=60.0) as session:
        for fault in faults:
            session.load.go_on(AT_WORK)
            fault(session)
        session.load.go_on(AT_WORK)
        verdict = session.finish()
        logs = (session.desk.data_dir / "log").glob("*.log")
        assert not [line for file in logs for line in file.read_text().splitlines() if _is_crash(line)]
    assert not verdict.violations, str(verdict)


def _lacking(desk: Desk, heads: Mapping[str, int]) -> dict[str, int]:
    """Return the services whose stream is not there or holds fewer events than were committed by then, and how many it holds."""
    with desk.operator() as operator:
        _, told = operator.try_url(f"http://127.0.0.1:{desk.file.monitor_port}/jsz?streams=true")
    accounts = told.get("account_details") or [] if isinstance(told, dict) else []
    held = {stream["name"]: stream["state"]["messages"] for account in accounts for stream in account.get("stream_detail") or []}
    found = {name: held.get(f"EVENTS_{name.upper()}", -1) for name in heads}
    return {name: found[name] for name in heads if found[name] < heads[name]}


def _is_crash(line: str) -> bool:
    try:
        return bool(json.loads(line).get("level") == "critical")
    except (json.JSONDecodeError, AttributeError):
        return False


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("faults")) as running:
        yield running


def test_the_same_key_twice_at_once_is_one_ticket(desk: Desk) -> None:
    clients = [desk.client("usera") for _ in range(6)]
    body = {"title": "Asked at once", "body": "By a double click."}
    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(lambda client: client.post("/api/tickets", json=body, headers={"Idempotency-Key": "one-click"}), clients))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len(everything(clients[0], "/api/tickets", q="asked once")) == 1


def test_of_two_changes_of_the_same_version_one_is_stale(desk: Desk) -> None:
    number = desk.client("usera").post("/api/tickets", json={"title": "Contended", "body": "By two admins."}).json()["id"]
    admins = [desk.client(name) for name in ("admina", "adminb")]
    start = threading.Barrier(2)

    def change(client: httpx2.Client, status: str) -> int:
        start.wait(10)
        return client.put(f"/api/tickets/{number}/status", json={"status": status}, headers={"If-Match": '"1"'}).status_code

    with ThreadPoolExecutor(2) as pool:
        statuses = list(pool.map(change, admins, ("resolved", "in_progress")))
    assert sorted(statuses) == [200, 412]
