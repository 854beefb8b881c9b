"""A second process on a store: both write, and one that was paused while it led comes back."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from deploy.ports import free_ports
from events.store import SQLITE
from tests.faults.desk import store_of
from tests.faults.load import Load
from tests.faults.world.fault import Fault
from tests.faults.world.ground import go_on
from tests.support.desk import Desk, answers_well
from tests.support.waiting import eventually

TICKETS, NOTIFIER, ESCALATOR = "tickets", "notifier", "escalator"


def two_write(desk: Desk, load: Load) -> float:
    """Everybody works with two processes of tickets, in turn."""
    with second(desk, TICKETS) as there, desk.detour("/api/tickets", desk.url, there):
        load.go_on(60)
    since = time.monotonic()
    load.go_on()
    return since


def leaders_paused(desk: Desk, load: Load) -> float:
    """Who leads is paused until another has taken over and worked, and then goes on where it was."""
    with (
        _begun(desk, TICKETS) as tickets,
        _begun(desk, ESCALATOR) as escalator,
        second(desk, NOTIFIER),
        desk.detour("/api/tickets", tickets),
        desk.detour("/api/escalations", escalator),
    ):
        for there in (tickets, escalator):
            _until_ready(there)
        with _leader_paused(desk, TICKETS), _leader_paused(desk, NOTIFIER), _leader_paused(desk, ESCALATOR):
            for service in (TICKETS, NOTIFIER, ESCALATOR):
                _until_another_leads(desk, service)
            load.go_on(20)
        load.go_on(20)
    return time.monotonic()


def _until_another_leads(desk: Desk, service: str) -> None:
    eventually(lambda: _leader(desk, service) != desk.pid(service), within=60, what=f"another leader of {service}")


@contextmanager
def _leader_paused(desk: Desk, service: str) -> Iterator[None]:
    """Stop the process that leads, in a moment in which it does not hold the store, until the end of the block."""
    pid = _leader(desk, service)
    assert pid == desk.pid(service), f"the second process of {service} leads before the first was paused"

    def paused() -> bool:
        os.kill(pid, signal.SIGSTOP)
        eventually(lambda: _stands_still(pid), what=f"every thread of {service} stopped")
        if _can_be_written(desk, service):
            return True
        go_on(pid)
        return False

    try:
        eventually(paused, what=f"a moment in which {service} does not write")
        yield
    finally:
        go_on(pid)


def _stands_still(pid: int) -> bool:
    """Return whether every thread has stopped: one that waits for a processor inside a system call may yet take a lock before it does."""
    try:
        states = [(thread / "stat").read_text().rsplit(")", 1)[1].split()[0] for thread in Path(f"/proc/{pid}/task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):  # a thread that ends just now
        return False
    return set(states) == {"T"}


def _leader(desk: Desk, service: str) -> int:
    """Return the id of the process that holds the lease of a store."""
    with closing(SQLITE.connect(store_of(desk, service), timeout=5)) as connection:
        [[holder]] = connection.execute("SELECT holder FROM leases WHERE name = 'leader'").fetchall()
    return int(holder.split("/")[1])


def _can_be_written(desk: Desk, service: str) -> bool:
    with closing(SQLITE.connect(store_of(desk, service), timeout=0.5, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except SQLITE.OperationalError:
            return False
        connection.execute("ROLLBACK")
        return True


@contextmanager
def second(desk: Desk, service: str, **settings: str) -> Iterator[str]:
    """Run another process of a service on the same store and the same broker until the end of the block; yield its address."""
    with _begun(desk, service, **settings) as url:
        _until_ready(url)
        yield url


def _until_ready(url: str) -> None:
    eventually(lambda: answers_well(f"{url}/readyz"), within=60, what=f"a second process at {url}")


@contextmanager
def _begun(desk: Desk, service: str, **settings: str) -> Iterator[str]:
    """The same, not yet ready."""
    [port] = free_ports(1)
    environment = {
        **desk.environment,
        "STE_NATS_URL": f"nats://127.0.0.1:{desk.port_of('broker')}",
        **{f"STE_{name.upper()}_PORT": str(number) for name, number in desk.file.ports.items()},
        "STE_PORT": str(desk.port),
        f"STE_{service.upper()}_PORT": str(port),
        "STE_PARENT_PID": str(os.getpid()),
        **settings,
    }
    with (desk.directory / f"second-{service}.txt").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", service], cwd=desk.directory, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        process.kill()
        process.wait()


FAULTS = [
    Fault("two processes write into the store of tickets", (), two_write, 10),
    Fault("leaders paused and come back", (), leaders_paused, 10),
]
