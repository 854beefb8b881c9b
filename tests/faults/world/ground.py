"""What a desk stands on while the world around it breaks: disks that can be filled and cut off, where the machine allows them."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from tests.support import disks
from tests.support.desk import Desk
from tests.support.disks import Disk

WHOLE, TICKETS, BROKER = "whole", "tickets", "broker"


@contextmanager
def on_disks(desk: Desk) -> Iterator[None]:
    """Put a desk that is not started yet on a disk, with a disk each in it for the broker and the store of tickets, until the end of the
    block. Where there can be no disks it stands on plain folders.
    """
    store = desk.data_dir / TICKETS / "tickets.sqlite3"
    desk.environment["TICKETS_DATABASE_URL"] = f"sqlite:///{store}"
    with ExitStack() as stack:
        desk.directory.mkdir(parents=True, exist_ok=True)
        if disks.lacking() is None:
            for disk in disks_of(desk).values():
                stack.callback(disk.discard)
                disk.make()
                disk.mount()
        else:
            store.parent.mkdir(parents=True)
        yield


def disks_of(desk: Desk) -> dict[str, Disk]:
    """Return the disks of a desk by what is on them, in the order in which they are mounted."""
    places = {WHOLE: desk.data_dir, TICKETS: desk.data_dir / TICKETS, BROKER: desk.data_dir / BROKER}
    return {name: Disk(desk.directory / f"{name}.img", place) for name, place in places.items()}


def has_disks(desk: Desk) -> bool:
    """Return whether a desk stands on disks."""
    return all(disk.mounted for disk in disks_of(desk).values())


@contextmanager
def paused(desk: Desk, name: str) -> Iterator[int]:
    """Let one process do nothing until the end of the block, or until the runner has given it up; yield its id."""
    pid = desk.kill(name, signal.SIGSTOP)
    try:
        yield pid
    finally:
        go_on(pid)


def go_on(pid: int) -> None:
    """Let a process do something again, if it is still there."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


@contextmanager
def filled(desk: Desk, *names: str) -> Iterator[Callable[[], None]]:
    """Leave no room on these disks until the end of the block, or until what is yielded is called."""
    disks = [disks_of(desk)[name] for name in names]

    def free() -> None:
        for disk in disks:
            disk.free()

    try:
        for disk in disks:
            disk.fill()
        yield free
    finally:
        free()
