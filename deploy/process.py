"""One process of the desk: started under guard, watched, started again when it ends, stopped in good order."""

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from deploy.launching import Command, Launch, Life, NotLaunched
from deploy.logs import RotatingLog, headline, last_words
from deploy.refusal import Refusal
from deploy.terminal import Terminal

FIRST_DELAY, LONGEST_DELAY, STEADY = 0.1, 5.0, 30.0
"""Seconds: before the first restart, at most between two, and the life after which a process that never got ready counts as healthy."""
_TRIES_AT_START = 3
_LOOK = 0.02


class Process:
    """`run` keeps it going until `stop`; `ready` waits for it."""

    def __init__(
        self, command: Command, log: RotatingLog, terminal: Terminal, on_start: Callable[[str, int], None], launch: Launch
    ) -> None:
        """`on_start` is told (name, pid) at each start; `launch` begins each life."""
        self.command, self.log, self._terminal = command, log, terminal
        self._on_start, self._launch = on_start, launch
        self._life: Life | None = None
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self.was_ready = False
        self.settled = False
        """Set once the whole desk is ready."""
        self.starts = 0
        self.back = False
        """Whether it has been ready since it was started last."""
        self._returning: asyncio.Task[None] | None = None
        self._delay = FIRST_DELAY

    async def run(self) -> None:
        """Start it, and start it again whenever it ends. Raises Refusal when it can not even start once."""
        try:
            while not self._stopping.is_set():
                began = time.monotonic()
                end = await self._live()
                self.back = False
                if self._stopping.is_set():
                    return
                self._give_up_if_hopeless(end)
                if time.monotonic() - began > STEADY:
                    self._delay = FIRST_DELAY
                self._terminal.tell(self.command.name, f"{end}; starting it again in {self._delay:.1f} s", "warning")
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), self._delay)
                self._delay = min(self._delay * 2, LONGEST_DELAY)
                if self.was_ready and not self._returning:
                    self._returning = asyncio.create_task(self._say_when_back(), name=f"{self.command.name} is back")
        finally:
            if self._returning:
                self._returning.cancel()
            self.kill()
            self._ended.set()

    async def ready(self, patience: float) -> None:
        """Return when it answers that it is ready. Raises Refusal after `patience` seconds."""
        end = time.monotonic() + patience
        while not await self.command.ready():
            if time.monotonic() > end:
                raise Refusal(
                    f"{self.command.name} is not ready after {patience:.0f} s.\n{last_words(self.log)}", f"All of it: {self.log.path}"
                )
            await asyncio.sleep(_LOOK)
        self.was_ready = self.back = True

    async def _say_when_back(self) -> None:
        began = time.monotonic()
        while not await self.command.ready():  # noqa: ASYNC110 (another process gets ready, which sets no event of ours)
            await asyncio.sleep(_LOOK)
        self._delay = FIRST_DELAY  # it can live: however often it is killed, it is missed for as short as can be
        self._terminal.tell(self.command.name, f"ready again after {time.monotonic() - began:.1f} s", "ready")
        self._returning, self.back = None, True

    async def stop(self, patience: float) -> None:
        """Ask it to end, wait for that, and kill it after `patience` seconds."""
        self._stopping.set()
        if self._ended.is_set():
            return
        self.signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._ended.wait(), patience)
        except TimeoutError:
            self._terminal.tell(self.command.name, f"did not end within {patience:.0f} s and was killed", "warning")
            self.kill()
            await self._ended.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        if self._life is not None:
            self._life.signal(number)

    def kill(self) -> None:
        """End it at once; unless it is being stopped it is then started again."""
        self.signal(signal.SIGKILL)

    def end_now(self) -> None:
        """End it at once and for good."""
        self._stopping.set()
        self.kill()

    async def _live(self) -> str:
        """Run one process from its start to its end; return in words how that was."""
        try:
            self._life = life = await self._launch(self.command)
        except NotLaunched as error:
            return str(error)
        self.starts += 1
        self._on_start(self.command.name, life.pid)
        if self._stopping.is_set():
            self.signal(signal.SIGTERM)
        _, end = await asyncio.gather(self._keep(life.output), life.end())
        return end

    async def _keep(self, stream: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await stream.read(65536):
            self.log.write(chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            rest = rest[-65536:]
            for line in lines:
                self._show(line)

    def _show(self, line: bytes) -> None:
        if not (loud := headline(line)) or self._stopping.is_set():
            return
        level, text = loud
        if level == "error":
            self._terminal.pass_on(self.command.name, text, "error")
        elif self.settled:  # before, everybody waits for somebody and says so
            self._terminal.pass_on(self.command.name, text, "warning")

    def _give_up_if_hopeless(self, end: str) -> None:
        if not self.was_ready and self.starts >= _TRIES_AT_START:
            raise Refusal(
                f"{self.command.name} can not start: {end}, {self.starts} times.\n{last_words(self.log)}", f"All of it: {self.log.path}"
            )
