"""Faults of the world around the desk: its broker, its disks, its power, a second process, a pause.

`FAULTS` are those of every run, `LONG` those that take their time.
"""

from tests.faults.world import broker, power, processes, store
from tests.faults.world.fault import Fault, lacking
from tests.faults.world.ground import on_disks

FAULTS: list[Fault] = [*broker.FAULTS, *store.FAULTS, *power.FAULTS, *processes.FAULTS]
LONG: list[Fault] = [*broker.LONG, *store.LONG]

__all__ = ["FAULTS", "LONG", "Fault", "lacking", "on_disks"]
