"""A real nats-server of the tests' own: on free ports, with its data in a temporary directory, to be killed, paused and wiped at will."""

import ctypes
import http.client
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from deploy.broker import USERS, configuration

_PR_SET_PDEATHSIG = 1
_STARTUP = 20.0  # seconds


def free_port() -> int:
    """Return a loopback port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class NatsServer:
    """One server. `start` after `kill` or `stop` comes up on the same port with the same data, unless `wipe` was called in between."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.store = directory / "jetstream"
        self.passwords = {user: secrets.token_hex(16) for user in USERS}
        self._process: subprocess.Popen[bytes] | None = None
        self._choose_ports()

    def _choose_ports(self) -> None:
        self.port, self.monitor_port = free_port(), free_port()

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start it and wait until JetStream answers. Raises RuntimeError, with its log, when it does not."""
        first = not self.store.exists()
        for _ in range(3):
            if self._started():
                return self
            self.kill()
            if not first:
                break
            self._choose_ports()  # somebody else was quicker to take them
        raise RuntimeError(f"nats-server did not start:\n{self.log()}")

    def _started(self) -> bool:
        conf = self.directory / "nats.conf"
        conf.write_text(configuration(port=self.port, monitor_port=self.monitor_port, store_dir=self.store, passwords=self.passwords))
        program = Path(sys.executable).with_name("nats-server")
        with (self.directory / "nats.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-c", conf],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 -- no orphan when the tests are killed
            )
        return eventually(lambda: not self.running or self._healthy(), _STARTUP) and self.running

    def _healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.monitor_port, timeout=1)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """End it as an operator would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would end the process; what it had not written is lost."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self.running:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(how)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def wipe(self) -> None:
        """Delete everything that it had stored."""
        assert not self.running
        shutil.rmtree(self.store, ignore_errors=True)

    def keep(self) -> None:
        """Copy what it has stored, to come back with `bring_back`."""
        shutil.copytree(self.store, self.directory / "kept")

    def bring_back(self) -> None:
        """Replace what it has stored by the copy that `keep` made."""
        self.wipe()
        shutil.copytree(self.directory / "kept", self.store)

    def log(self) -> str:
        return (self.directory / "nats.log").read_text(errors="replace")


@contextmanager
def nats_server(directory: Path) -> Iterator[NatsServer]:
    """Run a server for as long as the block runs."""
    directory.mkdir(parents=True, exist_ok=True)
    server = NatsServer(directory)
    try:
        yield server.start()
    finally:
        server.kill()


def eventually(condition: Callable[[], bool], timeout: float = 10.0) -> bool:
    """Return whether `condition` became true within `timeout` seconds."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
