"""A service as a process of its own: how it is told to stop, how it ends with its parent, what it writes to its log."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from chassis.database import held
from tests.integration.chassis.demo import COOKIE
from tests.support.nats import eventually, free_port

RUN = "from chassis.app import main; from tests.integration.chassis.demo import TICKETS; main(TICKETS)"
PARENT = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {RUN!r}], env=os.environ | {{"STE_PARENT_PID": str(os.getpid())}})
print(child.pid, flush=True)
time.sleep(300)
"""


class Process:
    def __init__(self, directory: Path, code: str = RUN) -> None:
        self.port = free_port()
        self.data_dir = directory / "data"
        self.log = directory / "log"
        with self.log.open("w") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "-c", code],
                env={
                    **{name: value for name, value in os.environ.items() if not name.startswith("STE_")},
                    "STE_DATA_DIR": str(self.data_dir),
                    "STE_TICKETS_PORT": str(self.port),
                    "STE_NATS_URL": f"nats://127.0.0.1:{free_port()}",  # no broker: a desk starts without one
                    "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                },
                cwd=directory,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def client(self) -> httpx2.Client:
        headers = COOKIE["anna"] | {"sec-fetch-site": "same-origin"}
        return httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=15, trust_env=False)

    def serves(self) -> bool:
        try:
            with self.client() as client:
                return client.get("/livez").status_code == 200
        except httpx2.TransportError:
            return False

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Process] = []

    def begin(code: str = RUN) -> Process:
        process = Process(tmp_path, code)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.popen.kill()
        process.popen.communicate()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_service_told_to_stop_succeeds_and_ends_in_time_open_streams_included(start: Start) -> None:
    service = start()
    assert eventually(service.serves, 90)
    with service.client() as client, client.stream("GET", "/api/demo/stream") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: hello"
        began = time.monotonic()
        service.popen.send_signal(signal.SIGTERM)
        assert "event: bye" in list(lines)
        assert service.popen.wait(10) == 0
    assert time.monotonic() - began < 10


def test_one_who_never_ends_his_stream_does_not_keep_the_service(start: Start) -> None:
    service = start()
    assert eventually(service.serves, 90)
    with service.client() as client, client.stream("GET", "/api/demo/forever") as stream:
        assert next(stream.iter_bytes())
        began = time.monotonic()
        service.popen.send_signal(signal.SIGTERM)
        service.popen.wait(15)
    assert time.monotonic() - began < 10


def test_what_was_acknowledged_before_the_end_is_there_afterwards(start: Start) -> None:
    service = start()
    assert eventually(service.serves, 90)
    with service.client() as client:
        assert client.post("/api/demo/tickets", json={"title": "a"}).status_code == 201
        service.popen.send_signal(signal.SIGKILL)
        service.popen.wait()
    again = start()
    assert eventually(again.serves, 90)
    with again.client() as client:
        assert client.put("/api/demo/tickets/1/status", json={"status": "open"}).json()["version"] == 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_service_ends_with_its_parent_even_when_that_is_killed(start: Start) -> None:
    parent = start(PARENT)
    assert parent.popen.stdout is not None
    child = int(parent.popen.stdout.readline())
    assert eventually(parent.serves, 90)
    parent.popen.kill()
    assert eventually(lambda: not alive(child), 10)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ps_names_the_service(start: Start) -> None:
    service = start()
    assert eventually(service.serves, 90)
    assert Path(f"/proc/{service.popen.pid}/cmdline").read_text().startswith("ste tickets")


def test_a_store_that_an_offline_command_holds_is_not_opened(start: Start, tmp_path: Path) -> None:
    with held(tmp_path / "data", "tickets", exclusive=True):
        service = start()
        assert service.popen.wait(90) != 0
    assert "in use by an offline command" in service.log.read_text()


def test_the_log_is_json_with_the_requests_id_and_without_secrets(start: Start) -> None:
    service = start()
    assert eventually(service.serves, 90)
    with service.client() as client:
        refused = client.get("/api/demo/stream", headers={"cookie": "sid=hunter2", "x-request-id": "request-77"})
        assert refused.status_code == 401
    service.popen.send_signal(signal.SIGTERM)
    service.popen.wait(10)
    (line,) = [line for line in service.lines() if line.get("request_id") == "request-77"]
    assert (line["service"], line["status"], line["problem"], line["path"]) == ("tickets", 401, "not-signed-in", "/api/demo/stream")
    assert "hunter2" not in service.log.read_text()
    secrets = [path.read_text() for path in (service.data_dir / "secrets").iterdir()]
    assert not [secret for secret in secrets if secret in service.log.read_text()]
