"""Two servers under the same app: what each carries, and what it does with open work when it is told to end.

`python -m benchmarks.servers` measures uvicorn, which the desk runs on, and granian where it is installed (`.venv/bin/pip install granian`;
the desk does not need it). `docs/adr/0005-uvicorn.md` tells what follows.
"""

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import httpx2
import typer
from fastapi import BackgroundTasks, FastAPI
from rich.console import Console
from rich.table import Table
from starlette.responses import StreamingResponse

from benchmarks.load import Load, run
from benchmarks.suites.rates import BODY
from benchmarks.waiting import wait_for
from deploy.ports import free_ports

SLOW = 1.5
"""Seconds that a request, and a task behind another one's answer, take."""
GIVEN_UP = 20.0
_ROOT = Path(__file__).parent.parent
_COMMON = ("--host", "127.0.0.1", "--port")
COMMANDS: Mapping[str, Sequence[str]] = {
    "uvicorn": ("-m", "uvicorn", "--http", "httptools", "--loop", "uvloop", "--ws", "none", "--no-access-log", "--log-level", "error",
                "--timeout-graceful-shutdown", "5"),
    "granian": ("-m", "granian", "--interface", "asgi", "--no-ws", "--loop", "uvloop", "--log-level", "error"),
}  # fmt: skip

draining = FastAPI()
"""What may be open when a server is told to end: a slow answer, a task behind an answer, a stream without an end."""


@draining.get("/slow")
async def slow() -> dict[str, bool]:
    await asyncio.sleep(SLOW)
    return {"done": True}


@draining.get("/behind")
async def behind(tasks: BackgroundTasks, mark: str) -> dict[str, bool]:
    tasks.add_task(_leave, Path(mark))
    return {"done": True}


def _leave(mark: Path) -> None:
    time.sleep(SLOW)
    mark.touch()


@draining.get("/stream")
async def stream() -> StreamingResponse:
    async def beat() -> AsyncIterator[bytes]:
        while True:
            yield b": heartbeat\n\n"
            await asyncio.sleep(0.2)

    return StreamingResponse(beat(), media_type="text/event-stream")


@dataclass(slots=True, kw_only=True)
class Server:
    """What was seen of one server; rates are requests per second, `ended_after` is in seconds, None: not within GIVEN_UP."""

    name: str
    rates: dict[str, list[float]] = field(default_factory=dict)
    ended_after: dict[str, float | None] = field(default_factory=dict)
    answered: bool = False
    task_ran: bool = False


@contextmanager
def serving(name: str, app: str) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    (port,) = free_ports(1)
    process = subprocess.Popen([sys.executable, *COMMANDS[name], *_COMMON, str(port), app], cwd=_ROOT, start_new_session=True)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/openapi.json")
        yield url, process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # granian's workers outlive the end of their parent
        process.wait()


def measure_rates(server: Server, *, seconds: float, connections: int) -> None:
    with serving(server.name, "benchmarks.plain:app") as (url, _):
        for what, path, body in (("create", "", BODY), ("read", "/1", None), ("list of 25", "?limit=25", None)):
            headers = {"Content-Type": "application/json"} if body else {}
            load = Load(url=f"{url}/api/tickets{path}", headers=headers, body=body, connections=connections, seconds=seconds)
            server.rates.setdefault(what, []).append(run(load).rate)


def measure_end(server: Server) -> None:
    """Tell it to end with work open, first without and then with a stream that nobody ends."""
    asyncio.run(_end_with_work(server))
    asyncio.run(_end_with_stream(server))


async def _end_with_work(server: Server) -> None:
    with tempfile.TemporaryDirectory() as directory, serving(server.name, "benchmarks.servers:draining") as (url, process):
        mark = Path(directory) / "mark"
        async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=GIVEN_UP) as client:
            await client.get("/behind", params={"mark": str(mark)})
            asked = asyncio.create_task(client.get("/slow"))
            await asyncio.sleep(SLOW / 5)
            server.ended_after["a slow request"] = await _ended(process)
            with suppress(httpx2.HTTPError):
                server.answered = (await asked).status_code == 200
        server.task_ran = mark.exists()


async def _end_with_stream(server: Server) -> None:
    with serving(server.name, "benchmarks.servers:draining") as (url, process):
        async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=GIVEN_UP) as client, client.stream("GET", "/stream") as answer:
            with suppress(httpx2.HTTPError):
                lines = answer.aiter_bytes()
                await anext(lines)
                server.ended_after["an open stream"] = await _ended(process)


async def _ended(process: "subprocess.Popen[bytes]") -> float | None:
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    try:
        await asyncio.to_thread(process.wait, GIVEN_UP)
    except subprocess.TimeoutExpired:
        return None
    return time.monotonic() - began


def main(
    seconds: Annotated[float, typer.Option(min=0.5, max=60)] = 3.0,
    rounds: Annotated[int, typer.Option(min=1, max=9)] = 3,
    connections: Annotated[int, typer.Option(min=1, max=256)] = 32,
) -> None:
    """Measure uvicorn, and granian where it is installed."""
    servers = [Server(name=name) for name in COMMANDS if _version(name)]
    for _ in range(rounds):
        for server in servers:
            measure_rates(server, seconds=seconds, connections=connections)
    for server in servers:
        measure_end(server)
    Console().print(table(servers))


def table(servers: Sequence[Server]) -> Table:
    """Return one column a server."""
    made = Table(title="The same app under each server")
    made.add_column("what")
    for server in servers:
        made.add_column(f"{server.name} {_version(server.name)}", justify="right")
    for what in servers[0].rates:
        made.add_row(f"{what}, requests/s", *(f"{statistics.median(server.rates[what]):,.0f}" for server in servers))
    for what in servers[0].ended_after:
        made.add_row(f"SIGTERM with {what}: ended after", *(_seconds(server.ended_after[what]) for server in servers))
    made.add_row("the slow request was answered", *("yes" if server.answered else "no" for server in servers))
    made.add_row("a BackgroundTask was finished", *("yes" if server.task_ran else "no" for server in servers))
    return made


def _seconds(value: float | None) -> str:
    return f"not within {GIVEN_UP:.0f} s" if value is None else f"{value:.1f} s"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    typer.run(main)
