"""The broker dies, stops, forgets, remembers too little, or has no room."""

import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.load import Load
from tests.faults.world import ground
from tests.faults.world.fault import Fault, Inject
from tests.faults.world.ground import BROKER, filled
from tests.support.desk import Desk
from tests.support.waiting import eventually


def killed(desk: Desk, load: Load) -> float:
    since = time.monotonic()
    _until_another(desk, desk.kill("broker"))
    return since


def paused(seconds: float) -> Inject:
    """Let it do nothing for so long, or until the runner has given it up."""

    def inject(desk: Desk, load: Load) -> float:
        began = time.monotonic()
        with ground.paused(desk, "broker") as pid:
            load.go_on()  # commands are accepted meanwhile
            eventually(lambda: time.monotonic() > began + seconds or desk.pid("broker") != pid, within=seconds + 30)
        return time.monotonic()

    return inject


def given_up(desk: Desk, load: Load) -> float:
    """Let it do nothing until the runner has put another in its place."""
    with ground.paused(desk, "broker") as pid:
        load.go_on()
        _until_another(desk, pid)
    return time.monotonic()


def deleted(desk: Desk, load: Load) -> float:
    """Its data goes while it runs; it works on with the files that it has open, until it ends."""
    gone = _data(desk).rename(_data(desk).with_name("gone"))  # at once: nothing is made in it while it is emptied
    shutil.rmtree(gone)
    load.go_on()
    since = time.monotonic()
    _until_another(desk, desk.kill("broker"))
    return since


def emptied(desk: Desk, load: Load) -> float:
    """Another one comes in its place, which has nothing."""
    return _replaced(desk, load, shutil.rmtree)


def outdated(desk: Desk, load: Load) -> float:
    """It comes back with a copy of its data from before."""
    kept = desk.directory / "broker-before"
    with ground.paused(desk, "broker"):
        shutil.copytree(_data(desk), kept)
    load.go_on()

    def bring_back(data: Path) -> None:
        shutil.rmtree(data)
        shutil.copytree(kept, data)
        shutil.rmtree(kept)

    return _replaced(desk, load, bring_back)


def full(desk: Desk, load: Load) -> float:
    """Its disk is full and then free again, and it refuses everything until it is restarted."""
    with filled(desk, BROKER) as free:
        _until_wedged(desk)
        pid = desk.pid("broker")
        free()
    since = time.monotonic()
    load.go_on()
    _until_another(desk, pid)
    return since


def full_for_long(desk: Desk, load: Load) -> float:
    """Its disk is still full when the runner restarts it, and for a while after."""
    with filled(desk, BROKER) as free:
        pid = desk.pid("broker")
        _until_another(desk, pid)
        _until_wedged(desk)
        load.go_on()
        free()
    return time.monotonic()


def _replaced(desk: Desk, load: Load, replace: Callable[[Path], None]) -> float:
    """Replace its data while it is held, so that it writes nothing into the new, and let it begin with that."""
    pid = desk.kill("broker", signal.SIGSTOP)
    try:
        replace(_data(desk))
        load.go_on()
    finally:
        since = time.monotonic()
        desk.kill("broker")
    _until_another(desk, pid)
    return since


def _until_wedged(desk: Desk) -> None:
    eventually(lambda: not desk.answers("broker"), within=20, what="a broker that says it has no room")


def _data(desk: Desk) -> Path:
    return desk.data_dir / BROKER / "jetstream"


def _until_another(desk: Desk, pid: int) -> None:
    eventually(lambda: desk.pid("broker") != pid, within=60, what="another broker")


FAULTS = [
    Fault("broker killed", (), killed, 10),
    Fault("broker paused for 1 s", (), paused(1), 10),
    Fault("broker paused for 10 s", (), paused(10), 10),
    Fault("broker paused until the runner gives it up", (), given_up, 10),
    Fault("broker's data deleted beneath it", (), deleted, 10),
    Fault("broker replaced by an empty one", (), emptied, 10),
    Fault("broker's data replaced by an older copy", (), outdated, 10),
    Fault("broker's disk full and freed", ("loop devices",), full, 10),
]
LONG = [
    Fault("broker's disk full when it is restarted, and freed", ("loop devices",), full_for_long, 10),
]
