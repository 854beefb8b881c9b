"""The store of tickets has no room, is somebody else's for a while, or stands on a disk that does not keep what it is given."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx2

from tests.faults.desk import store_of
from tests.faults.load import Load
from tests.faults.world.fault import Fault, Inject
from tests.faults.world.ground import BROKER, TICKETS, WHOLE, filled
from tests.support.desk import Desk, alive
from tests.support.waiting import eventually

Ask = Callable[[], httpx2.Response]

_HOLD = """
import sys
from events.store import SQLITE
connection = SQLITE.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


def full(desk: Desk, load: Load) -> float:
    """There is no room for a while: nothing is written, everything can be read, and it goes on without a restart."""
    pid, (read, write) = desk.pid(TICKETS), _harmless(desk)
    with filled(desk, TICKETS):
        _refuses_writes_alone(desk, read, write)
    since = time.monotonic()
    load.go_on()
    assert desk.pid(TICKETS) == pid, "it needed a restart"
    return since


def everything_full(seconds: float) -> Inject:
    """No disk has any room for so long, and what dies meanwhile has to begin without."""

    def inject(desk: Desk, load: Load) -> float:
        read, write = _harmless(desk)
        dying = [desk.pid(name) for name in (BROKER, TICKETS)]  # asked now: on a full disk nobody writes down who comes after them
        with filled(desk, WHOLE, TICKETS, BROKER):
            _refuses_writes_alone(desk, read, write)
            for pid in dying:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            end = time.monotonic() + seconds
            eventually(lambda: time.monotonic() > end and not any(map(alive, dying)), within=seconds + 30)
        since = time.monotonic()
        load.go_on()
        return since

    return inject


def busy(desk: Desk, load: Load) -> float:
    """Another process writes for a few seconds: whoever wants to write waits."""
    pid, (read, _) = desk.pid(TICKETS), _harmless(desk)
    with _held(desk):
        _is_not_ready(desk)
        assert read().status_code == 200
    since = time.monotonic()
    load.go_on()
    assert desk.pid(TICKETS) == pid, "it needed a restart"
    return since


def busy_for_long(desk: Desk, load: Load) -> float:
    """Another process writes for longer than a writer waits."""
    pid, (read, write) = desk.pid(TICKETS), _harmless(desk)
    with _held(desk):
        _refuses_writes_alone(desk, read, write)
    since = time.monotonic()
    load.go_on()
    assert desk.pid(TICKETS) == pid, "it needed a restart"
    return since


def broken(desk: Desk, load: Load) -> float:
    """The disk says that it could not keep what it was given: nobody knows what is on it, so the process must end."""
    pid, told = desk.pid(TICKETS), desk.directory / "strace.txt"
    calls = "fdatasync,fsync"
    command = ["strace", "-f", "-qq", "-o", str(told), "-p", str(pid), "-e", f"trace={calls}", "-e", f"inject={calls}:error=EIO"]
    told.unlink(missing_ok=True)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as tracer:
        try:
            eventually(lambda: told.exists() and "(INJECTED)" in told.read_text(), within=30, what="a failure of the disk")
            since = time.monotonic()
            eventually(lambda: desk.pid(TICKETS) != pid, within=60, what="another process in its place")
        finally:
            tracer.send_signal(signal.SIGTERM)
    load.go_on()
    return since


def _refuses_writes_alone(desk: Desk, read: Ask, write: Ask) -> None:
    """Wait until a write is refused, as it should be, and the service says that it is not ready; reads go on."""
    refused = eventually(lambda: _refusal(write()), within=40, what="a write that is refused")
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.json()["type"] == "/problems/unavailable"
    _is_not_ready(desk)
    assert read().status_code == 200


def _refusal(answer: httpx2.Response) -> Any:
    return answer if answer.status_code == 503 else None


def _is_not_ready(desk: Desk) -> None:
    """Wait until the service says so, and why. What is full has room now and then: where a smaller batch than the last finds some."""
    url = f"http://127.0.0.1:{desk.port_of(TICKETS)}/readyz"
    answer = eventually(lambda: _refusal(httpx2.get(url, timeout=20.0, trust_env=False)), within=40, what="a service that is not ready")
    assert "store cannot be written" in str(answer.json()["reasons"])


def _harmless(desk: Desk) -> tuple[Ask, Ask]:
    """Return a read and a write that leads to no event: the oldest ticket, which nobody works on, is given the priority that it has."""
    admin = desk.client("admina")
    [oldest] = admin.get("/api/tickets", params={"sort": "created_at", "limit": "1"}).json()["items"]
    path = f"/api/tickets/{oldest['id']}"
    return lambda: admin.get(path), lambda: admin.put(f"{path}/priority", json={"priority": oldest["priority"]})


@contextmanager
def _held(desk: Desk) -> Iterator[None]:
    """Hold the right to write into the store, in another process, until the end of the block."""
    command = [sys.executable, "-c", _HOLD, str(store_of(desk, TICKETS))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            yield
        finally:
            holder.kill()


FAULTS = [
    Fault("disk of tickets full and freed", ("loop devices",), full, 10),
    Fault("all disks full and freed", ("loop devices",), everything_full(3), 10),
    Fault("store of tickets written by a stranger", (), busy, 10),
    Fault("disk of tickets fails to sync", ("strace",), broken, 10),
]
LONG = [
    Fault("all disks full for long and freed", ("loop devices",), everything_full(40), 10),
    Fault("store of tickets written by a stranger for long", (), busy_for_long, 10),
]
