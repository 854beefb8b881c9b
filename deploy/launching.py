"""How a process of the desk comes to life: a command, what one life of it looks like, and how those begin that are not forked."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

GUARD = Path(__file__).with_name("guard.py")


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to run. `shown_as` is its argv[0], which `ps` shows; `ready` says whether it is, and is asked until it does.

    `module` is what a fork of the fork server would run in place of all that; empty where only a program will do.
    """

    name: str
    program: str
    shown_as: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    ready: Callable[[], Awaitable[bool]]
    module: str = ""


class Life(Protocol):
    """A process from its start to its end."""

    @property
    def pid(self) -> int: ...

    @property
    def output(self) -> asyncio.StreamReader:
        """What it writes to standard output and standard error, until its end."""
        ...

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal if it still lives; never to another that has got its process id."""
        ...

    async def end(self) -> str:
        """Wait for its end, and return in words how that was. Its output is read meanwhile, or it may wait for that and never end."""
        ...


class NotLaunched(Exception):
    """It could not begin, for the moment; the message says why."""


Launch = Callable[[Command], Awaitable[Life]]
"""Raises NotLaunched."""


class Executed:
    """A life that began with a program of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None, "it was started with a pipe"
        self._process, self.output = process, process.stdout
        self.pid = process.pid

    def signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def end(self) -> str:
        return described(await self._process.wait())


async def execute(command: Command, lifeline: int, stdin: int = subprocess.DEVNULL) -> Executed:
    """Run a program under guard. `lifeline` is the read end of a pipe that ends with us, or -1 on Linux."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(GUARD), str(os.getpid()), str(lifeline), command.shown_as, command.program),
        *command.arguments,
        env=dict(command.environment),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is for the runner, which stops the others in order
        pass_fds=() if lifeline < 0 else (lifeline,),
    )
    return Executed(process)


def described(status: int) -> str:
    """Return in words what an exit status says: negative ones are signals."""
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"
