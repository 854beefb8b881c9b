"""One process of the desk: started under guard, watched, started again when it ends, stopped in good order."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.logs import RotatingLog, headline, last_words
from deploy.refusal import Refusal
from deploy.terminal import Terminal

GUARD = Path(__file__).with_name("guard.py")
FIRST_DELAY, LONGEST_DELAY, STEADY = 0.1, 10.0, 30.0
"""Seconds: before the first restart, at most between two, and the life after which a process counts as healthy again."""
_TRIES_AT_START = 3
_LOOK = 0.1


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to run. `shown_as` is its argv[0], which `ps` shows; `ready` says whether it is, and is asked until it does."""

    name: str
    program: str
    shown_as: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    ready: Callable[[], Awaitable[bool]]


class Process:
    """`run` keeps it going until `stop`; `ready` waits for it."""

    def __init__(self, command: Command, log: RotatingLog, terminal: Terminal, on_start: Callable[[str, int], None], lifeline: int) -> None:
        """`on_start` is told (name, pid) at each start; `lifeline` is the read end of a pipe that ends with us, or -1 on Linux."""
        self.command, self.log, self._terminal = command, log, terminal
        self._on_start, self._lifeline = on_start, lifeline
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self.was_ready = False
        self.settled = False
        """Set once the whole desk is ready."""
        self.starts = 0
        self._returning: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Start it, and start it again whenever it ends. Raises Refusal when it can not even start once."""
        delay = FIRST_DELAY
        try:
            while not self._stopping.is_set():
                began = time.monotonic()
                end = await self._live()
                if self._stopping.is_set():
                    return
                self._give_up_if_hopeless(end)
                delay = FIRST_DELAY if time.monotonic() - began > STEADY else delay
                self._terminal.tell(self.command.name, f"{end}; starting it again in {delay:.1f} s", "warning")
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), delay)
                delay = min(delay * 2, LONGEST_DELAY)
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
            await asyncio.sleep(0.05)
        self.was_ready = True

    async def _say_when_back(self) -> None:
        began = time.monotonic()
        while not await self.command.ready():  # noqa: ASYNC110 (another process gets ready, which sets no event of ours)
            await asyncio.sleep(_LOOK)
        self._terminal.tell(self.command.name, f"ready again after {time.monotonic() - began:.1f} s", "ready")
        self._returning = None

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
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once; unless it is being stopped it is then started again."""
        self.signal(signal.SIGKILL)

    def end_now(self) -> None:
        """End it at once and for good."""
        self._stopping.set()
        self.kill()

    async def _live(self) -> str:
        """Run one process from its start to its end; return in words how that was."""
        command = self.command
        self._process = process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(GUARD), str(os.getpid()), str(self._lifeline), command.shown_as, command.program),
            *command.arguments,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the runner, which stops the others in order
            pass_fds=() if self._lifeline < 0 else (self._lifeline,),
        )
        self.starts += 1
        self._on_start(command.name, process.pid)
        if self._stopping.is_set():
            self.signal(signal.SIGTERM)
        assert process.stdout is not None
        await self._keep(process.stdout)
        return _described(await process.wait())

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


def _described(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"
