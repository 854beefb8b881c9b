"""The process runner behind `make run`: the whole desk on one machine, in the foreground.

It starts the broker, then the services, then the gateway; each when the one before is ready. The services are forks of one process that has
imported what they share (`forkserver.py`), where that can be done. What ends is started again; a broker that lives but fails is restarted.
At SIGTERM or SIGINT the gateway is closed first, so that nothing new comes in, then the services, then the broker; a second signal kills.
When the runner itself is killed, everything ends with it (`guard.py`).
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

import httpx2

from chassis import secrets
from chassis.settings import REPLICATED, RESTORE_BEGUN, Settings
from deploy.backups import switching
from deploy.desk_file import DeskFile, holding
from deploy.first_start import prepare, refuse_lost
from deploy.forking import ForkServer, can_fork
from deploy.launching import Command, Launch, execute
from deploy.logs import RotatingLog
from deploy.parts import Plan, broker_command, forkserver_command, gateway_command, plan, service_command
from deploy.ports import require_free
from deploy.process import Process
from deploy.refusal import Refusal
from deploy.terminal import Terminal
from deploy.versions import Stood, sqlite

PATIENCE = 120.0
"""Seconds that a process may take until it is ready; a slow machine that migrates a large store needs some."""
WATCH_EVERY, WATCH_TRIES, WATCH_GRACE = 1.0, 4, 30
"""The broker is asked so often (seconds) and restarted after so many bad answers in a row; a new one has more, to read its streams."""

_WRITE_AGAIN = 1.0
"""Seconds."""
_ONE_SIGNAL = 0.5
"""Seconds within which a second signal is the first one, sent on by a shell, a `timeout` or a closing terminal to the whole group."""


class Desk:
    """One desk, from its start to its end."""

    def __init__(self, where: Plan, terminal: Terminal) -> None:
        self.plan, self._terminal = where, terminal
        self._client = httpx2.AsyncClient(timeout=2.0, trust_env=False)
        self._file = DeskFile(pid=os.getpid(), url=where.url, monitor_port=where.monitor_port, ports=where.ports)
        self._processes: dict[str, Process] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._signals = 0
        self._told = 0.0
        self._unwritten: asyncio.TimerHandle | None = None
        # closed by nobody but the end of this process: what waits for its end ends too
        self._lifeline = -1 if sys.platform == "linux" else os.pipe()[0]
        self._forks = ForkServer(self._lifeline) if can_fork() else None

    async def run(self) -> None:
        """Start everything, say so, and go on until a signal comes or something cannot be kept running. Raises Refusal."""
        self._listen()
        self._begin(self._start(), "start")
        try:
            await self._end
        finally:
            await self._stop()

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._over)
        self._tasks.append(task)

    def _over(self, task: asyncio.Task[None]) -> None:
        """A task that fails ends the desk, with what it raised."""
        if not task.cancelled() and (error := task.exception()) and not self._end.done():
            self._end.set_exception(error)

    async def _start(self) -> None:
        began = time.monotonic()
        self._terminal.tell("desk", f"starting in {self.plan.data_dir}")
        first = [broker_command(self.plan, self._answers)]
        if self._forks:
            first.append(forkserver_command(self.plan, self._forks.is_ready))
        await self._bring_up(first)
        self._begin(self._watch_broker(), "watch broker")
        await self._bring_up([service_command(self.plan, name, self._answers) for name in self.plan.service_ports])
        credential = secrets.ensure(self.plan.settings.secrets_dir, "operator")
        await refuse_lost(self.plan, self._client, credential)
        await self._bring_up([gateway_command(self.plan, self._answers)])
        await prepare(self.plan, self._client, credential, self._terminal)
        for process in self._processes.values():
            process.settled = True
        self._file.ready = True
        self._write_file()
        self._terminal.tell("desk", f"started in {time.monotonic() - began:.1f} s; the API's documents are at {self.plan.url}/api/docs")
        self._terminal.plain(f"Support Ticket Express is ready: {self.plan.url}")

    async def _bring_up(self, commands: list[Command]) -> None:
        began = time.monotonic()
        for command in commands:
            log = RotatingLog(self.plan.data_dir / "log" / f"{command.name}.log")
            process = Process(command, log, self._terminal, self._started, self._launch_of(command))
            self._processes[command.name] = process
            self._begin(process.run(), command.name)

        async def wait_for(process: Process) -> None:
            await process.ready(PATIENCE)
            self._terminal.tell(process.command.name, f"ready after {time.monotonic() - began:.1f} s", "ready")

        await asyncio.gather(*(wait_for(self._processes[command.name]) for command in commands))

    def _launch_of(self, command: Command) -> Launch:
        if self._forks and command.name == "forkserver":
            return self._forks.launch
        if self._forks and command.module:
            return self._forks.fork
        return partial(execute, lifeline=self._lifeline)

    def _started(self, name: str, pid: int) -> None:
        self._file.pids[name] = pid
        self._write_file()

    def _write_file(self) -> None:
        """Say where everything is; on a full disk, again and again until there is room."""
        try:
            self._file.write(self.plan.data_dir)
        except OSError as error:
            if self._unwritten is None:
                self._terminal.tell("desk", f"can not write into {self.plan.data_dir}: {error.strerror}", "warning")
            else:
                self._unwritten.cancel()
            self._unwritten = asyncio.get_running_loop().call_later(_WRITE_AGAIN, self._write_file)
        else:
            self._unwritten = None

    async def _answers(self, url: str) -> bool:
        try:
            return (await self._client.get(url)).status_code == 200
        except httpx2.HTTPError:
            return False

    async def _watch_broker(self) -> None:
        """Restart a broker that lives and fails: after a full disk it refuses everything until it is started anew."""
        broker = self._processes["broker"]
        bad, starts = 0, broker.starts
        while True:
            await asyncio.sleep(WATCH_EVERY)
            if broker.starts != starts:
                bad, starts = 0, broker.starts
            bad = 0 if await self._answers(self.plan.health_url) else bad + 1
            if bad >= (WATCH_TRIES if broker.back else WATCH_GRACE):
                self._terminal.tell("broker", "does not say that it is well; it is killed and started again", "warning")
                broker.kill()
                bad = 0

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        self._signals += 1
        if not self._end.done():
            self._end.set_result(None)
        if self._signals == 1:
            self._told = time.monotonic()
        elif time.monotonic() - self._told > _ONE_SIGNAL:
            for process in self._processes.values():
                process.end_now()

    async def _stop(self) -> None:
        """End everything in order. What took its last request, its last event and its last word ends in that order."""
        self._terminal.tell("desk", "stopping")
        for task in self._tasks:
            if task.get_name() in ("start", "watch broker"):
                task.cancel()
        if self._forks:
            self._forks.close()
        names = list(self._processes)
        for group, patience in (
            (["gateway"], 3.0),
            ([name for name in self.plan.service_ports if name in names], 6.0),
            (["broker", "forkserver"], 2.0),
        ):
            await asyncio.gather(*(self._processes[name].stop(patience) for name in group if name in names))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for process in self._processes.values():
            process.log.close()
        with suppress(httpx2.HTTPError):
            await self._client.aclose()
        self._terminal.tell("desk", "stopped")


def require_room_for_several(settings: Settings, library: Stood) -> None:
    """Raise Refusal when several processes are to run on one store, and the library that opens it can not have that."""
    for service in REPLICATED:
        if len(settings.processes_of(service)) > 1 and settings.database_of(service).startswith("sqlite") and not library.good:
            raise Refusal(
                f"{service} can not run as several processes: SQLite is {library.found}, and {library.why}.",
                f"Unset STE_{service.upper()}_PROCESSES.",
            )


def require_no_restore(settings: Settings) -> None:
    """Raise Refusal when a restore was begun in the data directory and not ended."""
    if (settings.data_dir / RESTORE_BEGUN).exists():
        raise Refusal(f"A restore into {settings.data_dir} was interrupted.", "Say ste restore again: it ends what it began.")


def up(settings: Settings, terminal: Terminal) -> None:
    """Run the desk until it is told to stop. Raises Refusal."""
    os.umask(0o077)  # what the desk writes is its owner's alone
    require_room_for_several(settings, sqlite())
    with holding(settings.data_dir):
        require_no_restore(settings)
        switching.sweep(settings.data_dir)
        where = plan(settings)
        require_free(settings.bind, where.port)
        asyncio.run(_run(where, terminal))


async def _run(where: Plan, terminal: Terminal) -> None:
    await Desk(where, terminal).run()
