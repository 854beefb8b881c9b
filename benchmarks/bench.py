"""One run: its scale, its seed, where it keeps things, and what several suites share, each made when it is first asked for."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar, cast

from benchmarks import peers as peers_
from benchmarks.client import Desk, Person
from benchmarks.datasets import Dataset, Datasets
from benchmarks.desk import RunningDesk, running_desk
from benchmarks.pocketbase import pocketbase
from benchmarks.processes import end
from benchmarks.scale import Scale
from benchmarks.settling import settled
from benchmarks.waiting import wait_for
from deploy.ports import free_ports

T = TypeVar("T")
ROOT = Path(__file__).parent.parent


@dataclass(kw_only=True)
class Bench:
    """`scratch` is a directory of this run's own, on the disk of the checkout. What is shared lives until `release`."""

    scale: Scale
    seed: int
    scratch: Path
    peers: peers_.Peers
    say: Callable[[str], None] = print
    _shared: ExitStack = field(default_factory=ExitStack)
    _kept: dict[str, object] = field(default_factory=dict)

    @cached_property
    def datasets(self) -> Datasets:
        return Datasets(self.scratch / "datasets", self.seed)

    @property
    def dataset(self) -> Dataset:
        """The desk with as many tickets as the scale says."""
        return self.datasets.of(self.scale.tickets)

    @property
    def desk(self) -> RunningDesk:
        """A desk at work on a copy of the dataset, at rest when it is given."""

        def start() -> RunningDesk:
            self.say(f"making {self.scale.tickets:,} tickets")
            dataset = self.dataset
            self.say("starting a desk with it")
            desk = self._shared.enter_context(desk_of(self.datasets, dataset, "desk"))
            asyncio.run(settled(desk))
            return desk

        return self._once("desk", start)

    @property
    def admin(self) -> Person:
        """The admin of `desk`, signed in."""
        return self._once("admin", lambda: asyncio.run(sign_in(self.desk)))

    @property
    def people(self) -> list[Person]:
        """The people of `desk`, signed in; the first of them has more tickets than the others."""
        desk, dataset = self.desk, self.dataset

        async def enter() -> list[Person]:
            async with Desk(desk.url) as client:
                return list(await asyncio.gather(*(client.sign_in(email, desk.password) for email in dataset.emails)))

        return self._once("people", lambda: asyncio.run(enter()))

    @property
    def plain(self) -> str:
        """The address of the plain FastAPI app, in a process of its own."""
        return self._once("plain", lambda: self._shared.enter_context(plain_server()))

    @property
    def pocketbase(self) -> str | None:
        """The address of a PocketBase with as many records as `desk` has tickets; None where there is none."""
        program = self.peers.program("pocketbase")
        if program is None:
            return None
        return self._once(
            "pocketbase", lambda: self._shared.enter_context(pocketbase(program, self.scratch / "pocketbase", self.scale.tickets))
        )

    def release(self) -> None:
        """End what is shared, so that the next figures have the machine for themselves."""
        self._kept.clear()
        self._shared.close()

    def _once(self, name: str, make: Callable[[], T]) -> T:
        if name not in self._kept:
            self._kept[name] = make()
        return cast("T", self._kept[name])


async def sign_in(desk: RunningDesk, email: str = "", password: str = "") -> Person:
    """Return somebody with a session, the admin unless told otherwise."""
    async with Desk(desk.url) as client:
        return await client.sign_in(email or desk.admin, password or desk.password)


@contextmanager
def desk_of(datasets: Datasets, dataset: Dataset, name: str, **settings: str) -> Iterator[RunningDesk]:
    """Run a desk on a copy of a dataset for as long as the block runs; logging in is cheap there."""
    directory = datasets.copy(dataset, name)
    with running_desk(data_dir=directory, password=dataset.password, STE_UNSAFE_BCRYPT_COST="4", **settings) as desk:
        yield desk


@contextmanager
def plain_server() -> Iterator[str]:
    """Run the plain FastAPI app in a process of its own, and give its address."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.plain", str(port)], cwd=ROOT)
    try:
        wait_for(f"{url}/api/tickets/1")
        yield url
    finally:
        end(process)
