"""What a desk stands on while the world around it breaks: disks that can be filled and cut off, where the machine allows them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support import disks
from tests.support.desk import Desk
from tests.support.disks import Disk

WHOLE, TICKETS, BROKER = "whole", "tickets", "broker"


@contextmanager
def desk_on_disks(directory: Path) -> Iterator[Desk]:
    """Run a desk whose data directory is a disk, with a disk each in it for the broker and the store of tickets.

    Where there can be no disks it stands on plain folders.
    """
    data_dir = directory / "var"
    desk = Desk(directory, environment={"TICKETS_DATABASE_URL": f"sqlite:///{data_dir / TICKETS / 'tickets.sqlite3'}"})
    with ExitStack() as stack:
        directory.mkdir(parents=True, exist_ok=True)
        if disks.lacking() is None:
            for disk in disks_of(desk).values():
                stack.callback(disk.discard)
                disk.make()
                disk.mount()
        else:
            (data_dir / TICKETS).mkdir(parents=True)
        yield stack.enter_context(desk)


def disks_of(desk: Desk) -> dict[str, Disk]:
    """Return the disks of a desk by what is on them, in the order in which they are mounted."""
    places = {WHOLE: desk.data_dir, TICKETS: desk.data_dir / TICKETS, BROKER: desk.data_dir / BROKER}
    return {name: Disk(desk.directory / f"{name}.img", place) for name, place in places.items()}


def has_disks(desk: Desk) -> bool:
    """Return whether a desk stands on disks."""
    return all(disk.mounted for disk in disks_of(desk).values())


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


def store_of(desk: Desk, service: str) -> Path:
    """Return the file that holds a service's store."""
    own = desk.data_dir / service / f"{service}.sqlite3"
    return own if own.exists() else desk.data_dir / f"{service}.sqlite3"
