"""Each process of the desk dies by `kill -9` while people work: nothing acknowledged is lost, nothing happens twice."""

import json
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from chassis.settings import SERVICES
from tests.faults.load import ADMIN, Load, compare, compare_sequences, everything
from tests.support.desk import Desk
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)

PARTS = ("tickets", "notifier", "auth", "escalator", "broker", "gateway")
_AT_WORK = 12
"""Acknowledgements between two kills: enough that something is under way when the next one comes."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("faults")) as running:
        yield running


def caught_up(desk: Desk) -> bool:
    """Return whether everything committed is relayed and consumed everywhere."""
    with desk.operator() as operator:
        told = {name: operator.try_get(name, "/internal/caught-up")[1] for name in SERVICES}
    if not all(isinstance(answer, dict) for answer in told.values()):
        return False
    consumed = all(
        position == told[source.strip("/")]["head"] for answer in told.values() for source, position in answer["positions"].items()
    )
    return consumed and all(answer["relayed"] == answer["head"] for answer in told.values())


def work_on(load: Load) -> None:
    """Return when some more was acknowledged."""
    before = load.progress()
    eventually(lambda: load.progress() >= before + _AT_WORK, within=40, what="progress of the people at work")


def test_every_process_is_killed_under_load_and_nothing_is_lost_or_doubled(desk: Desk) -> None:
    with Load(desk) as load:
        for name in PARTS:
            work_on(load)
            pid = desk.kill(name)
            desk.wait_for_restart(name, pid)
        work_on(load)
    eventually(lambda: caught_up(desk), within=20, what="catching up")
    compare(desk, load.promised)
    compare_sequences(desk)


def test_the_escalator_and_who_it_asks_are_killed_and_each_ticket_escalates_once(tmp_path: Path) -> None:
    """Ten times a second a ticket comes due while the processes die that ask for it, decide on it and tell of it."""
    with Desk(tmp_path / "desk", environment={"STE_ESCALATE_AFTER": "2s"}) as desk:
        user, admins = desk.client("usera"), {name: desk.client(name) for name in (ADMIN, "adminb")}
        opened: list[int] = []
        enough = threading.Event()

        def open_tickets() -> None:
            while not enough.wait(0.1):
                key = {"Idempotency-Key": f"due-{len(opened)}"}
                opened.append(_surely(lambda: user.post("/api/tickets", json=DUE, headers=key))["id"])  # noqa: B023 -- called at once

        def some_more(than: int) -> bool:
            return len(escalated(admins[ADMIN])) >= than + 5

        with ThreadPoolExecutor(1) as pool:
            opening = pool.submit(open_tickets)
            try:
                for name in ("escalator", "tickets", "notifier"):
                    before = len(escalated(admins[ADMIN]))
                    eventually(lambda before=before: some_more(before), within=20, what="escalations")  # type: ignore[misc]
                    desk.wait_for_restart(name, desk.kill(name))
            finally:
                enough.set()
            opening.result()
        eventually(lambda: escalated(admins[ADMIN]) >= set(opened), within=30, what="all escalations")
        eventually(lambda: caught_up(desk), within=20, what="catching up")
        entries = Counter(int(entry["entity"]["id"]) for entry in everything(admins[ADMIN], "/api/audit", action="ticket_escalated"))
        assert {number: entries[number] for number in opened} == dict.fromkeys(opened, 1)
        for name, client in admins.items():
            eventually(lambda client=client: heard_of(client).keys() >= set(opened), within=20, what=f"what {name} is told")  # type: ignore[misc]
            assert {number: heard_of(client)[number] for number in opened} == dict.fromkeys(opened, 1), name
        compare_sequences(desk)


DUE = {"title": "Nobody takes it", "body": "Until it is late."}


def _surely(send: Callable[[], httpx2.Response]) -> Any:
    """Send until it is answered."""

    def sent() -> Any:
        with suppress(httpx2.HTTPError):
            answer = send()
            return answer.json() if answer.status_code == 201 else None

    return eventually(sent, within=30, what="an answer")


def escalated(admin: httpx2.Client) -> set[int]:
    """Return the tickets that have escalated; none while the desk cannot say."""
    with suppress(httpx2.HTTPError, AssertionError):
        return {ticket["id"] for ticket in everything(admin, "/api/tickets", escalated="true")}
    return set()


def heard_of(client: httpx2.Client) -> Counter[int]:
    """Return how often somebody was told of each escalation."""
    return Counter(note["ticket_id"] for note in everything(client, "/api/notifications") if note["kind"] == "ticket.escalated")


def test_a_broker_that_lost_everything_is_filled_again_and_nobody_is_told_twice(desk: Desk) -> None:
    with Load(desk) as load:
        work_on(load)
        before = _heads(desk)
        # it is held while its directory goes, so that it cannot write into the new one
        pid = desk.kill("broker", signal.SIGSTOP)
        shutil.rmtree(desk.data_dir / "broker" / "jetstream", ignore_errors=True)
        desk.kill("broker")
        work_on(load)  # commands are accepted while it is away
        desk.wait_for_restart("broker", pid)
        eventually(lambda: _lacking(desk, before) == {}, within=5, what="what was in the streams")
        work_on(load)
    eventually(lambda: caught_up(desk), within=20, what="catching up")
    compare(desk, load.promised)
    compare_sequences(desk)


def _heads(desk: Desk) -> dict[str, int]:
    """Return how many events each service has committed."""
    with desk.operator() as operator:
        return {name: operator.get(name, "/internal/caught-up")["head"] for name in SERVICES}


def _lacking(desk: Desk, heads: Mapping[str, int]) -> dict[str, int]:
    """Return the services whose stream is not there or holds fewer events than were committed by then, and how many it holds."""
    with desk.operator() as operator:
        _, told = operator.try_url(f"http://127.0.0.1:{desk.file.monitor_port}/jsz?streams=true")
    accounts = told.get("account_details") or [] if isinstance(told, dict) else []
    held = {stream["name"]: stream["state"]["messages"] for account in accounts for stream in account.get("stream_detail") or []}
    found = {name: held.get(f"EVENTS_{name.upper()}", -1) for name in heads}
    return {name: found[name] for name in heads if found[name] < heads[name]}


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
    admins = [desk.client(name) for name in (ADMIN, "adminb")]
    start = threading.Barrier(2)

    def change(client_and_status: tuple[object, str]) -> int:
        client, status = client_and_status
        start.wait(10)
        answer = client.put(f"/api/tickets/{number}/status", json={"status": status}, headers={"If-Match": '"1"'})  # type: ignore[attr-defined]
        return int(answer.status_code)

    with ThreadPoolExecutor(2) as pool:
        statuses = list(pool.map(change, zip(admins, ("resolved", "in_progress"), strict=True)))
    assert sorted(statuses) == [200, 412]


def test_a_desk_that_is_told_to_stop_under_load_keeps_every_promise(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    try:
        desk.start()
        desk.wait_until_ready()
        stream = desk.client("usera")
        with Load(desk) as load, stream.stream("GET", "/api/notifications/stream") as live:
            assert live.status_code == 200
            work_on(load)
            # what is still repeated ends with the next start: the load needs it for what it was never answered
            assert desk.stop(within=12) == 0
            desk.start()
            desk.wait_until_ready()
            work_on(load)
        eventually(lambda: caught_up(desk), within=20, what="catching up")
        compare(desk, load.promised)
        log = (desk.data_dir / "log").glob("*.log")
        assert not [line for file in log for line in file.read_text().splitlines() if _is_crash(line)]
    finally:
        desk.end()


def _is_crash(line: str) -> bool:
    try:
        return bool(json.loads(line).get("level") == "critical")
    except (json.JSONDecodeError, AttributeError):
        return False
