"""A desk of the benchmarks' own: `ste up` on a free port, in a directory that goes with it, without limits and without demo data."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from deploy.desk_file import DeskFile
from deploy.ports import free_ports

START, STOP = 900.0, 30.0
"""Seconds that it may take."""
ADMIN = "admin@benchmarks.example"


class NotStarted(RuntimeError):
    """The desk did not get ready. The message ends with what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningDesk:
    """`ports` and `pids` are by name of process; `password` is that of the account `admin`."""

    url: str
    data_dir: Path
    password: str
    ports: dict[str, int]
    pids: dict[str, int]
    ready_after: float
    admin: str = ADMIN


def end_by_signal() -> None:
    """Let SIGTERM end this process as an exception does, so that its desk ends with it."""

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, end)


@contextmanager
def running_desk(*, data_dir: Path | None = None, password: str = "", **settings: str) -> Iterator[RunningDesk]:
    """Run a desk for as long as the block runs; `settings` are further variables, as STE_ESCALATE_AFTER="1h". Raises NotStarted.

    Without a `data_dir` it is a new desk whose data goes with it; `password` is that of the admin whom the directory has already.
    """
    with tempfile.TemporaryDirectory(prefix="ste-bench-") as directory:
        data_dir = data_dir or Path(directory) / "var"
        (port,) = free_ports(1)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("STE_") and not name.endswith("_DATABASE_URL")}
        own = {"STE_DATA_DIR": str(data_dir), "STE_PORT": str(port), "STE_DEMO": "0", "STE_RATE_LIMITS": "off"}
        environment = kept | own | settings
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.cli", "up"],
            env=environment,
            cwd=directory,  # no .env of the project's own
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            _wait_until_ready(process)
            ready_after = time.monotonic() - began
            password = password or _make_admin(environment, directory)
            yield _describe(data_dir, f"http://127.0.0.1:{port}", password, ready_after)
        finally:
            _stop(process)


def _wait_until_ready(process: subprocess.Popen[str]) -> None:
    """Return once the line with `ready: ` has come; whatever comes later is read and dropped, so that the desk never waits for us."""
    said: list[str] = []
    ready = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if not ready.is_set():
                said.append(line)
                if "ready: http" in line:
                    ready.set()
        ready.set()

    threading.Thread(target=read, name="desk's output", daemon=True).start()
    if not ready.wait(START) or not said or "ready: http" not in said[-1]:
        raise NotStarted("The desk did not get ready.\n" + "".join(said[-20:]))


def _make_admin(environment: dict[str, str], directory: str) -> str:
    password = secrets.token_urlsafe(16)
    command = [sys.executable, "-m", "deploy.cli", "user", "create-admin", "--name", "Bench Admin", "--email", ADMIN, "--password-stdin"]
    done = subprocess.run(
        command, env=environment, cwd=directory, input=password + "\n", capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        raise NotStarted(f"The admin's account could not be opened: {done.stderr or done.stdout}")
    return password


def _describe(data_dir: Path, url: str, password: str, ready_after: float) -> RunningDesk:
    file = DeskFile.read(data_dir)
    if file is None:
        raise NotStarted("The desk does not say where its parts are.")
    pids = {"runner": file.pid, **file.pids}
    return RunningDesk(url=url, data_dir=data_dir, password=password, ports=dict(file.ports), pids=pids, ready_after=ready_after)


def _stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with contextlib.suppress(AttributeError):
        process.stdout.close()  # type: ignore[union-attr]
