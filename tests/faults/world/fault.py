"""What a fault of the world is, and how it is seen that the desk has come back from one by itself."""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chassis.settings import SERVICES
from deploy.operator import Operator
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
        with desk.operator() as operator:
            look = Look(desk, operator, since)
            eventually(lambda: look.finds_nothing(look.trouble()), within=_PATIENCE, what=f"a desk that is well after: {self.name}")
            heads = look.heads()
            eventually(lambda: look.finds_nothing(look.lag(heads)), within=_PATIENCE, what=f"what was committed, after: {self.name}")
        took = time.monotonic() - since
        assert took <= self.recovery, f"{self.name}: it took {took:.1f} s, and may take {self.recovery:.0f} s; last seen after{look.found}"
        load.go_on()
        return took


def lacking(fault: Fault, desk: Desk) -> str | None:
    """Return why this fault cannot be done to that desk here, None when it can."""
    return next((f"{fault.name} needs {need}" for need in fault.needs if not NEEDS[need](desk)), None)


NEEDS: Mapping[str, Callable[[Desk], bool]] = {
    "loop devices": has_disks,
    "strace": lambda _: shutil.which("strace") is not None,
}


class Look:
    """Looks at a desk again and again; `found` tells what was found, and how many seconds after `since` it was found last."""

    def __init__(self, desk: Desk, operator: Operator, since: float) -> None:
        self._desk, self._operator, self._since = desk, operator, since
        self._seen: dict[str, float] = {}

    @property
    def found(self) -> str:
        return "".join(f"\n{at:6.1f} s: {trouble}" for trouble, at in self._seen.items())

    def finds_nothing(self, trouble: str | None) -> bool:
        """Remember what was found, and return whether that is nothing."""
        if trouble:
            self._seen[trouble] = time.monotonic() - self._since
        return trouble is None

    def trouble(self) -> str | None:
        """Return what is not well, None when every part answers and no service complains."""
        for part, url in (
            ("broker", f"http://127.0.0.1:{self._desk.file.monitor_port}/healthz"),
            ("gateway", f"{self._desk.url}/api/docs/"),
        ):
            if (status := self._operator.try_url(url)[0]) != 200:
                return f"{part} answers {status}"
        for name in SERVICES:
            _, told = self._operator.try_get(name, "/readyz")
            if not isinstance(told, dict) or told["status"] != "ok":
                return f"{name}: {told['reasons'] if isinstance(told, dict) else 'does not answer'}"
        return None

    def heads(self) -> dict[str, int]:
        """Return how many events each service has committed."""
        return {name: self._operator.get(name, "/internal/caught-up")["head"] for name in SERVICES}

    def lag(self, heads: Mapping[str, int]) -> str | None:
        """Return who lacks what of these, None when the broker holds all and everybody who consumes them has."""
        held = self._held()
        for name, head in heads.items():
            if held.get(name, -1) < min(head, _KEPT):
                return f"the broker lacks events of {name}"
        for name in SERVICES:
            _, told = self._operator.try_get(name, "/internal/caught-up")
            if not isinstance(told, dict):
                return f"{name} does not answer"
            for source, position in told["positions"].items():
                if position < heads[source.strip("/")]:
                    return f"{name} has not consumed all events of {source}"
        return None

    def _held(self) -> dict[str, int]:
        """Return how many events the broker holds of each service."""
        _, told = self._operator.try_url(f"http://127.0.0.1:{self._desk.file.monitor_port}/jsz?streams=true")
        accounts = told.get("account_details") or [] if isinstance(told, dict) else []
        streams = [stream for account in accounts for stream in account.get("stream_detail") or []]
        return {stream["name"].removeprefix("EVENTS_").lower(): stream["state"]["messages"] for stream in streams}
