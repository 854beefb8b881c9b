"""Several processes that look through one log, or one file, together, each through its own parts of it.

That holds Python's lock, so threads of a service would only take turns, and take them from its requests. The processes are executed, not
forked (a service has threads), and step back for whoever else wants the processor.
"""

import json
import os
import select
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy.engine import URL

from events.store import doubt_about, sqlite_version

EVENTS_WORTH_IT = 20_000
"""A shorter log is walked over in less time than processes need to start."""
MOST = 8
_AHEAD = 2
"""Pieces of work that a process has waiting, so that it is never idle."""
_READ = 64 * 1024


@dataclass(frozen=True, slots=True)
class Crew:
    """So many processes may walk over the SQLite file at once."""

    file: str
    size: int


class Workers:
    """Processes that run a module which answers each line with a line, both in JSON; in the block of a `with`."""

    def __init__(self, module: str, count: int) -> None:
        self._command = [sys.executable, "-m", module]
        self._count = count
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        for _ in range(self._count):
            self._processes.append(subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))  # noqa: S603
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for process in self._processes:
            process.kill()  # it holds nothing that could be lost
        for process in self._processes:
            process.communicate()
        self._processes.clear()

    def results(self, works: Iterable[Sequence[Any]], here: Callable[[Sequence[Any]], Any] | None = None) -> Iterator[Any]:
        """Yield, in the order of the works, what came of each; None where the process did not do it.

        What all are too busy for is done `here`, if that is given, and else waited for. A work is asked for when it can be begun.
        """
        doors = [_Door(process) for process in self._processes]
        pending: deque[_Door | _Done] = deque()
        for work in works:
            while here is None and all(door.owes == _AHEAD for door in doors):
                yield pending.popleft().take()
            door = min(doors, key=lambda each: each.owes)
            if door.owes < _AHEAD:
                door.ask(work)
                pending.append(door)
            elif here is not None:
                pending.append(_Done(here(work)))
            while here is not None and pending and pending[0].is_ready():
                yield pending.popleft().take()
        while pending:
            yield pending.popleft().take()


@dataclass(frozen=True, slots=True)
class _Done:
    """What came of a work that was done here."""

    result: Any

    def is_ready(self) -> bool:
        return True

    def take(self) -> Any:
        return self.result


class _Door:
    """Where a process is asked, and answers in the order in which it was asked; it `owes` so many answers."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.owes = 0
        self._stdin, self._stdout = process.stdin, process.stdout.fileno()
        self._poll = select.poll()
        self._poll.register(self._stdout, select.POLLIN)
        self._said, self._ended = bytearray(), False

    def ask(self, work: Sequence[Any]) -> None:
        self.owes += 1
        try:
            self._stdin.write(json.dumps(work).encode() + b"\n")
            self._stdin.flush()
        except OSError:
            return  # it has died, and gives no answer either

    def is_ready(self) -> bool:
        """Whether the next answer, or that there is none any more, is there without waiting."""
        while not self._ended and b"\n" not in self._said and self._poll.poll(0):
            self._listen()
        return self._ended or b"\n" in self._said

    def take(self) -> Any:
        """Wait for the next answer; None where the process has died."""
        self.owes -= 1
        while not self._ended and b"\n" not in self._said:
            self._listen()
        line, newline, rest = self._said.partition(b"\n")
        self._said = rest
        return json.loads(line) if newline else None

    def _listen(self) -> None:
        some = os.read(self._stdout, _READ)
        self._said += some
        self._ended = not some


def crew_of(url: URL) -> Crew | None:
    """Return who may walk over a store; None where only this process can: it is another database's, or not safe to share."""
    file = url.database
    if url.get_backend_name() != "sqlite" or not file or file == ":memory:" or doubt_about(sqlite_version()) is not None:
        return None
    return Crew(str(Path(file).absolute()), cores())


def cores() -> int:
    """Return how many processes are worth having: one for each processor that this one may use."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MOST)
