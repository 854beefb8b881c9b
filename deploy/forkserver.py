"""The fork server: imports what the services have in common, once, and then makes each of them by a fork: `forkserver.py MODULE…`.

What was imported is shared by all of them until somebody writes to it, and a service that crashed is back without importing anything. The
name and the idea are those of `multiprocessing`. Standard input is a socket of packets. Once the modules are there, READY is sent on it.
Each packet that comes is for one service and brings two descriptors: where its output goes, and a socket for its life. On the latter the
service is told what it is to be, as one line of JSON with `module` and `environment`; then its process id (with a pidfd) comes back and,
when it has ended, its exit status, each as `NUMBER`. The end of the socket of packets is the end of the fork server.

It opens no store, starts no thread and runs no event loop: a fork has but the thread that made it, and locks of others stay locked.
"""

import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import struct
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from setproctitle import setproctitle

from deploy import guard

READY = b"ready"
NUMBER = struct.Struct("!q")
_STDIN, _STDOUT, _STDERR = 0, 1, 2


@dataclass(frozen=True, slots=True)
class _Child:
    pid: int
    pidfd: int
    life: socket.socket


def main(modules: Sequence[str]) -> None:
    """Serve until our runner is gone. In each fork, run the module that was asked for as `python -m` would."""
    setproctitle("ste forkserver")
    preload(modules)
    service = ForkServer(socket.socket(fileno=_STDIN)).serve()
    if service is not None:
        runpy.run_module(service, run_name="__main__", alter_sys=True)


def preload(modules: Iterable[str]) -> None:
    """Import the modules and keep the collector away from what they made: its marks would make copies of shared pages.

    Raises RuntimeError when an import has started a thread: what is forked from then on could hang.
    """
    gc.disable()
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    _give_back()
    gc.freeze()
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise RuntimeError("What was imported has started a thread, and a process with threads cannot be forked safely.")


def _give_back() -> None:
    """Return free memory to the system, where the C library can: every fork would have it again."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class ForkServer:
    """Forks on request and tells of every end. `control` is the socket of packets."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, _Child] = {}
        """By pidfd, which can be read once the child has ended."""
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)

    def serve(self) -> str | None:
        """Return None when the runner is gone and, in a fork, the module that it is to run."""
        self._control.send(READY)
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor in self._children:
                    self._bury(descriptor)
                    continue
                packet, descriptors, _, _ = socket.recv_fds(self._control, 16, 2)
                if not packet:
                    return None
                if len(descriptors) < 2:  # no room for both here; the runner sees that nothing came of it
                    for each in descriptors:
                        os.close(each)
                    continue
                module = self._fork(descriptors[0], socket.socket(fileno=descriptors[1]))
                if module is not None:
                    return module

    def _fork(self, output: int, life: socket.socket) -> str | None:
        """Make a child. Return the module that it is to run in the child, None in the fork server."""
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError:  # no room for one more: the runner sees that nothing came of it, and asks again later
            os.close(output)
            life.close()
            return None
        if pid == 0:
            self._forget()
            return _become(parent, output, life)
        os.close(output)
        try:
            child = _Child(pid, os.pidfd_open(pid), life)
        except OSError:  # nobody could signal it; the runner asks again later
            os.kill(pid, signal.SIGKILL)  # not reaped yet, so it is this one
            os.waitpid(pid, 0)
            life.close()
            return None
        self._children[child.pidfd] = child
        self._poll.register(child.pidfd, select.POLLIN)
        # signals go by the pidfd, which never means another process that got the same number
        _send(life, pid, [child.pidfd])
        return None

    def _forget(self) -> None:
        """Let go, in a child, of what is the fork server's and of the other children."""
        for other in self._children.values():
            os.close(other.pidfd)
            other.life.close()
        self._control.detach()  # it is standard input, which is replaced

    def _bury(self, pidfd: int) -> None:
        child = self._children.pop(pidfd)
        self._poll.unregister(pidfd)
        _, status = os.waitpid(child.pid, 0)
        os.close(pidfd)
        _send(child.life, os.waitstatus_to_exitcode(status), [])
        child.life.close()


def _send(life: socket.socket, number: int, descriptors: list[int]) -> None:
    try:
        socket.send_fds(life, [NUMBER.pack(number)], descriptors)
    except OSError:
        return  # the runner does not want to know


def _become(parent: int, output: int, life: socket.socket) -> str:
    """Turn a fork into a process of its own, and return the module that it is to run."""
    guard.end_with(parent)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, _STDIN), (output, _STDOUT), (output, _STDERR)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(output)
    with life, life.makefile("r", encoding="utf-8") as lines:
        request: dict[str, Any] = json.loads(lines.readline())
    os.environ.clear()
    os.environ.update({**request["environment"], "STE_PARENT_PID": str(parent)})
    gc.enable()
    module = str(request["module"])
    sys.argv[:] = [module]
    return module


if __name__ == "__main__":
    main(sys.argv[1:])
