"""What is measured. Every figure is taken on a desk of our own; ratios compare what was measured in one run, one after the other."""

import asyncio
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from benchmarks.client import Desk, Person
from benchmarks.desk import ADMIN, RunningDesk
from benchmarks.load import Load, run
from deploy.ports import free_ports

BODY = '{"title":"The printer on the second floor burns","body":"It began this morning, in tray 2."}'
_STARTED = 20.0


@dataclass(slots=True)
class Rate:
    """Requests per second of one kind, in each run: of the tickets process, of the plain route, and through the gateway."""

    what: str
    desk: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    gateway: list[float] = field(default_factory=list)
    failed: int = 0

    @property
    def ratios(self) -> list[float]:
        """The desk's share of the plain route's rate, run by run."""
        return [desk / plain for desk, plain in zip(self.desk, self.plain, strict=True)]


@contextmanager
def plain_server() -> Iterator[str]:
    """Run the plain FastAPI app in a process of its own, and give its address."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.plain", str(port)], cwd=Path(__file__).parent.parent)
    try:
        wait_for(f"{url}/api/tickets/1")
        yield url
    finally:
        process.terminate()
        process.wait()


def wait_for(url: str) -> None:
    """Return once the address answers with a 2xx. Raises TimeoutError."""
    end = time.monotonic() + _STARTED
    while True:
        with suppress(urllib.error.URLError):
            urllib.request.urlopen(url, timeout=1).read()
            return
        if time.monotonic() > end:
            raise TimeoutError(f"{url} does not answer.")
        time.sleep(0.05)


async def sign_in(desk: RunningDesk) -> Person:
    async with Desk(desk.url) as client:
        return await client.sign_in(ADMIN, desk.password)


def measure_rates(desk: RunningDesk, admin: Person, *, rounds: int, seconds: float, connections: int) -> list[Rate]:
    """Create, read and list, each on the plain route, on the tickets process and through the gateway, round after round."""
    asked = {"Cookie": admin.cookie, "Sec-Fetch-Site": "same-origin"}
    kinds = (("create", "", BODY), ("read", "/1", None), ("list of 25", "?limit=25", None))
    rates = {what: Rate(what) for what, _, _ in kinds}
    with plain_server() as plain:
        bases = (("plain", plain), ("desk", f"http://127.0.0.1:{desk.ports['tickets']}"), ("gateway", desk.url))
        for _ in range(rounds):
            for what, path, body in kinds:
                for where, base in bases:
                    headers = {**asked, **({"Content-Type": "application/json"} if body else {})}
                    load = Load(url=f"{base}/api/tickets{path}", headers=headers, body=body, connections=connections, seconds=seconds)
                    outcome = run(load)
                    getattr(rates[what], where).append(outcome.rate)
                    rates[what].failed += outcome.failed
    return list(rates.values())


async def measure_click(desk: RunningDesk, admin: Person, *, clicks: int) -> list[float]:
    """Return, in seconds, how long after the answer to an admin's click the requester's open page is told, click by click."""
    async with Desk(desk.url) as client:
        email = f"clicks-{time.time_ns()}@benchmarks.example"
        await client.register("Clara Click", email, desk.password)
        requester = await client.sign_in(email, desk.password)
        ticket = await client.ask("POST", "/api/tickets", requester, {"title": "Click", "body": "Tell me."})
        told: asyncio.Queue[float] = asyncio.Queue()
        listening = asyncio.create_task(_listen(desk.url, requester, told))
        try:
            # the first one proves that the stream is open
            statuses = ["in_progress", "open"] * clicks
            for status in statuses[:2]:
                await client.ask("PUT", f"/api/tickets/{ticket['id']}/status", admin, {"status": status})
                await _next(told, listening)
            waits = []
            for status in statuses[:clicks]:
                await client.ask("PUT", f"/api/tickets/{ticket['id']}/status", admin, {"status": status})
                answered = time.perf_counter()
                waits.append(max(0.0, await _next(told, listening) - answered))
            return waits
        finally:
            listening.cancel()


async def _listen(url: str, person: Person, told: "asyncio.Queue[float]") -> None:
    """Put the time of every notification of the person's stream into the queue."""
    async with (
        httpx2.AsyncClient(base_url=url, timeout=60.0, trust_env=False) as client,
        client.stream("GET", "/api/notifications/stream", headers={"Cookie": person.cookie}) as answer,
    ):
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if line.replace(" ", "") == "event:notification":
                told.put_nowait(time.perf_counter())


async def _next(told: "asyncio.Queue[float]", listening: "asyncio.Task[None]") -> float:
    """Return the next time in the queue. Raises what ended the stream, or TimeoutError."""
    getting = asyncio.create_task(told.get())
    done, _ = await asyncio.wait((getting, listening), timeout=_STARTED, return_when=asyncio.FIRST_COMPLETED)
    if getting in done:
        return getting.result()
    getting.cancel()
    if listening in done:
        listening.result()
    raise TimeoutError("No notification came.")


def measure_memory(desk: RunningDesk, *, rest: float) -> dict[str, float]:
    """Return the proportional set size, in MiB, of each process of a desk that has had nothing to do for `rest` seconds."""
    time.sleep(rest)
    names = {pid: name for name, pid in desk.pids.items()}
    found: dict[str, float] = {}
    for pid in _family(desk.pids["runner"]):
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            name = names.get(pid, "helpers")
            found[name] = found.get(name, 0.0) + _pss(pid)
    return found


def _pss(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _family(root: int) -> list[int]:
    """Return a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            parent = int(stat.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    family = [root]
    for pid in family:
        family += children.get(pid, [])
    return family
