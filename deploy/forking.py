"""The runner's side of the fork server (`forkserver.py`): it is asked for processes, and tells how they end."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

from deploy.forkserver import NUMBER, READY
from deploy.launching import Command, Executed, NotLaunched, described, execute

_PATIENCE = 10.0
"""Seconds that the fork server has for an answer; one that is silent for longer is killed, and with it all that came from it."""
_DRAIN = 3.0
"""Seconds that a service has when its fork server died: the kernel told it to end, and it holds the port that the next one needs."""


def can_fork() -> bool:
    """Return whether forking is safe here, and processes can be named by descriptors: on Linux, if its kernel has pidfds."""
    if sys.platform != "linux":
        return False  # a macOS process that has used system frameworks cannot be forked safely
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


class Forked:
    """A life that began as a fork. It belongs to the fork server, so we hear of its end from there and signal it by its pidfd."""

    def __init__(self, pid: int, pidfd: int, output: asyncio.StreamReader, life: socket.socket, give_up: Callable[[], None]) -> None:
        """`give_up` is called when the fork server is silent."""
        self.pid, self.output = pid, output
        self._pidfd, self._life, self._give_up = pidfd, life, give_up
        self._over = False

    def signal(self, number: signal.Signals) -> None:
        if not self._over:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    async def end(self) -> str:
        try:
            await _readable(self._pidfd, self._life.fileno())
            status = await _told(self._life, self._give_up)
            if status is None:
                await self._outlive()
        except asyncio.CancelledError:
            self.signal(signal.SIGKILL)  # nobody can, once the pidfd is closed
            raise
        finally:
            self._over = True
            self._life.close()
            os.close(self._pidfd)
        return "ended with the fork server" if status is None else described(status)

    async def _outlive(self) -> None:
        """Wait for the end of a process whose fork server is gone; the kernel has asked it to end."""
        try:
            await asyncio.wait_for(_readable(self._pidfd), _DRAIN)
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await _readable(self._pidfd)


class ForkServer:
    """Launches the fork server, and by it the others."""

    def __init__(self, lifeline: int) -> None:
        """`lifeline` is as in `execute`."""
        self._lifeline = lifeline
        self._server: Executed | None = None
        self._control: socket.socket | None = None
        self._there = asyncio.Event()
        self._closed = False

    async def launch(self, command: Command) -> Executed:
        """Start the fork server itself. What waited for it is forked as soon as its imports are done."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            self._server = await execute(command, self._lifeline, theirs.fileno())
        self._there.clear()
        self._leave()
        self._control = ours
        asyncio.get_running_loop().add_reader(ours, self._hear, ours)
        return self._server

    def _hear(self, control: socket.socket) -> None:
        try:
            said = control.recv(16)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if said == READY:
            self._there.set()
        elif control is self._control:
            self._there.clear()
            self._leave()

    def _leave(self) -> None:
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
            self._control = None

    async def is_ready(self) -> bool:
        """Return whether it has imported everything."""
        return self._there.is_set()

    def close(self) -> None:
        """Ask for nothing more; whoever waits for the fork server waits no longer."""
        self._closed = True
        self._there.set()

    async def fork(self, command: Command) -> Forked:
        """Let the fork server make a process that runs `command.module`, once it is there. Raises NotLaunched."""
        await self._there.wait()
        if self._closed or self._control is None:
            raise NotLaunched("could not begin, for the fork server is stopped")
        read, write = os.pipe()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setblocking(False)
        output = asyncio.StreamReader()
        # the transport owns the reading end from here on, and closes it when the last writer has
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(output), os.fdopen(read, "rb", buffering=0))
        request = json.dumps({"module": command.module, "environment": dict(command.environment)}) + "\n"
        try:
            with theirs:
                socket.send_fds(self._control, [b"fork"], [write, theirs.fileno()])
            await asyncio.get_running_loop().sock_sendall(ours, request.encode())
            pid, pidfd = await _born(ours, self._give_up)
        except OSError as error:
            ours.close()
            raise NotLaunched(f"could not be forked ({error.strerror or error})") from error
        finally:
            os.close(write)
        return Forked(pid, pidfd, output, ours, self._give_up)

    def _give_up(self) -> None:
        if self._server is not None:
            self._server.signal(signal.SIGKILL)


async def _born(life: socket.socket, give_up: Callable[[], None]) -> tuple[int, int]:
    """Return the process id and the pidfd of what was forked. Raises OSError when nothing was."""
    await _heard(life, give_up)
    packed, descriptors, _, _ = socket.recv_fds(life, NUMBER.size, 1)
    if not packed:
        raise OSError("nothing came of it")
    return int(NUMBER.unpack(packed)[0]), descriptors[0]


async def _told(life: socket.socket, give_up: Callable[[], None]) -> int | None:
    """Return the exit status of what has ended, None when the fork server ended first."""
    await _heard(life, give_up)
    try:
        packed = life.recv(NUMBER.size)
    except OSError:
        return None
    return int(NUMBER.unpack(packed)[0]) if packed else None


async def _heard(life: socket.socket, give_up: Callable[[], None]) -> None:
    """Wait until there is something to read; a fork server that is silent for too long is given up, which ends the connection."""
    try:
        await asyncio.wait_for(_readable(life.fileno()), _PATIENCE)
    except TimeoutError:
        give_up()
        await _readable(life.fileno())


async def _readable(*descriptors: int) -> None:
    """Wait until there is something to read from one of them; from a pidfd, that is the end of its process."""
    loop = asyncio.get_running_loop()
    there: asyncio.Future[None] = loop.create_future()
    for descriptor in descriptors:
        loop.add_reader(descriptor, _settle, there)
    try:
        await there
    finally:
        for descriptor in descriptors:
            loop.remove_reader(descriptor)


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
