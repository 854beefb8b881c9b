"""The power of the whole machine is cut: every process ends at once, and of every file only what was synced is left."""

import time

from tests.faults.load import Load
from tests.faults.world.fault import Fault
from tests.faults.world.ground import disks_of
from tests.support.desk import Desk


def cut(desk: Desk, load: Load) -> float:
    """Cut it under load, and start the desk again on what is left."""
    disks = list(disks_of(desk).values())

    def cut_all() -> None:
        for disk in disks:
            disk.cut()

    desk.crash(cut_all)
    for disk in reversed(disks):
        disk.unmount()
    for disk in disks:
        disk.mount()
    since = time.monotonic()
    desk.start()
    desk.wait_until_ready()
    return since


FAULTS = [Fault("power cut", ("loop devices",), cut, 15)]
