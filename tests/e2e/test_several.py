"""Several processes of a service on one store, behind the gateway: all serve, one leads, and one that dies is not missed."""

import re
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.faults.session import Session
from tests.support.desk import Desk
from tests.support.waiting import eventually

TICKETS = ("tickets", "tickets-2")
COUNTS = {f"STE_{name}_PROCESSES": "2" for name in ("TICKETS", "NOTIFIER", "ESCALATOR")}
SEVERAL = (*TICKETS, "notifier", "notifier-2", "escalator", "escalator-2")


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Return a desk with two processes of each service that may have several."""
    with Desk(tmp_path_factory.mktemp("several"), environment=COUNTS) as running:
        yield running


def figures(desk: Desk, name: str) -> dict[str, float]:
    answer = httpx2.get(f"http://127.0.0.1:{desk.port_of(name)}/readyz", timeout=10, trust_env=False)
    assert answer.status_code == 200, answer.text
    found: dict[str, float] = answer.json()["figures"]
    return found


def answered(desk: Desk, name: str) -> float:
    """Return how many requests for tickets a process has answered."""
    text = httpx2.get(f"http://127.0.0.1:{desk.port_of(name)}/metrics", timeout=10, trust_env=False).text
    return sum(float(value) for value in re.findall(r'^ste_http_request_seconds_count\{.*route="/api/tickets.* (\S+)$', text, re.MULTILINE))


def leaders(desk: Desk, service: str) -> list[str]:
    return [name for name in SEVERAL if name.startswith(service) and figures(desk, name)["leader"]]


@pytest.mark.parametrize("name", SEVERAL)
def test_each_is_a_process_with_its_own_name_port_and_log(several: Desk, name: str) -> None:
    assert Path(f"/proc/{several.pid(name)}/cmdline").read_bytes().split(b"\0")[0].decode() == f"ste {name}"
    assert several.answers(name)
    assert (several.data_dir / "log" / f"{name}.log").stat().st_size


def test_one_process_of_each_service_leads(several: Desk) -> None:
    for service in ("tickets", "notifier", "escalator"):
        eventually(lambda service=service: len(leaders(several, service)) == 1, what=f"one leader of {service}")  # type: ignore[misc]
    (leader,) = leaders(several, "tickets")
    (follower,) = set(TICKETS) - {leader}
    assert "relay_lag_events" in figures(several, leader)
    assert "relay_lag_events" not in figures(several, follower)


def test_all_of_them_serve_what_any_of_them_wrote(several: Desk) -> None:
    before = {name: answered(several, name) for name in TICKETS}
    user = several.client("usera")
    numbers = [user.post("/api/tickets", json={"title": f"Number {n}", "body": "of many"}).json()["id"] for n in range(20)]
    assert len(set(numbers)) == 20
    for name in TICKETS:
        direct = httpx2.Client(base_url=f"http://127.0.0.1:{several.port_of(name)}", cookies=user.cookies, timeout=20, trust_env=False)
        with direct:
            assert [direct.get(f"/api/tickets/{number}").status_code for number in numbers] == [200] * 20
    # half of it came from here; the gateway has given both of them something too
    assert {name: answered(several, name) - before[name] > 20 for name in TICKETS} == dict.fromkeys(TICKETS, True)


def test_the_doctor_looks_at_all_of_them(several: Desk) -> None:
    said = several.ste("doctor")
    assert said.returncode == 0, said.stdout
    for name in SEVERAL:
        assert re.search(rf"^ok +{name} +is ok", said.stdout, re.MULTILINE), said.stdout


@pytest.mark.parametrize("which", ["leader", "follower"])
def test_nobody_notices_more_than_one_retry_when_one_is_killed(several: Desk, which: str) -> None:
    (leader,) = eventually(lambda: leaders(several, "tickets"), what="a leader")
    victim = leader if which == "leader" else next(name for name in TICKETS if name != leader)
    at_work = AtWork(several)
    with at_work:
        eventually(lambda: len(at_work.opened) > 10, within=60, what="tickets")
        pid = several.kill(victim)
        several.wait_for_restart(victim, pid)
        seen = len(at_work.opened)
        eventually(lambda: len(at_work.opened) > seen + 10, within=60, what="more tickets")
    assert at_work.strange == []
    assert at_work.most_retries <= 1
    assert len(set(at_work.opened)) == len(at_work.opened)


class AtWork:
    """Somebody who opens tickets and reads them through the gateway, one after the other."""

    def __init__(self, desk: Desk) -> None:
        self.opened: list[int] = []
        self.strange: list[str] = []
        self.most_retries = 0
        self._client = desk.client("userb")
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _work(self) -> None:
        while not self._end.is_set():
            key, retries = {"Idempotency-Key": uuid.uuid4().hex}, 0
            body: dict[str, Any] = {"title": "While one dies", "body": "the other serves"}
            while (answer := self._client.post("/api/tickets", json=body, headers=key)).status_code == 502:
                retries += 1
            self.most_retries = max(self.most_retries, retries)
            if answer.status_code != 201:
                self.strange.append(f"{answer.status_code} {answer.text}")
                return
            self.opened.append(answer.json()["id"])
            read = self._client.get(f"/api/tickets/{self.opened[-1]}")
            if read.status_code != 200:
                self.strange.append(f"{read.status_code} {read.text}")


@pytest.mark.timeout(400)
def test_everything_happens_once_while_each_of_them_is_killed(tmp_path: Path) -> None:
    with Session(tmp_path, seed=7, slack=60.0, environment=COUNTS) as session:
        for name in SEVERAL:
            session.load.go_on(5)
            session.desk.wait_for_restart(name, session.desk.kill(name))
        verdict = session.finish()
    assert not verdict.violations, str(verdict)
    assert verdict.acknowledged > len(SEVERAL)
