"""Several processes that look through one log, or one file, together, each through its own parts of it.

That holds Python's lock, so threads of a service would only take turns, and take them from its requests. The processes are executed, not
forked (a service has threads), and step back for whoever else wants the processor.
"""

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
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

    def results(self, works: Iterable[Sequence[Any]]) -> Iterator[Any]:
        """Yield, in the order of the works, what came of each; None where the process did not do it."""
        waiting: deque[subprocess.Popen[bytes]] = deque()
        for number, work in enumerate(works):
            if len(waiting) == self._count * _AHEAD:
                yield _answer(waiting.popleft())
            process = self._processes[number % self._count]
            _ask(process, work)
            waiting.append(process)
        while waiting:
            yield _answer(waiting.popleft())


def _ask(process: "subprocess.Popen[bytes]", work: Sequence[Any]) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(work).encode() + b"\n")
        process.stdin.flush()
    except OSError:
        return  # it has died, and gives no answer either


def _answer(process: "subprocess.Popen[bytes]") -> Any:
    assert process.stdout is not None
    line = process.stdout.readline()
    return json.loads(line) if line.endswith(b"\n") else None


def crew_of(url: URL) -> Crew | None:
    """Return who may walk over a store; None where only this process can: it is another database's, or not safe to share."""
    file = url.database
    if url.get_backend_name() != "sqlite" or not file or file == ":memory:" or doubt_about(sqlite_version()) is not None:
        return None
    return Crew(str(Path(file).absolute()), cores())


def cores() -> int:
    """Return how many processes are worth having: one for each processor that this one may use."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MOST)
