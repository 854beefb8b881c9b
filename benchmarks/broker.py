"""A nats-server of the benchmark's own, configured as the desk's: every message is synced to disk before it is acknowledged."""

import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import end
from benchmarks.waiting import wait_for
from deploy.broker import USERS, configuration
from deploy.ports import free_ports


@dataclass(frozen=True, slots=True)
class RunningBroker:
    url: str
    user: str
    password: str


@contextmanager
def broker(directory: Path, user: str = "tickets") -> Iterator[RunningBroker]:
    """Run it for as long as the block runs."""
    directory.mkdir(parents=True)
    port, monitor = free_ports(2)
    passwords = {each: secrets.token_hex(16) for each in USERS}
    conf = directory / "nats.conf"
    conf.write_text(configuration(port=port, monitor_port=monitor, store_dir=directory / "jetstream", passwords=passwords))
    with (directory / "log").open("ab") as log:
        program = Path(sys.executable).with_name("nats-server")
        process = subprocess.Popen([program, "-c", conf], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{monitor}/healthz")
        yield RunningBroker(f"nats://127.0.0.1:{port}", user, passwords[user])
    finally:
        end(process)
