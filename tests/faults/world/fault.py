"""What a fault of the world is, and how it is seen that the desk has come back from one by itself."""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chassis.settings import SERVICES
from tests.faults.load import Load
from tests.faults.world.ground import has_disks
from tests.support.desk import Desk
from tests.support.waiting import eventually

Inject = Callable[[Desk, Load], float]
"""Does the harm while people work, and heals what does not heal by itself. Returns the moment (`time.monotonic`) from which on the desk
has to come back."""

_KEPT = 100_000
"""Events that a stream keeps."""
_PATIENCE = 60.0
"""Seconds after which nothing is waited for any more; how long it took is judged afterwards."""


@dataclass(frozen=True)
class Fault:
    """`needs` are among the keys of `NEEDS`; `recovery` is in seconds."""

    name: str
    needs: tuple[str, ...]
    inject: Inject
    recovery: float

    def run(self, desk: Desk, load: Load) -> float:
        """Do it under load; return after how many seconds the desk was ready again. Raises AssertionError when those are too many."""
        load.go_on()
        since = self.inject(desk, load)
        eventually(lambda: is_well(desk), within=_PATIENCE, what=f"a desk that is well after: {self.name}")
        heads = committed(desk)
        eventually(lambda: has_all(desk, heads), within=_PATIENCE, what=f"what was committed by then, after: {self.name}")
        took = time.monotonic() - since
        assert took <= self.recovery, f"{self.name}: the desk came back after {took:.1f} s; {self.recovery:.0f} s are allowed"
        load.go_on()
        return took


def lacking(fault: Fault, desk: Desk) -> str | None:
    """Return why this fault cannot be done to that desk here, None when it can."""
    return next((f"{fault.name} needs {need}" for need in fault.needs if not NEEDS[need](desk)), None)


NEEDS: Mapping[str, Callable[[Desk], bool]] = {
    "loop devices": has_disks,
    "strace": lambda _: shutil.which("strace") is not None,
}


def is_well(desk: Desk) -> bool:
    """Return whether every part answers, and no service complains."""
    if not (desk.answers("broker") and desk.answers("gateway")):
        return False
    with desk.operator() as operator:
        told = [operator.try_get(name, "/readyz")[1] for name in SERVICES]
    return all(isinstance(answer, dict) and answer["status"] == "ok" for answer in told)


def committed(desk: Desk) -> dict[str, int]:
    """Return how many events each service has committed."""
    with desk.operator() as operator:
        return {name: operator.get(name, "/internal/caught-up")["head"] for name in SERVICES}


def has_all(desk: Desk, heads: Mapping[str, int]) -> bool:
    """Return whether the broker holds so much of each service's log, and everybody who consumes it has consumed it."""
    held = _held(desk)
    with desk.operator() as operator:
        told = [operator.try_get(name, "/internal/caught-up")[1] for name in SERVICES]
    if any(held.get(name, -1) < min(head, _KEPT) for name, head in heads.items()) or not all(isinstance(answer, dict) for answer in told):
        return False
    return all(position >= heads[source.strip("/")] for answer in told for source, position in answer["positions"].items())


def caught_up(desk: Desk) -> bool:
    """Return whether everything committed is with the broker, and consumed everywhere."""
    return has_all(desk, committed(desk))


def _held(desk: Desk) -> dict[str, int]:
    """Return how many events the broker holds of each service."""
    with desk.operator() as operator:
        _, told = operator.try_url(f"http://127.0.0.1:{desk.file.monitor_port}/jsz?streams=true")
    accounts = told.get("account_details") or [] if isinstance(told, dict) else []
    streams = [stream for account in accounts for stream in account.get("stream_detail") or []]
    return {stream["name"].removeprefix("EVENTS_").lower(): stream["state"]["messages"] for stream in streams}
