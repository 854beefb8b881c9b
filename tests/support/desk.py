"""The real desk, as `make run` starts it, for tests: with a data directory of its own, and gone at the end whatever happens."""

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from chassis.settings import SERVICES, service_of
from deploy import guard
from deploy.desk_file import DeskFile
from deploy.operator import Operator
from deploy.ports import free_ports
from tests.support.waiting import eventually

DEMO_PASSWORD = "demo123"
READY = "ready: "


class _Detours(httpx2.BaseTransport):
    """Sends what is asked for a path with a detour to other addresses than the gateway's, in turn."""

    def __init__(self, detours: Mapping[str, Iterator[str]]) -> None:
        self._detours = detours
        self._network = httpx2.HTTPTransport(trust_env=False)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        for start, addresses in list(self._detours.items()):  # others add and remove them meanwhile
            if request.url.path.startswith(start):
                request.url = httpx2.URL(next(addresses)).copy_with(raw_path=request.url.raw_path)
        return self._network.handle_request(request)

    def close(self) -> None:
        self._network.close()


class Desk:
    """`with Desk(directory) as desk:` is a desk that is ready. Its end is tied to the thread that starts it: let that be the main one."""

    def __init__(self, directory: Path, *, demo: bool = True, environment: Mapping[str, str] | None = None) -> None:
        """`environment` wins over what tests use: no rate limits, cheap hashes, a free port."""
        self.directory = directory
        self.data_dir = directory / "var"
        self.port = int((environment or {}).get("STE_PORT") or free_ports(1)[0])
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("STE_") and not name.endswith("_DATABASE_URL")},
            "STE_PORT": str(self.port),
            "STE_DATA_DIR": str(self.data_dir),
            "STE_DEMO": "1" if demo else "0",
            "STE_RATE_LIMITS": "off",
            "STE_UNSAFE_BCRYPT_COST": "4",
            "STE_VERIFY_EVERY": "off",  # it would come when nobody expects it, between two looks of a test
            **(environment or {}),
        }
        self._runner: subprocess.Popen[bytes] | None = None
        self._clients: list[httpx2.Client] = []
        self._detours: dict[str, Iterator[str]] = {}

    def __enter__(self) -> Self:
        self.start()
        self.wait_until_ready()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()

    def start(self) -> None:
        """Start the runner, and return at once."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with self._output.open("wb") as output:
            self._runner = subprocess.Popen(
                # under guard: a test run that is killed leaves no desk behind
                [
                    sys.executable,
                    "-I",
                    "-S",
                    guard.__file__,
                    str(os.getpid()),
                    "-1",
                    sys.executable,
                    sys.executable,
                    "-m",
                    "deploy.cli",
                    "up",
                ],
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_ready(self, within: float = 90.0) -> None:
        """Return when the line that says so is there."""

        def ready_or_ended() -> bool:
            return READY in self.output() or self.status() is not None

        eventually(ready_or_ended, within=within, what=f"the ready line after:\n{self.output()}\n")
        assert self.status() is None, f"the desk ended:\n{self.output()}"

    @property
    def _output(self) -> Path:
        return self.directory / "output.txt"

    def output(self) -> str:
        """Return what the runner has printed since it was started."""
        return self._output.read_text(errors="replace")

    def status(self) -> int | None:
        """Return the runner's exit status, None while it runs."""
        assert self._runner is not None
        return self._runner.poll()

    @property
    def runner_pid(self) -> int:
        assert self._runner is not None
        return self._runner.pid

    @property
    def file(self) -> DeskFile:
        """What the runner says of itself."""
        found = DeskFile.read(self.data_dir)
        assert found is not None
        return found

    def pid(self, name: str) -> int:
        """Return the process id of broker, auth, tickets, notifier, escalator or gateway."""
        return self.file.pids[name]

    def port_of(self, name: str) -> int:
        return self.file.ports[name]

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to one process, by default the one that cannot be caught; return the id of that process."""
        pid = self.pid(name)
        os.kill(pid, number)
        return pid

    @contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """Let one process do nothing until the end of the block."""
        pid = self.kill(name, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def wait_for_restart(self, name: str, old_pid: int, within: float = 30.0) -> None:
        """Return when another process has that part and is ready."""
        eventually(lambda: self.pid(name) != old_pid, within=within, what=f"a new {name}")
        eventually(lambda: self.answers(name), within=within, what=f"{name} ready")

    def answers(self, name: str) -> bool:
        """Return whether a part says that it is ready."""
        urls = {"broker": f"http://127.0.0.1:{self.file.monitor_port}/healthz", "gateway": f"{self.url}/api/docs"}
        return answers_well(urls.get(name) or f"http://127.0.0.1:{self.port_of(name)}/readyz")

    def client(
        self, email: str | None = None, password: str = DEMO_PASSWORD, detours: Mapping[str, Iterator[str]] | None = None
    ) -> httpx2.Client:
        """Return a client of the gateway: nobody's, or signed in. `admina` is short for admina@example.com.

        `detours` are this client's alone, in the place of what `detour` sets for all.
        """
        transport = _Detours(self._detours if detours is None else detours)
        client = httpx2.Client(base_url=self.url, headers={"Sec-Fetch-Site": "same-origin"}, timeout=20.0, transport=transport)
        self._clients.append(client)
        if email is not None:
            address = email if "@" in email else f"{email}@example.com"
            answer = client.post("/api/auth/login", json={"email": address, "password": password})
            assert answer.status_code == 200, answer.text
        return client

    @contextmanager
    def detour(self, path: str, *addresses: str) -> Iterator[None]:
        """Let all clients ask for what begins with `path` at these addresses, in turn, until the end of the block."""
        self._detours[path] = itertools.cycle(addresses)
        try:
            yield
        finally:
            del self._detours[path]

    def operator(self) -> Operator:
        """Return a client of `/internal`, as `ste` is one."""
        urls = {name: f"http://127.0.0.1:{port}" for name, port in self.file.ports.items() if service_of(name) in SERVICES}
        return Operator(urls, (self.data_dir / "secrets" / "operator").read_text())

    def ste(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run the operator's command against this desk; `text` is its standard input."""
        command = [sys.executable, "-m", "deploy.cli", *arguments]
        return subprocess.run(
            command, cwd=self.directory, env=self.environment, input=text, capture_output=True, text=True, timeout=300, check=False
        )

    def stop(self, within: float = 15.0) -> int:
        """Ask the desk to end as an operator does, and return its exit status."""
        assert self._runner is not None
        self._runner.send_signal(signal.SIGTERM)
        return self._runner.wait(within)

    def crash(self, first: Callable[[], object] = lambda: None) -> None:
        """Let the runner and all that it started end as when a machine does; `first` is done when they are at a stand."""
        assert self._runner is not None
        others = list(self.file.pids.values())

        def tell_all(number: signal.Signals) -> None:
            for pid in (self.runner_pid, *others):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)

        tell_all(signal.SIGSTOP)
        first()
        tell_all(signal.SIGKILL)
        self._runner.wait()
        eventually(lambda: not any(map(alive, others)), what="the end of every process")

    def end(self) -> None:
        """End it however it is. What it started ends with it."""
        for client in self._clients:
            client.close()
        if self._runner is None:
            return
        if self._runner.poll() is None:
            self._runner.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._runner.wait(12)
        self._runner.kill()
        self._runner.wait()


def answers_well(url: str) -> bool:
    """Return whether a GET of that address is answered with 200."""
    try:
        return httpx2.get(url, timeout=5.0, trust_env=False).status_code == 200
    except httpx2.HTTPError:
        return False


def alive(pid: int) -> bool:
    """Return whether a process runs; one that has ended and that nobody has asked about yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):  # the latter where it ends between being opened and being read
        return False
